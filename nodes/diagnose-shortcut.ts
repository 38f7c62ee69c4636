import { attribute, type DataSet } from '../analysis/data-set.ts'
import { exclusiveGroups, suspiciousPairs, type Raise } from '../analysis/diagnose.ts'
import { parsePrototypes } from '../analysis/edits.ts'
import { examine, type ExamineOptions } from '../analysis/examine.ts'
import { enlarge, enlargement } from '../analysis/overlay.ts'
import type { PictureGrid } from '../analysis/picture-grid.ts'
import { fromModel } from '../analysis/pixels.ts'
import { checkPrototype, prototypeLabel } from '../analysis/ranges.ts'
import {
  diagnosisSummary,
  forest,
  matrices,
  mostMoved,
  pairTable,
  type Diagnosed,
  type Moved,
} from '../analysis/reports/diagnose.ts'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import type { Patronus } from '../engine/patronus.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import { liveSteps } from './live-steps.ts'
import { noiseInput } from './noise-input.ts'
import { defineNode, type Context } from './node.ts'
import { roundedTable, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusDiagnoseShortcut',
  title: 'Diagnose Shortcut',
  category: 'patronus/interpret',
  help: 'Finds what a model ties together that does not belong together: raises what stands for attribute A, and a classifier that never met the model reads whether B moved.',
  aliases: ['bias', 'spurious', 'correlation', 'fairness', 'confounder', 'attributes'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to examine.' },
    data: {
      type: 'DATASET',
      help: 'Pictures with attributes, best unbiased ones; all of them tell which prototypes stand for what.',
    },
    attribute_a: {
      type: 'STRING',
      default: '',
      placeholder: 'all, or black hair',
      help: 'The attribute to raise; empty for every one that varies.',
    },
    attribute_b: {
      type: 'STRING',
      default: '',
      placeholder: 'all, or smile',
      help: 'The attribute to read; empty for every one.',
    },
    pictures: { type: 'INT', default: 24, min: 1, max: 1000, help: 'The first so many pictures are formed again.' },
    top: {
      type: 'INT',
      default: 2,
      min: 1,
      max: 64,
      help: 'How many prototypes stand for an attribute: those that tell it best.',
    },
    random: {
      type: 'INT',
      default: 2,
      min: 0,
      max: 64,
      help: 'How many random groups are raised, too (with the usual edit at least one an attribute): what moves then moves by itself.',
    },
    steps: { type: 'INT', default: 20, min: 2, max: 1000, help: 'Steps of the inversion and of each sampling.' },
    seed: { type: 'INT', default: 1, min: 0, max: 4294967295, seed: true, help: 'Draws the random groups and the bootstrap.' },
    control: {
      type: 'PATRONUS',
      optional: true,
      help: 'A clean model of the same pictures; what moves in it as well is no shortcut.',
    },
    prototypes: {
      type: 'STRING',
      default: '',
      optional: true,
      placeholder: 'by the data, or 12, 40',
      help: 'Prototypes that you say stand for attribute_a, raised instead of those that tell it best.',
    },
    edit: {
      type: 'COMBO',
      options: ['usual', 'maximum'],
      default: 'usual',
      optional: true,
      help: 'How A is brought into s: its prototypes to their maximum, as in the paper, or all of s by what is usual with A and not without it, which is milder and moves A more surely.',
    },
    noise: noiseInput,
  },
  outputs: {
    table: {
      type: 'TABLE',
      help: 'Pairs A → B by suspicion: the shift of P(B), its 95 % interval, and the same of control and random.',
    },
    chart: { type: 'IMAGE', help: 'The most suspicious pairs with their intervals.' },
    matrix: { type: 'IMAGE', help: 'All that was raised against all that was read.' },
    figure: { type: 'IMAGE', help: 'The most suspicious pair: pictures before and after.' },
    before: { type: 'IMAGE', help: 'The pictures of that pair as they were.' },
    after: { type: 'IMAGE', help: 'The same pictures with A raised.' },
  },
  async run(
    { model, data, attribute_a, attribute_b, control, prototypes = '', edit = 'usual', noise = 'fresh', ...how },
    context,
  ) {
    const [raised, read] = [attribute_a.trim(), attribute_b.trim()]
    checkAttributes(data, [raised, read])
    const raises = ownRaise(model, prototypes, raised)
    if (control && raises && raised === '')
      throw new Error(
        'attribute_a: name what the prototypes stand for, so that the same can be raised in the control; or unlink it',
      )
    const options = { ...how, edit: edit as EditKind, noise: noise as NoiseKind, ...(raised !== '' && { attributes: [raised] }) }
    const stages = control ? 2 : 1
    const found = await examineHere(context, model, data, { ...options, raises }, [0, stages])
    const clean = control && (await examineHere(context, control, data, { ...options, random: 0 }, [1, stages]))
    const pairs = suspiciousPairs(found.diagnosis, found.random, clean?.diagnosis, exclusiveGroups(data))
    const all: Diagnosed = {
      ...found,
      info: model.info,
      ...(control && clean && { control: { info: control.info, diagnosis: clean.diagnosis } }),
      pairs: pairs.filter(pair => read === '' || pair.read === read),
    }
    return present(all, context)
  },
})

