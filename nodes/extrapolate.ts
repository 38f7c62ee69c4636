import { parsePrototypes } from '../analysis/edits.ts'
import { extrapolate, type Extrapolation } from '../analysis/extrapolate.ts'
import { enlarge, enlargement } from '../analysis/overlay.ts'
import { checkCells, type PictureGrid } from '../analysis/picture-grid.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { concat, rows } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import { liveSteps } from './live-steps.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { rounded, roundedOrNull, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusExtrapolate',
  title: 'Extrapolate',
  category: 'patronus/interpret',
  help: 'Sets a prototype to one value after another, far beyond what was ever measured, and forms the picture each time from the same noise: what the prototype does when nothing holds it back.',
  aliases: ['sweep', 'range', 'traverse', 'beyond', 'grid'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes to sweep.' },
    images: { type: 'IMAGE', help: 'Pictures to form again; each gets a row of its own for each prototype.' },
    prototypes: { type: 'STRING', default: '0', help: 'Which prototypes, for example "3, 17, 30-32".' },
    unit: {
      type: 'COMBO',
      options: ['value', 'times its maximum'],
      default: 'value',
      help: "What from and to are: values of s, as in the paper, or multiples of the prototype's own measured maximum (without one, of the largest s of these pictures).",
    },
    from: { type: 'FLOAT', default: 0, min: -10, max: 100, step: 0.05, help: 'The first value.' },
    to: { type: 'FLOAT', default: 3, min: -10, max: 100, step: 0.05, help: 'The last value.' },
    count: { type: 'INT', default: 7, min: 2, max: 16, help: 'How many values, both ends included.' },
    steps: { type: 'INT', default: 50, min: 2, max: 1000, help: 'Steps of the inversion and of every sampling run.' },
    noise: {
      type: 'NOISE',
      optional: true,
      help: "Noise to start from, one a picture; left open, the pictures' own, found by inversion.",
    },
  },
  outputs: {
    grid: { type: 'IMAGE', help: 'All results in rows, with the value that was set and what the encoder reads.' },
    images: { type: 'IMAGE', help: 'The results by themselves, in the order of the table.' },
    table: { type: 'TABLE', help: 'What was set, and what the encoder reads in each result.' },
  },
  async run({ model, images, prototypes, unit, from, to, count, steps, noise }, context) {
    const wanted = parsePrototypes(prototypes)
    if (wanted.length === 0) throw new Error('prototypes: wanted at least one, such as "3, 17, 30-32", got none')
    checkCells(wanted.length * images.shape[0] * count)
    const options = { from, to, count, unit: unit === 'value' ? 'value' : 'maximum', steps } as const
    const found = await extrapolate(model, toModel(images, model.info.config), wanted, options, { noise, ...liveSteps(context) })
    const grid = await drawGrid(context, gridOf(found, model.info))
    const table = tableOf(found, model.info)
    const shown = await context.saveImages(grid, { type: 'temp', prefix: 'extrapolation' })
    return {
      grid,
      images: fromModel(concat(found.map(row => row.images))),
      table,
      ui: { images: shown, text: [tableText(table)], tables: [table] },
    }
  },
})

function gridOf(found: readonly Extrapolation[], info: CheckpointInfo): PictureGrid {
  return {
    title: 'One prototype set to value after value, from the same noise',
    rows: found.map(({ prototype, image, values, before, after, images }) => {
      const pictures = fromModel(images)
      const large = enlarge(pictures, enlargement(pictures, cellSize))
      const most = info.ranges?.[prototype]?.max
      const known = most === undefined ? '' : `, at most ${most.toFixed(2)} in the data`
      return {
        label: `prototype ${prototypeLabel(prototype, info)}, image ${image}: s was ${before.toFixed(2)}${known}`,
        cells: values.map((value, v) => ({
          picture: rows(large, v, v + 1),
          caption: [`set to ${value.toFixed(2)}`, `encoder reads ${Number.isFinite(after[v]) ? after[v].toFixed(2) : 'nothing'}`],
        })),
      }
    }),
  }
}

function tableOf(found: readonly Extrapolation[], info: CheckpointInfo): Table {
  return {
    title: 'What was set, and what the encoder reads in the result',
    columns: ['prototype', 'image', 's before', 'set to', 'times its maximum', 's read'],
    rows: found.flatMap(({ prototype, image, values, before, after }) => {
      const most = info.ranges?.[prototype]?.max
      return values.map((value, v) => [
        prototypeLabel(prototype, info),
        image,
        rounded(before),
        rounded(value),
        most ? rounded(value / most) : null,
        roundedOrNull(after[v]),
      ])
    }),
  }
}
