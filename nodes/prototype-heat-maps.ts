import { chosenPrototypes } from '../analysis/blend.ts'
import { drawBox, enlarge, enlargement, heatOverlay, scaled } from '../analysis/overlay.ts'
import { checkCells, type GridCell } from '../analysis/picture-grid.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { cellMaps, locate, mapOf, strongestFirst, type CellMaps, type Located } from '../analysis/where.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { rounded, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusHeatMaps',
  title: 'Prototype Heat Maps',
  category: 'patronus/interpret',
  help: 'Shows where prototypes are in pictures: a heat map for each, with the patch framed where it is strongest.',
  aliases: ['where', 'heat map', 'locate', 'activation map', 'saliency'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes to look for.' },
    images: { type: 'IMAGE', help: 'Pictures to look at.' },
    show: {
      type: 'COMBO',
      options: ['strongest', 'only these', 'all'],
      default: 'strongest',
      help: 'Which prototypes: the strongest of each picture, those listed in prototypes, or every one.',
    },
    count: { type: 'INT', default: 8, min: 1, max: 128, help: 'How many of the strongest in each picture.' },
    prototypes: {
      type: 'STRING',
      default: '',
      optional: true,
      placeholder: '3, 17, 30-35',
      help: 'The list for only these, for example "3, 17, 30-35".',
    },
    scale: {
      type: 'COMBO',
      options: ['own maximum', 'common'],
      default: 'own maximum',
      optional: true,
      help: 'What the brightest colour means: the measured maximum of each prototype (without one, its largest s in these pictures), or the largest s of all maps shown.',
    },
  },
  outputs: {
    grid: { type: 'IMAGE', help: 'All maps in one figure, a row for each picture.' },
    maps: { type: 'IMAGE', help: 'The maps by themselves, in the order of the table.' },
    table: { type: 'TABLE', help: 'Where each prototype is strongest: s, cell and box.' },
  },
  async run({ model, images, show, count, prototypes = '', scale = 'own maximum' }, context) {
    const { info } = model
    const x0 = toModel(images, info.config)
    const listed = show === 'strongest' ? undefined : chosenPrototypes(show === 'all' ? 'all' : 'only these', prototypes, info)
    const each = listed?.length ?? Math.min(count, info.config.prototypes.count)
    checkCells((each + 1) * x0.shape[0])
    const maps = await cellMaps(model, x0)
    const found = Array.from({ length: x0.shape[0] }, (_, image) =>
      listed ? listed.map(j => locate(maps, image, j)) : strongestFirst(maps, image).slice(0, each),
    )
    const topOf = brightest(found.flat(), info, scale)
    const pictures = fromModel(x0)
    const large = enlarge(pictures, enlargement(pictures, cellSize))
    const lines: GridCell[][] = []
    for (const [image, located] of found.entries()) {
      await context.pause()
      const picture = rows(large, image, image + 1)
      lines.push(located.map(place => ({ picture: draw(picture, place, maps, topOf), caption: captionOf(place, info) })))
      context.progress(image + 1, found.length)
    }
    const grid = await drawGrid(context, {
      title: listed ? 'Where prototypes are' : `The ${each} strongest prototypes of each picture, and where they are`,
      legend: { dark: 's = 0', bright: scale === 'common' ? `s = ${topOf(0).toFixed(2)}` : "the prototype's own maximum" },
      columns: 9,
      rows: lines.map((cells, image) => ({
        cells: [{ picture: rows(large, image, image + 1), caption: [`image ${image}`] }, ...cells],
      })),
    })
    const table = tableOf(found.flat(), info)
    const shown = await context.saveImages(grid, { type: 'temp', prefix: 'heat_maps' })
    return {
      grid,
      maps: concat(lines.flat().map(({ picture }) => picture)),
      table,
      ui: { images: shown, text: [tableText(table)], tables: [table] },
    }
  },
})

/** For each prototype the s of the brightest colour. */
function brightest(found: readonly Located[], { ranges }: CheckpointInfo, scale: string): (prototype: number) => number {
  const most = (places: readonly Located[]) => places.reduce((top, { s }) => Math.max(top, s), 0)
  if (scale === 'common') {
    const top = most(found)
    return () => top
  }
  return j => ranges?.[j]?.max ?? most(found.filter(({ prototype }) => prototype === j))
}

function draw(picture: Tensor, { image, prototype, box }: Located, maps: CellMaps, topOf: (prototype: number) => number): Tensor {
  const factor = picture.shape[1] / maps.info.config.image.height
  const { jump, start } = maps.field
  const place = { jump: jump * factor, start: start * factor }
  return drawBox(heatOverlay(picture, mapOf(maps, image, prototype), place, topOf(prototype)), scaled(box, factor), 1)
}

const captionOf = ({ prototype, s }: Located, info: CheckpointInfo): string[] => [
  prototypeLabel(prototype, info),
  `s = ${s.toFixed(2)}${info.ranges?.[prototype] ? ` of ${info.ranges[prototype].max.toFixed(2)}` : ''}`,
]

function tableOf(found: readonly Located[], info: CheckpointInfo): Table {
  const { width, height } = info.config.image
  return {
    title: `Where each prototype is strongest (cells row by row; boxes in pixels of ${width}×${height})`,
    columns: ['image', 'prototype', 's', 'cell', 'x0', 'y0', 'x1', 'y1'],
    rows: found.map(({ image, prototype, s, cell, box: { x0, y0, x1, y1 } }) => [
      image,
      prototypeLabel(prototype, info),
      rounded(s),
      cell,
      x0,
      y0,
      x1,
      y1,
    ]),
  }
}