/** Says at the door what would be found out only after minutes. */
function checkAttributes(data: DataSet, names: readonly [a: string, b: string]): void {
  if (!data.attributes?.names.length)
    throw new Error(
      `data: ${data.name} has no attributes to tell shortcuts by; choose a set with them, or a folder with an attributes.csv`,
    )
  for (const name of names) if (name !== '') attribute(data, name)
  const [a, b] = names
  if (a !== '' && a === b)
    throw new Error(`attribute_b: "${a}" is what is raised; name another one to read, or leave it empty for all`)
  if (exclusiveGroups(data).some(group => group.includes(a) && group.includes(b)))
    throw new Error(
      `attribute_b: no picture of ${data.name} has both "${a}" and "${b}", so a pair of them is no shortcut; name another`,
    )
}

/** What the person says stands for A. */
function ownRaise({ info }: Patronus, text: string, name: string): Raise[] | undefined {
  const prototypes = parsePrototypes(text).map(j => checkPrototype(j, info))
  return prototypes.length === 0 ? undefined : [{ name: name || `prototypes ${prototypes.join(', ')}`, prototypes }]
}

/** One of several models; the bar goes on where the one before left it. */
async function examineHere(
  context: Context,
  model: Patronus,
  data: DataSet,
  options: ExamineOptions,
  [stage, stages]: readonly [number, number],
) {
  const { onStep } = liveSteps(context)
  return examine(model, data, await context.reader(data), options, {
    onStep: (done, total, x0) => onStep(stage * total + done, stages * total, x0),
  })
}

async function present(all: Diagnosed, context: Context) {
  const [first] = all.pairs
  const moved = first && mostMoved(all, first)
  if (!moved)
    throw new Error('data: there is no pair of attributes to look at; give a set with at least two that can both be in a picture')
  const chart = await context.drawSvg(forest(all).svg)
  const matrix = await context.drawSvg(matrices(all)[0].svg)
  const figure = await drawGrid(context, gridOf(all, moved))
  const table = roundedTable(pairTable(all.pairs))
  const images: Tensor[] = [chart, figure, matrix]
  const shown = []
  for (const image of images) shown.push(...(await context.saveImages(image, { type: 'temp', prefix: 'shortcuts' })))
  return {
    table,
    chart,
    matrix,
    figure,
    before: fromModel(moved.before),
    after: fromModel(moved.after),
    ui: { images: shown, text: [...diagnosisSummary(all), tableText(table)], tables: [table] },
  }
}

function gridOf(
  { pairs: [{ raised, read }], info, diagnosis }: Diagnosed,
  { before, after, chosen, deltas, effect }: Moved,
): PictureGrid {
  const [a, b] = [fromModel(before), fromModel(after)]
  const factor = enlargement(a, cellSize)
  const cells = (images: Tensor, caption: (i: number) => string) =>
    chosen.map((_, i) => ({ picture: enlarge(rows(images, i, i + 1), factor), caption: [caption(i)] }))
  return {
    title: `${raised} raised, ${read} read: the ${chosen.length} of ${diagnosis.pictures} pictures in which it moved most`,
    rows: [
      { label: diagnosis.noise === 'fresh' ? 'nothing raised' : 'as they were', cells: cells(a, i => `picture ${chosen[i]}`) },
      {
        label: effect.raise.shift
          ? `all of s moved to what is usual with ${raised}`
          : `prototypes ${effect.raise.prototypes.map(j => prototypeLabel(j, info)).join(', ')} raised`,
        cells: cells(b, i => `ΔP = ${deltas[i].toFixed(2)}`),
      },
    ],
  }
}
