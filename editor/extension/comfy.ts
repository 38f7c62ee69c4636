/**
 * What of ComfyUI's page this module touches: documented hooks and objects only (docs.comfy.org, "Javascript Extensions").
 * Everything that older or newer pages may lack is optional, and is asked for before it is used.
 */
import type { Ui } from '../../nodes/node.ts'

export type Widget = { name: string; value?: unknown; callback?(value: unknown): void; serialize?: boolean }

export type ComfyNode = {
  id: number | string
  type?: string
  mode?: number
  widgets?: Widget[]
  outputs?: { type?: unknown }[]
  size: [number, number]
  setSize?(size: [number, number]): void
  addDOMWidget?(name: string, type: string, element: HTMLElement, options?: object): Widget
}

export type NodeType = { prototype: { onExecuted?(this: ComfyNode, output: Ui): void } }

export type Graph = { nodes?: ComfyNode[]; _nodes?: ComfyNode[]; setDirtyCanvas?(front: boolean, back: boolean): void }

export type Tab = {
  id: string
  title: string
  type: 'custom'
  icon?: string
  tooltip?: string
  render(element: HTMLElement): void
  destroy?(): void
}

export type Extension = {
  name: string
  setup?(): void | Promise<void>
  addCustomNodeDefs?(definitions: Record<string, unknown>): void
  beforeRegisterNodeDef?(nodeType: NodeType): void
  afterConfigureGraph?(): void
  bottomPanelTabs?: Tab[]
}

export type App = {
  graph?: Graph
  registerExtension(extension: Extension): void
  loadGraphData?(workflow: unknown): unknown
  extensionManager?: { registerSidebarTab?(tab: Tab): void }
}

export type Api = { addEventListener(type: string, listener: (event: { detail: unknown }) => void): void }

export const nodesOf = ({ graph }: App): ComfyNode[] => graph?.nodes ?? graph?._nodes ?? []

/** The checkpoint that the first active node with a PATRONUS output loads. */
export function checkpointOf(app: App): string | undefined {
  for (const { mode = 0, outputs = [], widgets = [] } of nodesOf(app)) {
    if (mode !== 0 || !outputs.some(({ type }) => type === 'PATRONUS')) continue
    const file = widgets.find(({ value }) => typeof value === 'string' && value.endsWith('.safetensors'))
    if (file) return String(file.value)
  }
  return undefined
}

/** Sets a widget as a hand would. */
function set(node: ComfyNode, name: string, value: unknown): void {
  const widget = node.widgets?.find(widget => widget.name === name)
  if (!widget) return
  widget.value = value
  widget.callback?.(value)
}

/** Writes a prototype into the first node that edits one; false when the graph has none. */
export function editPrototype(app: App, index: number): boolean {
  const has = (node: ComfyNode, ...names: string[]) => names.every(name => node.widgets?.some(widget => widget.name === name))
  const node = nodesOf(app).find(node => has(node, 'prototype', 'mode', 'value'))
  if (!node) return false
  set(node, 'prototype', index)
  if (node.widgets?.find(({ name }) => name === 'mode')?.value === 'none') set(node, 'mode', 'maximum')
  app.graph?.setDirtyCanvas?.(true, true)
  return true
}
