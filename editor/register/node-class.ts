/** Our nodes as classes of another page's litegraph: ports, fields, and what a node shows drawn below them. */
import { cells, type Box } from '../canvas/cells.ts'
import { drawPicture } from '../canvas/pictures.ts'
import { categoryColour, typeColour } from '../canvas/type-colours.ts'
import type { Definition } from '../ports.ts'
import type { Picture } from '../state.ts'
import { addFields } from './fields.ts'
import { canLinkFields, type HostNode, type HostNodeClass } from './host.ts'

/** What a node shows of the present run. */
export type Shown = {
  readonly running?: boolean
  readonly progress?: { readonly value: number; readonly max: number }
  readonly pictures?: readonly Picture[]
  readonly text?: string
  readonly error?: string
}
export type ShownOf = (node: HostNode) => Shown | undefined

const PICTURE_HEIGHT = 172
const LINE = 15

export function nodeClass(base: HostNodeClass, definition: Definition, shownOf: ShownOf): HostNodeClass {
  const linksFields = canLinkFields(base)
  const Base = base as unknown as new (title?: string) => HostNode
  class PatronusNode extends Base {
    static title = definition.title
    static desc = definition.help
    static category = definition.category

    constructor(title?: string) {
      super(title ?? definition.title)
      this.serialize_widgets = true
      for (const { name, label, type, field } of definition.inputs)
        if (!field) this.addInput(name, type, { label, ...slotColours(type) })
        else if (linksFields) this.addInput(name, type, { label, widget: { name }, ...slotColours(type) })
      for (const { name, type } of definition.outputs) this.addOutput(name, type, slotColours(type))
      addFields(this, definition)
      const { 0: width, 1: height } = this.computeSize()
      this.setSize([Math.max(width, 232), height])
    }

    override onDrawForeground(ctx: CanvasRenderingContext2D): void {
      if (this.flags.collapsed) return
      const shown = shownOf(this) ?? {}
      ctx.save()
      ctx.fillStyle = categoryColour(definition.category)
      ctx.fillRect(0, 0, this.size[0], 2)
      drawState(ctx, shown, this.size[0])
      drawContent(ctx, this, shown)
      ctx.restore()
    }
  }
  return PatronusNode as unknown as HostNodeClass
}

const slotColours = (type: string) => ({ color_on: typeColour(type), color_off: typeColour(type) })

/** Running and progress as a line on top, a fault as a frame. */
function drawState(ctx: CanvasRenderingContext2D, { running, progress, error }: Shown, width: number): void {
  if (!running && error === undefined) return
  ctx.fillStyle = error === undefined ? '#f0a13a' : '#e5484d'
  ctx.fillRect(0, -3, width * (progress && error === undefined ? Math.min(1, progress.value / Math.max(1, progress.max)) : 1), 4)
}

/** Pictures, text or the fault below the fields; the node grows to hold them. */
function drawContent(ctx: CanvasRenderingContext2D, node: HostNode, { pictures = [], text, error }: Shown): void {
  const said = error ?? text
  if (pictures.length === 0 && said === undefined) return
  const top = node.computeSize()[1] + 4
  const lines = said === undefined || pictures.length > 0 ? [] : said.split('\n').slice(0, 12)
  const wanted = top + (pictures.length > 0 ? PICTURE_HEIGHT : lines.length * LINE + 12)
  if (node.size[1] < wanted) {
    node.setSize([node.size[0], wanted])
    node.setDirtyCanvas(true, true)
  }
  const box: Box = { x: 8, y: top, width: node.size[0] - 16, height: node.size[1] - top - 8 }
  ctx.fillStyle = '#15171c'
  ctx.fillRect(box.x, box.y, box.width, box.height)
  if (pictures.length > 0) {
    const aspect = pictures[0].width / pictures[0].height
    cells(pictures.length, aspect, box).forEach((cell, i) => drawPicture(ctx, pictures[i], cell))
  }
  ctx.beginPath()
  ctx.rect(box.x, box.y, box.width, box.height)
  ctx.clip()
  ctx.font = '11px ui-monospace, monospace'
  ctx.textAlign = 'left'
  ctx.fillStyle = error === undefined ? '#c9ced8' : '#ff8a8e'
  lines.forEach((line, i) => ctx.fillText(line, box.x + 6, box.y + 14 + i * LINE))
}
