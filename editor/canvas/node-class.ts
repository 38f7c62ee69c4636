/** litegraph's node classes, made from what the server says about its nodes. Drawing only; what a node shows comes from the state. */
import { LGraphNode, LiteGraph } from 'litegraph.js'
import type { SavedImage } from '../../nodes/node.ts'
import { duration } from '../format.ts'
import type { Definition } from '../ports.ts'
import type { NodeView, Picture } from '../state.ts'
import { inputFile } from './input-file.ts'
import { cells, type Box } from './cells.ts'
import { drawPicture } from './pictures.ts'
import { categoryColour, FONT, MONO, type Colours } from './theme.ts'
import { fieldWidgets, fitText, wrapText, type WidgetHost } from './widgets.ts'

export type NodeHost = WidgetHost & {
  readonly view: (id: string) => NodeView | undefined
  readonly picture: (image: SavedImage) => Picture | undefined
  /** Makes litegraph's own record of sizes part of the present snapshot: the node grew by itself. */
  readonly grew: () => void
}

/** Room a node makes for its first picture, in canvas units. */
const PICTURE_HEIGHT = 172
const PADDING = 10
/** A node with at least this much room below its fields is waiting for a picture, and shows where it will be. */
const PLACEHOLDER_FROM = 80
/** Litegraph's modes. */
export const MUTED = 2
export const BYPASSED = 4

/** Registers a class for every definition, replacing older ones of the same type. */
export function registerNodes(definitions: Iterable<Definition>, host: NodeHost): void {
  for (const definition of definitions) LiteGraph.registerNodeType(definition.type, nodeClass(definition, host))
}

