import { LGraphCanvas, LGraphGroup, LGraphNode, LiteGraph, type LGraph, type LinkSegment } from 'litegraph.js'
import type { Pending, Point } from '../shell.ts'
import { drawGrid } from './gestures.ts'
import type { GraphEvents } from './graph-events.ts'
import { BYPASSED, MUTED } from './node-class.ts'
import type { Colours } from './theme.ts'
import type { FieldAt } from './widgets.ts'

/** litegraph's canvas with its own menus, dialogs and keys replaced by events. */
export class GraphCanvas extends LGraphCanvas {
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

export function prepare(canvas: GraphCanvas, colours: () => Colours): void {
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
