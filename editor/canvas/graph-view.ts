/** The graph on the screen: the one door to litegraph. Plain data in, plain data and events out. */
import { LGraph, LGraphNode, LiteGraph } from 'litegraph.js'
import { isLinkable, type Workflow } from '../../workflows/graph.ts'
import { AFTER_RUN, type Definition, type Definitions } from '../ports.ts'
import type { Graph, GraphNode, Pending, Point, Value } from '../shell.ts'
import type { Picture } from '../state.ts'
import type { GraphEvents } from './graph-events.ts'
import { onPinch, onResize } from './gestures.ts'
import { GraphCanvas, prepare } from './graph-canvas.ts'
import { BYPASSED, MUTED, registerNodes, type NodeHost } from './node-class.ts'
import { createPictures } from './pictures.ts'
import { applyColours, readColours, settle, type Colours } from './theme.ts'

export type GraphView = {
  register(definitions: Definitions): void
  load(workflow: Workflow): void
  save(): Workflow
  graph(): Graph
  redraw(): void
  recolour(): void
  add(type: string, at: Point, pending?: Pending): string | undefined
  setValue(node: string, field: string, value: Value): void
  setTitle(node: string, title: string): void
  select(ids: readonly string[]): void
  /** Selects a node and brings it into view. */
  focus(id: string): void
  nodeAt(page: Point): string | undefined
  /** Middle of the visible part, in page pixels. */
  middle(): Point
  fit(): void
  zoom(by: number): void
  resetZoom(): void
  copy(): void
  paste(connectInputs: boolean): void
  selectAll(): void
  remove(): void
  toggle(what: 'mute' | 'bypass' | 'collapse'): void
  group(): void
  duplicate(): void
  /** Seeds with an "after run" control move on. True when a value changed. */
  afterRun(): boolean
  focusCanvas(): void
}

export function createGraphView(element: HTMLCanvasElement, events: GraphEvents): GraphView {
  settle()
  let colours: Colours = readColours(element)
  let definitions: Definitions = new Map()
  const graph = new LGraph()
  const canvas = new GraphCanvas(element, graph, events)
  const redraw = () => canvas.setDirty(true, true)
  const pictures = createPictures(events.imageUrl, redraw)
  const host: NodeHost = {
    colours: () => colours,
    view: events.view,
    picture: (image): Picture | undefined => pictures.get(image),
    grew: events.grew,
    changed: events.changing,
    type: at => events.type(at, canvas.pageRect(at), canvas.ds.scale),
    choose: at => events.choose(at, canvas.pageRect(at)),
    upload: events.upload,
  }
  prepare(canvas, () => colours)
  onResize(element, canvas)
  onPinch(element, canvas)
  canvas.startRendering()

  const node = (id: string) => graph.nodes.find(node => String(node.id) === id)
  const selected = () => Object.values(canvas.selected_nodes)
  const recolour = () => {
    colours = readColours(element)
    const types = [...definitions.values()].flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(port => port.type))
    applyColours(canvas, colours, new Set(types))
  }
  const select = (ids: readonly string[]) => {
    canvas.deselectAll()
    canvas.selectItems(ids.flatMap(id => node(id) ?? []))
    redraw()
  }

  return {
    register(next) {
      definitions = next
      registerNodes(next.values(), host)
      recolour()
    },
    load(workflow) {
      canvas.deselectAll()
      graph.configure(structuredClone(workflow) as never)
      for (const node of graph.nodes) if (node.constructor === LGraphNode) dressUnknown(node, () => colours)
      for (const group of graph.groups) group.recomputeInsideNodes()
      redraw()
    },
    save: () => structuredClone(graph.serialize({ sortNodes: true })) as unknown as Workflow,
    graph: () => ({
      nodes: graph.nodes.map(describe).sort((a, b) => Number(a.id) - Number(b.id)),
      selection: selected().map(node => String(node.id)),
    }),
    redraw,
    recolour,
    add: (type, at, pending) => add(canvas, definitions.get(type), at, pending),
    setValue(id, field, value) {
      const widget = node(id)?.widgets?.find(widget => widget.name === field)
      if (widget) widget.value = value
      redraw()
    },
    setTitle(id, title) {
      const found = node(id)
      if (found) found.title = title || (definitions.get(found.type)?.title ?? found.type)
      redraw()
    },
    select,
    focus(id) {
      const found = node(id)
      if (!found) return
      select([id])
      canvas.centerOn(found)
    },
    nodeAt(page) {
      const [x, y] = canvas.toGraph(page)
      const found = graph.getNodeOnPos(x, y)
      return found ? String(found.id) : undefined
    },
    middle: () => canvas.middle(),
    fit: () => canvas.fit(selected().length > 1 ? selected() : graph.nodes),
    zoom(by) {
      const { x, y } = canvas.middle()
      canvas.ds.changeScale(canvas.ds.scale * by, [x, y])
      redraw()
    },
    resetZoom() {
      const { x, y } = canvas.middle()
      canvas.ds.changeScale(1, [x, y])
      redraw()
    },
    copy: () => canvas.copyToClipboard(),
    paste: connectInputs => canvas.pasteFromClipboard({ connectInputs }),
    selectAll: () => canvas.selectItems(),
    remove: () => canvas.deleteSelected(),
    toggle(what) {
      const nodes = selected()
      const mode = what === 'mute' ? MUTED : BYPASSED
      const all = nodes.every(node => (node.mode as number) === mode)
      for (const node of nodes) what === 'collapse' ? node.collapse() : (node.mode = all ? 0 : (mode as never))
      redraw()
    },
    group: () => canvas.groupSelection(),
    duplicate() {
      const kept = localStorage.getItem('litegrapheditor_clipboard')
      canvas.copyToClipboard()
      const [first] = selected()
      if (first) canvas.pasteFromClipboard({ connectInputs: true, position: [first.pos[0] + 40, first.pos[1] + 40] })
      if (kept !== null) localStorage.setItem('litegrapheditor_clipboard', kept)
    },
    afterRun: () => graph.nodes.map(node => advanceSeeds(node, definitions.get(node.type))).some(Boolean),
    focusCanvas: () => element.focus({ preventScroll: true }),
  }
}