function nodeClass(definition: Definition, host: NodeHost): typeof LGraphNode {
  const stripe = categoryColour(definition.category)
  class DeclaredNode extends LGraphNode {
    static override title = definition.title
    static override category = definition.category

    constructor(title: string) {
      super(title || definition.title, definition.type)
      this.serialize_widgets = true
      for (const { name, label, type, optional, field } of definition.inputs)
        if (!field) this.addInput(name, type, { label, ...(optional && { shape: 7 as never }) })
      for (const { name, label, type, field } of definition.inputs)
        if (field) this.addInput(name, type, { label, widget: { name } })
      for (const { name, type } of definition.outputs)
        this.addOutput(name, type, { label: name.toLowerCase() === name ? name : undefined })
      for (const port of definition.inputs) this.widgets = [...(this.widgets ?? []), ...fieldWidgets(port, host)]
      const [width, height] = this.computeSize()
      this.setSize([Math.max(width, 232), height])
      this.strokeStyles['running'] = () =>
        host.view(String(this.id))?.status === 'running' ? { color: host.colours().accent, lineWidth: 2, padding: 1 } : undefined
      this.strokeStyles['error'] = () =>
        host.view(String(this.id))?.error !== undefined ? { color: host.colours().danger, lineWidth: 2, padding: 1 } : undefined
      this.strokeStyles['selected'] = () =>
        this.selected ? { color: host.colours().accent, lineWidth: 2, padding: 2 } : undefined
    }

    override get titleFontStyle(): string {
      return `600 13px ${FONT}`
    }

    override onDrawTitleBar(ctx: CanvasRenderingContext2D, height: number, size: ArrayLike<number>): void {
      const colours = host.colours()
      ctx.shadowColor = 'transparent'
      ctx.save()
      ctx.beginPath()
      ctx.roundRect(0, -height, size[0], height, this.collapsed ? 9 : [9, 9, 0, 0])
      ctx.fillStyle = this.color ?? colours.title
      ctx.fill()
      ctx.clip()
      ctx.fillStyle = stripe
      ctx.fillRect(0, -height, size[0], 2.5)
      ctx.restore()
    }

    /** A chevron instead of litegraph's ball: it says what a click does. */
    override onDrawTitleBox(ctx: CanvasRenderingContext2D, height: number): void {
      const [x, y] = [height / 2 - 1, -height / 2 + 1]
      ctx.strokeStyle = host.colours().faint
      ctx.lineWidth = 1.6
      ctx.lineCap = 'round'
      ctx.lineJoin = 'round'
      ctx.beginPath()
      if (this.collapsed) (ctx.moveTo(x - 2, y - 4), ctx.lineTo(x + 2.5, y), ctx.lineTo(x - 2, y + 4))
      else (ctx.moveTo(x - 4, y - 2), ctx.lineTo(x, y + 2.5), ctx.lineTo(x + 4, y - 2))
      ctx.stroke()
    }

    override onDrawTitleText(ctx: CanvasRenderingContext2D, height: number, size: ArrayLike<number>): void {
      const colours = host.colours()
      const view = host.view(String(this.id))
      const note = this.collapsed ? '' : statusText(this.mode, view)
      ctx.textAlign = 'right'
      ctx.font = `11px ${FONT}`
      ctx.fillStyle = colours.faint
      const badge = view?.warning !== undefined && view.error === undefined && this.mode === 0 ? 20 : 0
      const taken = badge + (note ? ctx.measureText(note).width + 18 : 8)
      if (note) ctx.fillText(note, size[0] - 10 - badge, -height / 2 + 5)
      if (badge) drawBadge(ctx, size[0] - 17, -height / 2 + 1, colours)
      ctx.textAlign = 'left'
      ctx.font = this.titleFontStyle
      ctx.fillStyle = colours.text
      ctx.fillText(fitText(ctx, this.getTitle(), size[0] - height - taken + 2), height - 2, -height / 2 + 5.5)
    }

    override onDrawBackground(ctx: CanvasRenderingContext2D): void {
      const colours = host.colours()
      if (this.collapsed) return
      ctx.strokeStyle = colours.line
      ctx.lineWidth = 1
      ctx.beginPath()
      ctx.roundRect(0.5, -LiteGraph.NODE_TITLE_HEIGHT + 0.5, this.size[0] - 1, this.size[1] + LiteGraph.NODE_TITLE_HEIGHT - 1, 9)
      ctx.stroke()
    }

    override drawProgressBar(ctx: CanvasRenderingContext2D): void {
      const { progress } = host.view(String(this.id)) ?? {}
      if (!progress) return
      ctx.fillStyle = host.colours().accent
      ctx.fillRect(0, -3, this.size[0] * Math.min(1, progress.value / Math.max(1, progress.max)), 3)
    }

    override onDrawForeground(ctx: CanvasRenderingContext2D): void {
      const view = host.view(String(this.id))
      const colours = host.colours()
      if (!this.collapsed) this.drawContent(ctx, view ?? {}, colours)
      if (view?.error !== undefined) drawError(ctx, view.error, this.size[0], this.collapsed ? 0 : this.size[1], colours)
    }

    /** Pictures and text that the node gave, below its fields. */
    private drawContent(ctx: CanvasRenderingContext2D, view: NodeView, colours: Colours): void {
      const pictures = picturesOf(view, host, this.chosenPicture())
      const text = view.output?.text?.join('\n')
      const top = this.contentTop()
      if (!pictures.length && !text && this.size[1] - top < PLACEHOLDER_FROM) return
      if (pictures.length) this.makeRoom(top + PICTURE_HEIGHT)
      else if (text) this.makeRoom(top + 60)
      const box: Box = { x: PADDING, y: top + 4, width: this.size[0] - 2 * PADDING, height: this.size[1] - top - PADDING - 4 }
      if (box.height < 12) return
      ctx.beginPath()
      ctx.roundRect(box.x, box.y, box.width, box.height, 6)
      ctx.fillStyle = colours.well
      ctx.globalAlpha = pictures.length || text ? 1 : 0.55
      ctx.fill()
      ctx.globalAlpha = 1
      if (pictures.length) drawPictures(ctx, pictures, box)
      else if (text) drawLines(ctx, text, box, colours)
    }

    /** The file that a Load Image node points at: shown before anything has run. */
    private chosenPicture(): SavedImage | undefined {
      const port = definition.inputs.find(({ field }) => field?.kind === 'choice' && field.upload)
      const name = port && this.widgets?.find(widget => widget.name === port.name)?.value
      return typeof name === 'string' && name ? inputFile(name) : undefined
    }

    private contentTop(): number {
      const last = this.widgets?.at(-1)
      const slots = Math.max(this.inputs.filter(input => !('widget' in input && input.widget)).length, this.outputs.length)
      return last ? last.y + (last.computeSize?.()[1] ?? 24) + 4 : slots * LiteGraph.NODE_SLOT_HEIGHT + 8
    }

    private makeRoom(height: number): void {
      if (this.size[1] >= height) return
      this.setSize([this.size[0], height])
      this.setDirtyCanvas(true, true)
      host.grew()
    }
  }
  return DeclaredNode
}

