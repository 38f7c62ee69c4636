import { makeAtlas, type Atlas, type AtlasEntry } from '../analysis/atlas.ts'
import { drawBox, enlarge, enlargement, scaled } from '../analysis/overlay.ts'
import type { GridCell, PictureGrid } from '../analysis/picture-grid.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { atlasSummary, framed, mostConsistent, scoreTable } from '../analysis/reports/atlas.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import { listedPrototypes } from './listed-prototypes.ts'
import { liveSteps } from './live-steps.ts'
import { defineNode, type Plot } from './node.ts'
import { roundedTable, tableText } from './table-text.ts'

/** Prototypes and pictures that the figure shows; more could not be read at one glance. */
const [shownPrototypes, shownPictures] = [16, 8]

/** Formed pictures that are held at once: a gigabyte at 64 pixels in colour would be 20,000. */
const mostPictures = 8192

export default defineNode({
  type: 'PatronusPrototypeAtlas',
  title: 'Prototype Atlas',
  category: 'patronus/interpret',
  help: 'Draws many prototypes at once: raises each on the same pictures, frames where it is strongest, and says how alike these patches are. A cancelled run goes on where it stopped.',
  aliases: ['all prototypes', 'consistency', 'overview', 'sheet', 'visualize'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes to draw.' },
    images: { type: 'IMAGE', help: 'Pictures that every prototype is raised on; consistency wants at least two, better four.' },
    prototypes: {
      type: 'STRING',
      default: '',
      placeholder: 'all, or 3, 17, 30-35',
      help: 'Which prototypes, for example "3, 17, 30-35"; empty for all of them.',
    },
    steps: { type: 'INT', default: 25, min: 2, max: 1000, help: 'Steps of the inversion and of each sampling.' },
  },
  outputs: {
    sheet: {
      type: 'IMAGE',
      help: 'The most consistent prototypes on the first pictures in one figure, with the patches framed.',
    },
    images: { type: 'IMAGE', help: 'Every prototype on every picture, framed, in the order of the table.' },
    table: { type: 'TABLE', help: 's before and after, and the consistency of each prototype beside that of unrelated patches.' },
  },
  async run({ model, images, prototypes, steps }, context) {
    const { info } = model
    const wanted = listedPrototypes(prototypes, info)
    const count = wanted.length * images.shape[0]
    if (count > mostPictures)
      throw new Error(
        `an atlas of ${count} pictures is too large, ${mostPictures} are the most; give fewer pictures or prototypes`,
      )
    const options = { steps, prototypes: wanted }
    const atlas = await makeAtlas(model, toModel(images, info.config), options, context.artefacts, liveSteps(context))
    const sheet = await drawGrid(context, gridOf(atlas, info))
    const table = roundedTable(scoreTable(atlas, info))
    const shown = await context.saveImages(sheet, { type: 'temp', prefix: 'atlas' })
    return {
      sheet,
      images: fromModel(concat(atlas.entries.map((_, i) => framed(atlas, i)))),
      table,
      ui: {
        images: shown,
        text: [...atlasSummary(atlas), tableText(table)],
        tables: [table],
        plots: consistencyPlots(atlas),
      },
    }
  },
})

function gridOf(atlas: Atlas, info: CheckpointInfo): PictureGrid {
  const shown = mostConsistent(atlas).slice(0, shownPrototypes)
  const faces = Math.min(atlas.faces, shownPictures)
  const factor = enlargement(atlas.images, cellSize)
  const large = (images: Tensor, i: number) => enlarge(fromModel(rows(images, i, i + 1)), factor)
  const every = Array.from({ length: faces }, (_, face) => face)
  const cells = (i: number): GridCell[] =>
    every.map(face => ({
      picture: drawBox(large(atlas.images, i * atlas.faces + face), scaled(atlas.entries[i].boxes[face], factor), 1),
      caption: [face === 0 ? labelOf(atlas.entries[i], info) : '', riseOf(atlas.entries[i], face)],
    }))
  return {
    title: `${shown.length} of ${atlas.entries.length} prototypes${atlas.faces > 1 ? ', the most consistent first' : ''}`,
    columns: Math.floor(shownPictures / faces) * faces,
    rows: [
      { label: 'nothing raised', cells: every.map(face => ({ picture: large(atlas.rebuilt, face), caption: [] })) },
      { label: 'raised, with the patch framed', cells: shown.flatMap(cells) },
    ],
  }
}

const labelOf = ({ prototype, consistency }: AtlasEntry, info: CheckpointInfo): string =>
  `${prototypeLabel(prototype, info)}${consistency === null ? '' : ` (${consistency.toFixed(2)})`}`

const riseOf = ({ before, after }: AtlasEntry, face: number): string =>
  `s = ${before[face].toFixed(2)} → ${after[face].toFixed(2)}`

/** Consistency of all prototypes, the highest first, over what unrelated patches reach. */
function consistencyPlots({ entries, shuffled }: Atlas): Plot[] {
  const sorted = entries.flatMap(({ consistency }) => (consistency === null ? [] : [consistency])).sort((a, b) => b - a)
  if (!shuffled) return []
  const flat = (value: number) => sorted.map(() => value)
  return [
    {
      title: 'How alike the patches of a prototype are',
      x: { label: 'prototypes, the most consistent first', values: sorted.map((_, i) => i + 1) },
      y: { label: 'mean cosine' },
      series: [
        { name: 'consistency', y: sorted },
        { name: 'unrelated patches, mean', y: flat(shuffled.mean), dashed: true },
        { name: 'unrelated patches, 95 % below', y: flat(shuffled.high), dashed: true },
      ],
    },
  ]
}