/** A node of a type this server does not have: kept as it came (litegraph saves it word for word), framed like any other error. */
function dressUnknown(node: LGraphNode, colours: () => Colours): void {
  node.title ||= node.type
  node.strokeStyles['error'] = () => ({ color: colours().danger, lineWidth: 2, padding: 1 })
}

function describe(node: LGraphNode): GraphNode {
  const links: Record<string, { node: string; slot: number }> = {}
  for (const input of node.inputs) {
    const link = input.link == null ? undefined : node.graph?.links.get(input.link)
    if (link) links[input.name] = { node: String(link.origin_id), slot: link.origin_slot }
  }
  return {
    id: String(node.id),
    type: node.type,
    title: node.getTitle() || node.type,
    mode: node.mode,
    values: Object.fromEntries((node.widgets ?? []).map(widget => [widget.name, widget.value as Value])),
    links,
  }
}

function add(
  canvas: GraphCanvas,
  definition: Definition | undefined,
  at: Point,
  pending: Pending | undefined,
): string | undefined {
  const graph = canvas.graph
  const node = definition && LiteGraph.createNode(definition.type)
  if (!graph || !node) return undefined
  const [x, y] = canvas.toGraph(at)
  node.pos = pending?.side === 'input' ? [x - node.size[0], y + 15] : pending ? [x, y + 15] : [x - node.size[0] / 2, y]
  graph.add(node)
  const other = pending && graph.nodes.find(({ id }) => String(id) === pending.node)
  if (pending && other) connect(node, other, pending)
  canvas.deselectAll()
  canvas.selectItems([node])
  canvas.setDirty(true, true)
  return String(node.id)
}

function connect(node: LGraphNode, other: LGraphNode, { side, slot, type }: Pending): void {
  if (side === 'output') {
    const fitting = node.inputs.findIndex(input => isLinkable(type, String(input.type)))
    if (fitting >= 0) other.connect(slot, node, fitting)
  } else {
    const fitting = node.outputs.findIndex(output => isLinkable(String(output.type), type))
    if (fitting >= 0) node.connect(fitting, other, slot)
  }
}

function advanceSeeds(node: LGraphNode, definition: Definition | undefined): boolean {
  const widgets = node.widgets ?? []
  return widgets
    .map((control, i) => {
      const seed = widgets[i - 1]
      const field = seed && definition?.inputs.find(port => port.name === seed.name)?.field
      if (control.name !== AFTER_RUN || field?.kind !== 'number' || control.value === 'fixed') return false
      const [now, span] = [Number(seed.value), Math.min(field.max - field.min, 2 ** 50)]
      const next =
        control.value === 'increment'
          ? now + 1
          : control.value === 'decrement'
            ? now - 1
            : field.min + Math.floor(Math.random() * span)
      seed.value = next > field.max ? field.min : next < field.min ? field.max : next
      return true
    })
    .some(Boolean)
}
