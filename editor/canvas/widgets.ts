/**
 * The fields on a node, drawn and dragged by us: litegraph's own ask through dialogs that write HTML.
 * One plain widget object per field; its value is what `serialize` writes into `widgets_values`.
 */
import type { CanvasPointer, LGraphCanvas, LGraphNode } from 'litegraph.js'
import { fixed, snap } from '../format.ts'
import { AFTER_RUN, AFTER_RUN_CHOICES, type Field, type Port } from '../ports.ts'
import type { Value } from '../shell.ts'
import { FONT, type Colours } from './theme.ts'

export type Widget = NonNullable<LGraphNode['widgets']>[number]
export type Rect = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
/** A field as it lies on a node, for whoever puts an input or a menu over it. Canvas units, from the node's corner. */
export type FieldAt = {
  readonly node: LGraphNode
  readonly port: Port
  readonly field: Field
  readonly rect: Rect
  readonly value: Value
}

export type WidgetHost = {
  readonly colours: () => Colours
  /** A gesture on the canvas changed a value; more may follow before the pointer is let go. */
  readonly changed: (node: LGraphNode) => void
  readonly type: (at: FieldAt) => void
  readonly choose: (at: FieldAt) => void
  readonly upload: (at: FieldAt) => void
}

const MARGIN = 12
const ROW = 24
const MULTILINE = 78
const LINE = 16
const RADIUS = 5

/** A pixel of pointer travel changes a number by a step; with Shift, by a tenth of one. */
const SCRUB = 1

type Draw = (
  ctx: CanvasRenderingContext2D,
  node: LGraphNode,
  width: number,
  y: number,
  height: number,
  lowQuality?: boolean,
) => void

export function fieldWidgets(port: Port, host: WidgetHost): Widget[] {
  const { field } = port
  if (!field) return []
  const widgets = [fieldWidget(port, field, host)]
  if (field.kind === 'number' && field.seed) widgets.push(fieldWidget(AFTER_RUN_PORT, AFTER_RUN_PORT.field as Field, host))
  return widgets
}

export const AFTER_RUN_PORT: Port = {
  name: AFTER_RUN,
  label: 'after run',
  type: 'COMBO',
  help: 'What happens to the seed after each run.',
  optional: false,
  advanced: false,
  field: { kind: 'choice', default: 'fixed', options: AFTER_RUN_CHOICES, upload: false },
}

function fieldWidget(port: Port, field: Field, host: WidgetHost): Widget {
  const widget = {
    type: 'custom',
    name: port.name,
    label: port.label,
    value: field.default as Value,
    options: {},
    y: 0,
    computeSize: () => [0, field.kind === 'text' && field.multiline ? MULTILINE : ROW] as [number, number],
  }
  const at = (node: LGraphNode): FieldAt => ({
    node,
    port,
    field,
    value: widget.value,
    rect: { x: MARGIN, y: widget.y, width: node.size[0] - 2 * MARGIN, height: widget.computeSize()[1] },
  })
  const draw: Draw = (ctx, _node, width, y, _height, lowQuality) => {
    const rect = { x: MARGIN, y, width: width - 2 * MARGIN, height: widget.computeSize()[1] }
    drawField(ctx, rect, port.label, field, widget.value, host.colours(), lowQuality)
  }
  const onPointerDown = (pointer: CanvasPointer, node: LGraphNode, canvas: LGraphCanvas): boolean => {
    gesture(pointer, canvas, at(node), host, value => {
      if (value === widget.value) return
      widget.value = value
      canvas.setDirty(true)
      host.changed(node)
    })
    // litegraph marks the widget as held right after this call; let go when the pointer does.
    pointer.finally = () => (canvas.node_widget = null)
    return true
  }
  return Object.assign(widget, { draw, onPointerDown }) as unknown as Widget
}

