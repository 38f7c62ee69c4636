/**
 * Our part of ComfyUI's page (spec/comfyui.md 5.6): a tab with the prototypes of the loaded checkpoint, and the curves and
 * tables of nodes under them. The page imports this module at its start because `GET /extensions` lists it.
 */
import { render } from 'preact'
import * as v from 'valibot'
import type { Ui } from '../../nodes/node.ts'
import { valuesIn } from '../bank.ts'
import { Bank, createTold } from './bank.tsx'
import { checkpointOf, editPrototype, nodesOf, type Api, type App, type ComfyNode, type Tab } from './comfy.ts'
import { hasData, NodeData } from './data.tsx'
import './style.css'

/** This file's address, in a name of its own: the bundler would take a file beside it along. */
const here = import.meta.url
const load = async <T,>(file: string): Promise<T> => (await import(/* @vite-ignore */ new URL(file, here).href)) as T

const { app } = await load<{ app: App }>('../../scripts/app.js')
const told = createTold()

/** The tab asks the graph again whenever that may have changed. */
const lookAtGraph = () => told.update(now => ({ ...now, checkpoint: checkpointOf(app) ?? now.checkpoint }))

let shown: HTMLElement | undefined
const tab: Tab = {
  id: 'patronus-prototypes',
  title: 'Prototypes',
  icon: 'pi pi-th-large',
  tooltip: 'Prototypes of the loaded checkpoint',
  type: 'custom',
  render: element => {
    lookAtGraph()
    shown = element
    render(<Bank told={told} onEdit={index => editPrototype(app, index)} />, element)
  },
  destroy: () => {
    if (shown) render(null, shown)
    shown = undefined
  },
}

app.registerExtension({
  name: 'Patronus.Prototypes',
  // Pages before 1.3 have no side bar for others, and some have no bottom panel: whichever is there.
  bottomPanelTabs: [tab],
  setup: async () => {
    addStyle()
    app.extensionManager?.registerSidebarTab?.({ ...tab, id: 'patronus-prototypes-side' })
    const { api } = await load<{ api: Api }>('../../scripts/api.js')
    api.addEventListener('execution_start', lookAtGraph)
    api.addEventListener('patronus.activations', ({ detail }) => hearActivations(detail))
    api.addEventListener('executing', ({ detail }) => {
      if (detail === null || (detail as { node?: unknown }).node === null) told.update(now => ({ ...now, live: undefined }))
    })
  },
  beforeRegisterNodeDef: ({ prototype }) => {
    const before = prototype.onExecuted
    prototype.onExecuted = function (output) {
      before?.call(this, output)
      showData(this, output)
    }
  },
  afterConfigureGraph: () => {
    lookAtGraph()
    void replaceStarter()
  },
})

const Activations = v.object({ s: v.array(v.array(v.number())) })

function hearActivations(detail: unknown): void {
  const { output } = v.safeParse(Activations, detail) as { output?: { s: number[][] } }
  if (output?.s?.[0]) told.update(now => ({ ...now, live: output.s[0] }))
}

const drawn = new WeakMap<ComfyNode, HTMLElement>()

function showData(node: ComfyNode, output: Ui): void {
  const onImage = valuesIn(output)
  if (onImage) told.update(now => ({ ...now, onImage }))
  const element = drawn.get(node) ?? (hasData(output) ? addElement(node) : undefined)
  if (element) render(<NodeData output={output} />, element)
}

/** Room for the data under a node's own widgets. Nothing of it is saved with the graph. */
function addElement(node: ComfyNode): HTMLElement | undefined {
  if (!node.addDOMWidget) return undefined
  const element = document.createElement('div')
  const widget = node.addDOMWidget('patronus_data', 'patronus', element, { serialize: false })
  widget.serialize = false
  const [width, height] = node.size
  node.setSize?.([Math.max(width, 420), height + 280])
  drawn.set(node, element)
  return element
}

function addStyle(): void {
  const href = new URL('patronus.css', here).href
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }))
}

/** The graph that ComfyUI's page opens for somebody who has none: six kinds of nodes, none of which is here. */
const starter = ['CheckpointLoaderSimple', 'CLIPTextEncode', 'EmptyLatentImage', 'KSampler', 'VAEDecode', 'SaveImage']
let replaced = false

/** Puts the first shipped workflow in the place of that one; a graph that a person made is never touched. */
async function replaceStarter(): Promise<void> {
  const types = new Set(nodesOf(app).map(({ type }) => type ?? ''))
  if (replaced || types.size !== starter.length || !starter.every(type => types.has(type))) return
  replaced = true
  const response = await fetch('./api/workflow_templates/patronus/edit-prototype.json')
  if (response.ok) await app.loadGraphData?.(await response.json())
}
