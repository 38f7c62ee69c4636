/** The graph on the screen: the one door to litegraph. Plain data in, plain data and events out. */
import { LGraph, LGraphCanvas, LGraphGroup, LGraphNode, LiteGraph, type LinkSegment } from 'litegraph.js'
import { isLinkable, type Workflow } from '../../workflows/graph.ts'
import { AFTER_RUN, type Definition, type Definitions } from '../ports.ts'
import type { Graph, GraphNode, Pending, Point, Value } from '../shell.ts'
import type { NodeView, Picture } from '../state.ts'
import type { SavedImage } from '../../nodes/node.ts'
import { drawGrid, onPinch, onResize } from './gestures.ts'
import { BYPASSED, MUTED, registerNodes, type NodeHost } from './node-class.ts'
import { createPictures } from './pictures.ts'
import { applyColours, readColours, settle, type Colours } from './theme.ts'
import type { FieldAt } from './widgets.ts'

export type MenuTarget = {
  readonly at: Point
  readonly node?: string
  readonly group?: () => void
  readonly unlink?: () => void
  readonly reroute?: () => void
}
export type GraphEvents = {
  readonly view: (id: string) => NodeView | undefined
  readonly imageUrl: (image: SavedImage) => string
  /** A gesture on the canvas ended; the graph may have changed. */
  readonly gesture: () => void
  /** A field is being dragged. */
  readonly changing: () => void
  /** The graph changed by itself (a node grew). */
  readonly grew: () => void
  readonly selected: () => void
  readonly zoomed: (scale: number) => void
  readonly menu: (target: MenuTarget) => void
  readonly palette: (at: Point, pending?: Pending) => void
  readonly type: (at: FieldAt, page: DOMRect, scale: number) => void
  readonly choose: (at: FieldAt, page: DOMRect) => void
  readonly upload: (at: FieldAt) => void
  readonly opened: (node: string) => void
}

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
  const canvas = new Canvas(element, graph, events)
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

/** litegraph's canvas with its own menus, dialogs and keys replaced by events. */
class Canvas extends LGraphCanvas {
  private readonly events: GraphEvents

  constructor(element: HTMLCanvasElement, graph: LGraph, events: GraphEvents) {
    super(element, graph, { skip_render: true })
    this.events = events
    element.tabIndex = 0
    element.setAttribute('role', 'application')
    element.addEventListener('pointerup', () => queueMicrotask(events.gesture))
    element.addEventListener('litegraph:canvas', event => this.heard(event as CustomEvent<CanvasEvent>))
    this.onSelectionChange = () => queueMicrotask(events.selected)
    this.ds.onChanged = scale => events.zoomed(scale)
  }

  private heard({ detail }: CustomEvent<CanvasEvent>): void {
    const at = { x: detail.originalEvent?.clientX ?? 0, y: detail.originalEvent?.clientY ?? 0 }
    if (detail.subType === 'empty-double-click') this.events.palette(at)
    if (detail.subType === 'node-double-click' && detail.node) this.events.opened(String(detail.node.id))
    if (detail.subType === 'empty-release') {
      const pending = this.pending()
      if (pending) this.events.palette(at, pending)
    }
  }

  /** The end of a new link that hangs in the air; none when an existing link was pulled off. */
  private pending(): Pending | undefined {
    const { renderLinks, inputLinks, outputLinks, state } = this.linkConnector
    const [link] = renderLinks
    if (!link || inputLinks.length || outputLinks.length || !(link.node instanceof LGraphNode)) return undefined
    return {
      node: String(link.node.id),
      slot: link.fromSlotIndex,
      side: state.connectingTo === 'input' ? 'output' : 'input',
      type: String(link.fromSlot.type),
    }
  }

  override drawNode(node: LGraphNode, ctx: CanvasRenderingContext2D): void {
    this.editor_alpha = node.mode === (MUTED as never) ? 0.4 : node.mode === (BYPASSED as never) ? 0.55 : 1
    super.drawNode(node, ctx)
    this.editor_alpha = 1
  }

  /** Links of the selected nodes: wider, in their own colour. litegraph makes them white, which a light page swallows. */
  override renderLink(...args: Parameters<LGraphCanvas['renderLink']>): void {
    const link = args[3]
    if (!link || !this.highlighted_links[link.id]) return super.renderLink(...args)
    const { [link.id]: mark, ...others } = this.highlighted_links
    const all = this.highlighted_links
    this.highlighted_links = others
    this.connections_width = mark ? 4 : 2.5
    super.renderLink(...args)
    this.connections_width = 2.5
    this.highlighted_links = all
  }