/** What press, drag and click on a field mean. `set` is called with each new value. */
function gesture(pointer: CanvasPointer, canvas: LGraphCanvas, at: FieldAt, host: WidgetHost, set: (value: Value) => void): void {
  const { field, node, rect } = at
  const x = (event: { canvasX: number }) => event.canvasX - node.pos[0] - rect.x
  if (field.kind === 'boolean') pointer.onClick = () => set(!at.value)
  else if (field.kind === 'text') pointer.onClick = () => host.type(at)
  else if (field.kind === 'choice')
    pointer.onClick = event =>
      field.upload && x(event) > rect.width - ROW ? host.upload(at) : stepChoice(at, x(event), host, set)
  else if (field.slider) {
    const slide = (event: { canvasX: number }) =>
      set(snap(field.min + Math.min(1, Math.max(0, x(event) / rect.width)) * (field.max - field.min), field))
    pointer.onDrag = event => pointer.dragStarted && slide(event)
    pointer.onClick = event => slide(event)
    pointer.onDoubleClick = () => host.type(at)
  } else {
    let value = Number(at.value)
    pointer.onDrag = event => {
      if (!pointer.dragStarted) return
      value = Math.min(field.max, Math.max(field.min, value + (event.deltaX ?? 0) * field.step * (event.shiftKey ? 0.1 : SCRUB)))
      set(snap(value, field))
    }
    pointer.onClick = event => {
      const end = x(event) < 20 ? -1 : x(event) > rect.width - 20 ? 1 : 0
      if (end) set(snap(value + end * field.step, field))
      else host.type(at)
    }
  }
  canvas.setDirty(true)
}

/** The two ends of a choice step through it; the middle opens the list. */
function stepChoice(at: FieldAt, x: number, host: WidgetHost, set: (value: Value) => void): void {
  if (at.field.kind !== 'choice') return
  const { options, upload } = at.field
  const by = x < 20 ? -1 : !upload && x > at.rect.width - 20 ? 1 : 0
  const next = options[options.indexOf(String(at.value)) + by]
  if (by && next !== undefined) set(next)
  else if (!by) host.choose(at)
}

function drawField(
  ctx: CanvasRenderingContext2D,
  rect: Rect,
  label: string,
  field: Field,
  value: Value,
  colours: Colours,
  lowQuality?: boolean,
): void {
  const { x, y, width, height } = rect
  ctx.beginPath()
  ctx.roundRect(x, y, width, height, RADIUS)
  ctx.fillStyle = colours.field
  ctx.fill()
  if (field.kind === 'number' && field.slider) drawFill(ctx, rect, (Number(value) - field.min) / (field.max - field.min), colours)
  if (lowQuality) return
  ctx.strokeStyle = colours.fieldLine
  ctx.lineWidth = 1
  ctx.beginPath()
  ctx.roundRect(x, y, width, height, RADIUS)
  ctx.stroke()
  if (field.kind === 'text' && field.multiline)
    return drawText(ctx, rect, String(value) || field.placeholder || label, value !== '', colours)
  const ends = field.kind === 'choice' || (field.kind === 'number' && !field.slider)
  if (ends) drawEnds(ctx, rect, field.kind === 'choice' && field.upload, colours)
  const right = field.kind === 'boolean' ? 38 : ends ? (field.kind === 'choice' && field.upload ? 28 : 18) : 9
  drawRow(ctx, { ...rect, x: x + (ends ? 18 : 9), width: width - (ends ? 18 : 9) - right }, label, shown(field, value), colours)
  if (field.kind === 'boolean') drawSwitch(ctx, x + width - 33, y + height / 2, value === true, colours)
}

const shown = (field: Field, value: Value): string =>
  field.kind === 'number' ? fixed(Number(value), field.decimals) : field.kind === 'boolean' ? '' : String(value)

function drawFill(ctx: CanvasRenderingContext2D, { x, y, width, height }: Rect, part: number, colours: Colours): void {
  ctx.save()
  ctx.clip()
  ctx.fillStyle = colours.fill
  ctx.fillRect(x, y, width * Math.min(1, Math.max(0, part)), height)
  ctx.restore()
}

