import { drawBox, enlarge, enlargement, scaled } from '../analysis/overlay.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { cellAt, cellMaps, readings, speakersAt, type CellMaps, type Point, type Reading } from '../analysis/where.ts'
import { exactBox, type Box } from '../model/receptive-field.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { rounded, tableText } from './table-text.ts'

/** Longer side of the figures, in pixels: enough for a frame that covers no pixel of the picture. */
const figureSize = 256

export default defineNode({
  type: 'PatronusWhatSpeaksHere',
  title: 'What Speaks Here',
  category: 'patronus/interpret',
  help: 'Point at a place in a picture and see which prototypes are present there, strongest first.',
  aliases: ['where', 'point', 'pixel', 'reverse', 'look up', 'probe'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes to ask.' },
    images: { type: 'IMAGE', help: 'Pictures to look at, all at the same place.' },
    x: {
      type: 'FLOAT',
      default: 0.5,
      min: 0,
      max: 1,
      step: 0.01,
      display: 'slider',
      help: 'The place across: 0 is the left edge, 1 the right.',
    },
    y: {
      type: 'FLOAT',
      default: 0.5,
      min: 0,
      max: 1,
      step: 0.01,
      display: 'slider',
      help: 'The place down: 0 is the top edge, 1 the bottom.',
    },
    count: { type: 'INT', default: 8, min: 1, max: 4096, help: 'How many prototypes to list for each picture.' },
    read: {
      type: 'COMBO',
      options: readings,
      default: 'nearest cell',
      optional: true,
      advanced: true,
      help: 'nearest cell gives s of the cell that is framed; between cells is bilinear between the centres around the place, smoother but of no single patch.',
    },
  },
  outputs: {
    boxed: { type: 'IMAGE', help: 'The pictures with the place marked and all that its cell sees framed.' },
    table: { type: 'TABLE', help: "s of the strongest prototypes there, and its share of each prototype's own maximum." },
  },
  async run({ model, images, x, y, count, read = 'nearest cell' }, context) {
    const { info } = model
    const x0 = toModel(images, info.config)
    const maps = await cellMaps(model, x0)
    const point = { x, y }
    const box = exactBox(maps.field, cellAt(maps, point), info.config.image.height)
    const pictures = fromModel(x0)
    const factor = enlargement(pictures, figureSize)
    const large = enlarge(pictures, factor)
    const boxed = concat(Array.from({ length: x0.shape[0] }, (_, b) => mark(rows(large, b, b + 1), point, scaled(box, factor))))
    const table = tableOf(maps, point, { count, read: read as Reading })
    const shown = await context.saveImages(boxed, { type: 'temp', prefix: 'here' })
    return { boxed, table, ui: { images: shown, text: [tableText(table)], tables: [table] } }
  },
})

/** The cell framed, and a small frame around the place itself. */
function mark(image: Tensor, { x, y }: Point, box: Box): Tensor {
  const [, H, W] = image.shape
  const [column, row] = [Math.min(W - 1, Math.floor(x * W)), Math.min(H - 1, Math.floor(y * H))]
  return drawBox(drawBox(image, box), { x0: column - 1, y0: row - 1, x1: column + 2, y1: row + 2 }, 1)
}

function tableOf(maps: CellMaps, point: Point, { count, read }: { count: number; read: Reading }): Table {
  const { info, distances } = maps
  const { x, y } = point
  return {
    title: `What speaks at ${rounded(x)} across, ${rounded(y)} down (${read === 'nearest cell' ? `cell ${cellAt(maps, point)}` : 'bilinear between cells'})`,
    columns: ['image', 'prototype', 's here', 'of its maximum', 's in the picture'],
    rows: Array.from({ length: distances.shape[0] }, (_, image) =>
      speakersAt(maps, image, point, read)
        .slice(0, count)
        .map(({ prototype, s, most }) => {
          const max = info.ranges?.[prototype]?.max
          return [image, prototypeLabel(prototype, info), rounded(s), max ? rounded(s / max) : null, rounded(most)]
        }),
    ).flat(),
  }
}
