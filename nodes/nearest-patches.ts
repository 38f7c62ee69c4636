import { checkPictures, countOf, picturesFrom, type DataSet } from '../analysis/data-set.ts'
import { boxModes, nearestPatches, ownPatches, showPatches, type BoxMode, type Shown } from '../analysis/nearest.ts'
import { drawBox, enlarge, enlargement, scaled } from '../analysis/overlay.ts'
import { checkCells, type GridCell, type PictureGrid } from '../analysis/picture-grid.ts'
import { colored, fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { centred, patchPictures, patchTable, spreadTable } from '../analysis/reports/nearest.ts'
import type { CheckpointInfo, Patronus } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import { listedPrototypes } from './listed-prototypes.ts'
import { defineNode, type Context } from './node.ts'
import { roundedTable, tableText } from './table-text.ts'

/** Pictures that the encoder sees in one go, between two chances to cancel. */
const batch = 32

export default defineNode({
  type: 'PatronusNearestPatches',
  title: 'Nearest Patches',
  category: 'patronus/interpret',
  help: 'Shows prototypes by real pictures, as ProtoPNet does: the patches of a data set that are nearest to each. Nothing is generated; only the encoder runs.',
  aliases: ['protopnet', 'real patches', 'examples', 'search', 'neighbours'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes to look for.' },
    data: { type: 'DATASET', help: 'Pictures to search, all of them.' },
    prototypes: {
      type: 'STRING',
      default: '0',
      placeholder: '3, 17, 30-35',
      help: 'Which prototypes, for example "3, 17, 30-35"; empty for all of them.',
    },
    count: { type: 'INT', default: 8, min: 1, max: 64, help: 'How many patches for each, at most one of a picture.' },
    box: {
      type: 'COMBO',
      options: boxModes,
      default: 'receptive field',
      help: 'receptive field frames all that the encoder sees there; 95th percentile is the box of ProtoPNet, around the highest 5 % of the up-sampled activation map.',
    },
    generated: {
      type: 'IMAGE',
      optional: true,
      help: "Pictures formed with the prototype raised, or their patches, to stand beside the real ones; whole pictures are searched, too, and their patches' spread compared. Wants one prototype.",
    },
  },
  outputs: {
    grid: { type: 'IMAGE', help: 'Pictures with the patch framed, and the patches, in one figure.' },
    pictures: { type: 'IMAGE', help: 'The real pictures with their patch framed, in the order of the table.' },
    patches: { type: 'IMAGE', help: 'The real patches by themselves, enlarged on white, in the same order.' },
    table: { type: 'TABLE', help: 'Picture, cell, distance, s and box of every patch.' },
    spread: { type: 'TABLE', help: 'How far the patches of each prototype are from each other, real and generated.' },
  },
  async run({ model, data, prototypes, count, box, generated }, context) {
    const { info } = model
    const wanted = listedPrototypes(prototypes, info)
    if (generated && wanted.length !== 1)
      throw new Error(
        `generated: pictures of one prototype stand beside patches of one, prototypes lists ${wanted.length}; name one`,
      )
    checkCells(2 * wanted.length * Math.min(count, countOf(data)))
    const found = await nearestPatches(model, batches(data, info, context), count)
    const mode = box as BoxMode
    const shown: Shown[] = []
    for (const j of wanted) {
      const pictures = concat(found[j].map(({ image }) => picturesFrom(data, image, image + 1)))
      shown.push(await showPatches(model, j, found[j], pictures, mode))
      await context.pause()
    }
    const made = generated && (await lookAt(model, generated, wanted[0], mode))
    const real = shown.map(one => patchPictures(one.pictures, one.patches))
    const grid = await drawGrid(context, gridOf(shown, data, info, made))
    const [table, spread] = [patchTable(shown, info), spreadTable(shown, info, made?.shown)].map(roundedTable)
    const images = await context.saveImages(grid, { type: 'temp', prefix: 'nearest' })
    return {
      grid,
      pictures: concat(real.map(({ framed }) => framed)),
      patches: concat(real.map(({ crops }) => crops)),
      table,
      spread,
      ui: { images, text: [tableText(spread), tableText(table)], tables: [spread, table] },
    }
  },
})

async function* batches(data: DataSet, info: CheckpointInfo, context: Context): AsyncGenerator<Tensor> {
  checkPictures(data, info)
  for (let from = 0; from < countOf(data); from += batch) {
    const to = Math.min(from + batch, countOf(data))
    yield picturesFrom(data, from, to)
    context.progress(to, countOf(data))
    await context.pause()
  }
}

/** Generated pictures 0 … 1: whole ones are searched for the prototype, smaller ones are taken for patches. */
type Made = { readonly images: Tensor; readonly shown?: Shown }

async function lookAt(model: Patronus, generated: Tensor, prototype: number, mode: BoxMode): Promise<Made> {
  const { height, width } = model.info.config.image
  if (generated.shape[1] < height && generated.shape[2] < width) return { images: generated }
  const x0 = toModel(generated, model.info.config)
  const patches = await ownPatches(model, prototype, x0)
  return { images: fromModel(x0), shown: await showPatches(model, prototype, patches, x0, mode) }
}

/** Two lines a prototype: pictures with their patch framed, and the patches. */
function gridOf(shown: readonly Shown[], data: DataSet, info: CheckpointInfo, made?: Made): PictureGrid {
  const { height, width } = info.config.image
  const lines = (one: Shown, whose: string) => {
    const label = `${prototypeLabel(one.prototype, info)}: ${whose}${one.spread === null ? '' : `, spread ${one.spread.toPrecision(3)}`}`
    return [{ label, cells: pictureCells(one) }, { cells: patchCells(one) }]
  }
  const factor = enlargement(shown[0].pictures, cellSize)
  const alone = (images: Tensor): GridCell[] =>
    Array.from({ length: images.shape[0] }, (_, i) => ({
      picture: centred(colored(rows(images, i, i + 1)), height * factor, width * factor),
      caption: ['generated'],
    }))
  return {
    title: `Nearest patches among ${countOf(data)} pictures of ${data.name}`,
    columns: Math.max(...shown.map(({ patches }) => patches.length)),
    rows: [
      ...(made?.shown ? lines(made.shown, 'generated') : made ? [{ label: 'generated', cells: alone(made.images) }] : []),
      ...shown.flatMap(one => lines(one, 'real')),
    ],
  }
}

function pictureCells({ patches, pictures }: Shown): GridCell[] {
  const seen = fromModel(pictures)
  const factor = enlargement(seen, cellSize)
  return patches.map(({ box, image, s }, i) => ({
    picture: drawBox(enlarge(rows(seen, i, i + 1), factor), scaled(box, factor), 1),
    caption: [`picture ${image}`, `s = ${s.toFixed(2)}`],
  }))
}

function patchCells({ patches, pictures }: Shown): GridCell[] {
  const { crops } = patchPictures(pictures, patches)
  const factor = enlargement(crops, cellSize)
  return patches.map(({ distance }, i) => ({
    picture: enlarge(rows(crops, i, i + 1), factor),
    caption: [`d = ${distance.toPrecision(3)}`],
  }))
}