/** Label on the left, value on the right; the label gives way first. */
function drawRow(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Rect,
  label: string,
  value: string,
  colours: Colours,
): void {
  const middle = y + height / 2 + 0.5
  ctx.textBaseline = 'middle'
  ctx.font = `12px ${FONT}`
  const short = fitText(ctx, value, width)
  const room = width - ctx.measureText(short).width - 8
  ctx.fillStyle = colours.text
  ctx.textAlign = 'right'
  ctx.fillText(short, x + width, middle)
  ctx.fillStyle = colours.muted
  ctx.textAlign = 'left'
  if (room > 14) ctx.fillText(fitText(ctx, label, room), x, middle)
  ctx.textBaseline = 'alphabetic'
}

function drawEnds(ctx: CanvasRenderingContext2D, { x, y, width, height }: Rect, upload: boolean, colours: Colours): void {
  const middle = y + height / 2
  ctx.strokeStyle = colours.faint
  ctx.lineWidth = 1.4
  ctx.lineCap = 'round'
  ctx.lineJoin = 'round'
  ctx.beginPath()
  ctx.moveTo(x + 10, middle - 3.2)
  ctx.lineTo(x + 6.8, middle)
  ctx.lineTo(x + 10, middle + 3.2)
  if (upload) {
    const at = x + width - 13
    ctx.moveTo(at, middle + 2.5)
    ctx.lineTo(at, middle - 5)
    ctx.moveTo(at - 3.2, middle - 1.8)
    ctx.lineTo(at, middle - 5)
    ctx.lineTo(at + 3.2, middle - 1.8)
    ctx.moveTo(at - 5.5, middle + 2)
    ctx.lineTo(at - 5.5, middle + 5)
    ctx.lineTo(at + 5.5, middle + 5)
    ctx.lineTo(at + 5.5, middle + 2)
  } else {
    ctx.moveTo(x + width - 10, middle - 3.2)
    ctx.lineTo(x + width - 6.8, middle)
    ctx.lineTo(x + width - 10, middle + 3.2)
  }
  ctx.stroke()
}

function drawSwitch(ctx: CanvasRenderingContext2D, x: number, middle: number, on: boolean, colours: Colours): void {
  ctx.beginPath()
  ctx.roundRect(x, middle - 7, 25, 14, 7)
  ctx.fillStyle = on ? colours.accent : colours.fieldLine
  ctx.fill()
  ctx.beginPath()
  ctx.arc(on ? x + 18 : x + 7, middle, 5, 0, 2 * Math.PI)
  ctx.fillStyle = on ? colours.node : colours.muted
  ctx.fill()
}

function drawText(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Rect,
  text: string,
  filled: boolean,
  colours: Colours,
): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(x, y, width, height)
  ctx.clip()
  ctx.font = `12px ${FONT}`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'top'
  ctx.fillStyle = filled ? colours.text : colours.faint
  const lines = wrapText(ctx, text, width - 16).slice(0, Math.floor((height - 10) / LINE))
  lines.forEach((line, i) => ctx.fillText(line, x + 8, y + 7 + i * LINE))
  ctx.textBaseline = 'alphabetic'
  ctx.restore()
}

/** `text` cut with … to fit into `width`. */
export function fitText(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text
  let [low, high] = [0, text.length]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (ctx.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle
    else high = middle - 1
  }
  return low > 0 ? `${text.slice(0, low)}…` : ''
}

/** Lines of `text` no wider than `width`, broken at spaces. */
export function wrapText(ctx: CanvasRenderingContext2D, text: string, width: number): string[] {
  return text.split('\n').flatMap(paragraph => {
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ')) {
      const longer = line ? `${line} ${word}` : word
      if (line && ctx.measureText(longer).width > width) {
        lines.push(line)
        line = word
      } else line = longer
    }
    return [...lines, line]
  })
}