function statusText(mode: number, view: NodeView | undefined): string {
  if (mode === MUTED) return 'muted'
  if (mode === BYPASSED) return 'bypassed'
  if (view?.status === 'running') return view.progress ? `${view.progress.value} / ${view.progress.max}` : '…'
  if (view?.status === 'cached') return 'unchanged'
  if (view?.status === 'done' && view.took !== undefined && view.took >= 50) return duration(view.took)
  return ''
}

function picturesOf(view: NodeView, host: NodeHost, chosen: SavedImage | undefined): Picture[] {
  const finished = (view.output?.images ?? (chosen ? [chosen] : [])).flatMap(image => host.picture(image) ?? [])
  return finished.length || !view.preview ? finished : [view.preview.picture]
}

function drawPictures(ctx: CanvasRenderingContext2D, pictures: readonly Picture[], box: Box): void {
  const inner = { x: box.x + 4, y: box.y + 4, width: box.width - 8, height: box.height - 8 }
  const aspect = pictures[0].width / pictures[0].height
  cells(pictures.length, aspect, inner).forEach((cell, i) => drawPicture(ctx, pictures[i], cell))
}

function drawLines(ctx: CanvasRenderingContext2D, text: string, box: Box, colours: Colours): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(box.x, box.y, box.width, box.height)
  ctx.clip()
  // Tables come as aligned text: equal widths, and cut at the edge rather than wrapped.
  const isTable = / {2,}/.test(text)
  ctx.font = isTable ? `10px ${MONO}` : `11px ${FONT}`
  ctx.fillStyle = colours.muted
  ctx.textAlign = 'left'
  const lines = isTable ? text.split('\n') : wrapText(ctx, text, box.width - 16)
  lines.slice(0, Math.floor((box.height - 8) / 15)).forEach((line, i) => ctx.fillText(line, box.x + 8, box.y + 16 + i * 15))
  ctx.restore()
}

/** Something is missing; the reason is in the panel and under the pointer. */
function drawBadge(ctx: CanvasRenderingContext2D, x: number, y: number, colours: Colours): void {
  ctx.beginPath()
  ctx.arc(x, y, 7, 0, 2 * Math.PI)
  ctx.fillStyle = colours.warn
  ctx.fill()
  ctx.fillStyle = '#1a1408'
  ctx.font = `700 11px ${FONT}`
  ctx.textAlign = 'center'
  ctx.fillText('!', x, y + 4)
}

/** The reason, under the node, where the eye is; at most three lines, all of it in the panel. */
function drawError(ctx: CanvasRenderingContext2D, message: string, width: number, bottom: number, colours: Colours): void {
  ctx.font = `12px ${FONT}`
  const lines = wrapText(ctx, message, Math.max(width, 220) - 20)
  const shown = lines.length > 3 ? [...lines.slice(0, 2), `${lines[2]} …`] : lines
  ctx.beginPath()
  ctx.roundRect(0, bottom + 8, Math.max(width, 220), shown.length * 16 + 12, 6)
  ctx.fillStyle = colours.danger
  ctx.fill()
  ctx.fillStyle = '#fff'
  ctx.textAlign = 'left'
  shown.forEach((line, i) => ctx.fillText(fitText(ctx, line, Math.max(width, 220) - 20), 10, bottom + 25 + i * 16))
}