  override processContextMenu(
    node: LGraphNode | undefined,
    event: { clientX: number; clientY: number; canvasX: number; canvasY: number },
  ): void {
    const group = this.graph?.getGroupOnPos(event.canvasX, event.canvasY)
    this.events.menu({
      at: { x: event.clientX, y: event.clientY },
      node: node && String(node.id),
      group: !node && group ? () => this.graph?.remove(group) : undefined,
    })
  }

  override showLinkMenu(segment: LinkSegment, event: { clientX: number; clientY: number }): boolean {
    this.events.menu({
      at: { x: event.clientX, y: event.clientY },
      unlink: () => this.graph?.removeLink(Number(segment.id)),
      reroute: () => this.graph?.createReroute(segment._pos, segment as never),
    })
    return false
  }

  /** Keys are commands of the page; litegraph only gets to know about Shift and Escape. */
  override processKey(event: KeyboardEvent): void {
    if (event.key === 'Shift' || (event.key === 'Escape' && this.linkConnector.isConnecting)) super.processKey(event)
  }

  toGraph({ x, y }: Point): [number, number] {
    const box = this.canvas.getBoundingClientRect()
    return this.ds.convertCanvasToOffset([x - box.left, y - box.top]) as [number, number]
  }

  pageRect({ node, rect }: FieldAt): DOMRect {
    const box = this.canvas.getBoundingClientRect()
    const [x, y] = this.ds.convertOffsetToCanvas([node.pos[0] + rect.x, node.pos[1] + rect.y])
    return new DOMRect(box.left + x, box.top + y, rect.width * this.ds.scale, rect.height * this.ds.scale)
  }

  middle(): Point {
    const box = this.canvas.getBoundingClientRect()
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 }
  }

  /** All of `nodes` in view, never larger than life. */
  fit(nodes: readonly LGraphNode[]): void {
    if (!nodes.length) return
    const left = Math.min(...nodes.map(node => node.pos[0]))
    const top = Math.min(...nodes.map(node => node.pos[1] - LiteGraph.NODE_TITLE_HEIGHT))
    const right = Math.max(...nodes.map(node => node.pos[0] + node.size[0]))
    const bottom = Math.max(...nodes.map(node => node.pos[1] + node.size[1]))
    const box = this.canvas.getBoundingClientRect()
    const margin = 48
    const scale = Math.min(1, (box.width - 2 * margin) / (right - left), (box.height - 2 * margin) / (bottom - top))
    this.ds.scale = Math.max(this.ds.min_scale, scale)
    this.ds.offset = [box.width / 2 / this.ds.scale - (left + right) / 2, box.height / 2 / this.ds.scale - (top + bottom) / 2]
    this.setDirty(true, true)
  }

  /** `node` in the middle, at a size that can be read. */
  centerOn(node: LGraphNode): void {
    const box = this.canvas.getBoundingClientRect()
    if (this.shows(node)) return
    this.ds.scale = Math.max(0.7, this.ds.scale)
    const [x, y] = [node.pos[0] + node.size[0] / 2, node.pos[1] + node.size[1] / 2]
    this.ds.offset = [box.width / 2 / this.ds.scale - x, box.height / 2 / this.ds.scale - y]
    this.setDirty(true, true)
  }

  /** Whether all of `node` is in view, large enough to be read. */
  private shows({ pos, size }: LGraphNode): boolean {
    const box = this.canvas.getBoundingClientRect()
    const [left, top] = this.ds.convertOffsetToCanvas([pos[0], pos[1] - LiteGraph.NODE_TITLE_HEIGHT])
    const [right, bottom] = this.ds.convertOffsetToCanvas([pos[0] + size[0], pos[1] + size[1]])
    return this.ds.scale > 0.45 && left >= 0 && top >= 0 && right <= box.width && bottom <= box.height
  }

  groupSelection(): void {
    if (!this.selectedItems.size) return
    const group = new LGraphGroup('Group')
    this.graph?.add(group)
    group.resizeTo(this.selectedItems, 20)
    group.recomputeInsideNodes()
    this.setDirty(true, true)
  }
}

type CanvasEvent = {
  readonly subType: string
  readonly originalEvent?: { clientX: number; clientY: number }
  readonly node?: LGraphNode
}

function prepare(canvas: Canvas, colours: () => Colours): void {
  Object.assign(canvas, {
    allow_searchbox: false,
    show_info: false,
    render_canvas_border: false,
    render_connections_border: false,
    background_image: '',
    connections_width: 2.5,
    low_quality_zoom_threshold: 0.35,
    zoom_speed: 1.08,
    linkMarkerShape: 0,
  })
  canvas.ds.min_scale = 0.15
  canvas.ds.max_scale = 4
  canvas.onRenderBackground = (element, ctx) => drawGrid(element, ctx, canvas.ds, colours())
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

function add(canvas: Canvas, definition: Definition | undefined, at: Point, pending: Pending | undefined): string | undefined {
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
