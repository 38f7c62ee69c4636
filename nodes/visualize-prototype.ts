import { crop, drawBox, enlarge, enlargement, heatOverlay, scaled } from '../analysis/overlay.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { visualize, type Visualization } from '../analysis/visualize.ts'
import type { Patronus } from '../engine/patronus.ts'
import { receptiveField } from '../model/receptive-field.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { liveSteps } from './live-steps.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { raisedBy, raiseOptions } from './raise-to.ts'
import { rounded, tableText } from './table-text.ts'

/** Longer side of the figures, in pixels: enough for a frame that covers no pixel of the picture. */
const figureSize = 256

export default defineNode({
  type: 'PatronusVisualizePrototype',
  title: 'Visualize Prototype',
  category: 'patronus/interpret',
  help: 'Shows what a prototype means: raises it on each picture, forms the pictures again, and boxes the patch where it is strongest.',
  aliases: ['show', 'patch', 'heat map', 'where', 'explain'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototype to show.' },
    images: { type: 'IMAGE', help: 'Pictures to raise it on; the more, the better the best one shows it.' },
    prototype: { type: 'INT', default: 0, min: 0, max: 4095, help: 'Which prototype, 0 … m-1.' },
    steps: { type: 'INT', default: 50, min: 2, max: 1000, help: 'Steps of the inversion and of the sampling.' },
    raise_to: {
      type: 'COMBO',
      options: raiseOptions,
      default: 'maximum',
      help: "Raises it to its own measured maximum, to max(s_X), the paper's one number for all prototypes (the largest ever measured; without ranges of these pictures), or to value.",
    },
    value: { type: 'FLOAT', default: 1, min: 0, max: 10, step: 0.01, help: 'What to raise it to when raise_to is value.' },
    box: {
      type: 'COMBO',
      options: ['exact', 'official'],
      default: 'exact',
      optional: true,
      advanced: true,
      help: "exact is all that the patch encoder sees there; official is the box of the authors' figures, one pixel smaller.",
    },
    choose: {
      type: 'COMBO',
      options: ['highest', 'rise'],
      default: 'highest',
      optional: true,
      advanced: true,
      help: 'Which picture to show: the one where s ends highest (official) or where it rose most.',
    },
  },
  outputs: {
    boxed: { type: 'IMAGE', help: 'The picture that shows the prototype best, with the patch framed.' },
    patch: { type: 'IMAGE', help: 'The framed patch itself.' },
    heat: { type: 'IMAGE', help: 'Where the prototype is present in that picture, and how strongly.' },
    images: { type: 'IMAGE', help: 'All pictures, formed again with the prototype raised.' },
    scores: { type: 'TABLE', help: 's of the prototype before and after, for every picture.' },
  },
  async run({ model, images, prototype, steps, raise_to, value, box = 'exact', choose = 'highest' }, context) {
    const options = {
      steps,
      value: raisedBy(raise_to, value),
      box: box as 'exact' | 'official',
      choose: choose as 'highest' | 'rise',
    }
    const [found] = await visualize(model, toModel(images, model.info.config), [prototype], options, liveSteps(context))
    const regenerated = fromModel(found.images)
    const figures = draw(rows(regenerated, found.representative, found.representative + 1), found, model)
    const scores = scoreTable(found, model)
    const shown = await context.saveImages(figures.boxed, { type: 'temp', prefix: 'prototype' })
    const heat = await context.saveImages(figures.heat, { type: 'temp', prefix: 'prototype' })
    return {
      ...figures,
      images: regenerated,
      scores,
      ui: { images: [...shown, ...heat], text: [tableText(scores)], tables: [scores] },
    }
  },
})

function draw(image: Tensor, found: Visualization, { info }: Patronus): { boxed: Tensor; patch: Tensor; heat: Tensor } {
  const { encoder, image: size } = info.config
  const factor = enlargement(image, figureSize)
  const { jump, start } = receptiveField(encoder, size.height)
  const large = enlarge(image, factor)
  const top = Math.max(found.value, ...found.map.data)
  return {
    boxed: drawBox(large, scaled(found.box, factor)),
    patch: crop(image, found.box),
    heat: heatOverlay(large, found.map, { jump: jump * factor, start: start * factor }, top),
  }
}

function scoreTable({ prototype, value, before, after, representative }: Visualization, { info }: Patronus): Table {
  return {
    title: `Prototype ${prototypeLabel(prototype, info)} raised to ${rounded(value)}`,
    columns: ['image', 's before', 's after', 'rise', 'shown'],
    rows: after.map((s, b) => [b, rounded(before[b]), rounded(s), rounded(s - before[b]), b === representative ? 'shown' : '']),
  }
}
