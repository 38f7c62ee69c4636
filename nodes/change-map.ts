import { changeMap, changeOf, meanOf, shareInside, type Change, type Inside } from '../analysis/change.ts'
import { drawBox, enlarge, enlargement, heatPicture, scaled } from '../analysis/overlay.ts'
import { checkCells, type PictureGrid } from '../analysis/picture-grid.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { cellMaps, locate, type Located } from '../analysis/where.ts'
import type { CheckpointInfo, Patronus } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { roundedOrNull, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusChangeMap',
  title: 'Change Map',
  category: 'patronus/interpret',
  help: 'Shows where two pictures differ and, for an edit of a prototype, how much of the change lies in the patch where that prototype is.',
  aliases: ['difference', 'diff', 'compare', 'locality', 'before after'],
  output: true,
  inputs: {
    before: { type: 'IMAGE', help: 'Pictures before the edit.' },
    after: { type: 'IMAGE', help: 'The same number of pictures after it, in the same order.' },
    model: {
      type: 'PATRONUS',
      optional: true,
      help: 'Model to locate the prototype with; both batches are then compared at its size and colours.',
    },
    prototype: {
      type: 'INT',
      default: 0,
      min: 0,
      max: 4095,
      optional: true,
      help: 'The prototype that was edited; its box is where it is strongest after the edit. Used when model is linked.',
    },
    full_scale: {
      type: 'FLOAT',
      default: 0,
      min: 0,
      max: 1,
      step: 0.01,
      optional: true,
      help: 'The change, on the 0 … 1 scale of pixels, that is shown brightest; 0 takes the largest of these pictures.',
    },
  },
  outputs: {
    grid: { type: 'IMAGE', help: 'Before, after and change of every picture in one figure.' },
    changes: { type: 'IMAGE', help: 'The change maps by themselves, in colours from no change to full scale.' },
    table: { type: 'TABLE', help: 'How much each picture changed, and the share of it inside the box.' },
  },
  async run({ before, after, model, prototype = 0, full_scale = 0 }, context) {
    checkCells(3 * before.shape[0])
    const fit = (images: Tensor) => (model ? fromModel(toModel(images, model.info.config)) : images)
    const [a, b] = [fit(before), fit(after)]
    const map = changeMap(a, b)
    const places = model && (await locateAll(model, b, prototype))
    const measured = Array.from({ length: a.shape[0] }, (_, image) => ({
      ...changeOf(map, image),
      place: places?.[image],
      inside: places && shareInside(a, b, image, places[image].box),
    }))
    const top = full_scale || Math.max(...measured.map(({ largest }) => largest))
    const changes = measured.map((_, image) => heatPicture(rows(map, image, image + 1), top))
    const grid = await drawGrid(context, gridOf(a, b, changes, measured, top))
    const table = tableOf(measured, model && { prototype, info: model.info })
    const shown = await context.saveImages(grid, { type: 'temp', prefix: 'change' })
    return { grid, changes: concat(changes), table, ui: { images: shown, text: [tableText(table)], tables: [table] } }
  },
})

type Measured = Change & { readonly place?: Located; readonly inside?: Inside }

async function locateAll(model: Patronus, after: Tensor, prototype: number): Promise<Located[]> {
  const maps = await cellMaps(model, toModel(after, model.info.config))
  return Array.from({ length: after.shape[0] }, (_, image) => locate(maps, image, prototype))
}

function gridOf(
  before: Tensor,
  after: Tensor,
  changes: readonly Tensor[],
  measured: readonly Measured[],
  top: number,
): PictureGrid {
  const factor = enlargement(before, cellSize)
  const boxed = (picture: Tensor, { place }: Measured) => {
    const large = enlarge(picture, factor)
    return place ? drawBox(large, scaled(place.box, factor), 1) : large
  }
  return {
    title: 'Where the pictures differ',
    ...(top > 0 && { legend: { dark: 'no change', bright: `${top.toFixed(3)} of 1, mean over channels` } }),
    rows: measured.map((one, image) => ({
      label: labelOf(one, image),
      cells: [
        { picture: enlarge(rows(before, image, image + 1), factor), caption: ['before'] },
        { picture: boxed(rows(after, image, image + 1), one), caption: ['after'] },
        { picture: boxed(changes[image], one), caption: ['change'] },
      ],
    })),
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

function labelOf({ inside, largest }: Measured, image: number): string {
  if (largest === 0) return `image ${image}: no change`
  if (!inside || inside.share === null) return `image ${image}`
  return `image ${image}: ${percent(inside.share)} of the change in ${percent(inside.area)} of the area`
}

/** One row a picture, and their mean; what only a located prototype has is left out without one. */
function tableOf(measured: readonly Measured[], edited: { prototype: number; info: CheckpointInfo } | undefined): Table {
  const values = ({ mean, largest, place, inside }: Measured) => [
    mean,
    largest,
    ...(place && inside ? [place.s, inside.share, inside.area, inside.ratio] : []),
  ]
  const each = measured.map(values)
  const mean = each[0].map((_, column) => meanOf(each.map(row => row[column])))
  const located = edited ? ['s after', 'share inside', 'share of area', 'ratio'] : []
  const of = edited
    ? `, and the share of its square in the box of prototype ${prototypeLabel(edited.prototype, edited.info)}`
    : ''
  return {
    title: `Change per picture, 0 … 1${of}`,
    columns: ['image', 'mean change', 'largest change', ...located],
    rows: [...each.map((row, image) => [image, ...row.map(roundedOrNull)]), ['mean', ...mean.map(roundedOrNull)]],
  }
}
