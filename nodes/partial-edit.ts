import { encodeIn } from '../analysis/batches.ts'
import { compareEdits, judge, type EditComparison, type EditOutcome } from '../analysis/compare-edits.ts'
import { adviseDepth, editStrength } from '../analysis/edit-depth.ts'
import { applyEdits, parseEdits, parsePrototypes, type Edit } from '../analysis/edits.ts'
import { threeDigits } from '../analysis/emergence-figures.ts'
import { meanOf } from '../analysis/metrics/statistics.ts'
import { partialEdit, stepsOf, type Change } from '../analysis/partial-edit.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import type { Hooks } from '../analysis/sampling.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { Tensor } from '../model/tensor.ts'
import { liveStage } from './live-steps.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { tableText } from './table-text.ts'

/** Steps that suffice to find a depth. */
const adviceSteps = 20

export default defineNode({
  type: 'PatronusPartialEdit',
  title: 'Partial Edit',
  category: 'patronus/sampling',
  help: 'Raises prototypes in pictures, but leads these only part of the way to noise: faster than Invert, Edit and Sample, and more of the picture stays as it was.',
  aliases: ['depth', 'strength', 'preserve', 'manipulate', 'img2img', 'change'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to edit with.' },
    images: { type: 'IMAGE', help: 'Pictures to edit.' },
    prototypes: {
      type: 'STRING',
      default: '0',
      help: 'Which prototypes to raise, for example "3, 17"; empty to use more_edits alone.',
    },
    raise_to: {
      type: 'COMBO',
      options: ['maximum', 'value'],
      default: 'maximum',
      help: 'Raises each to its own measured maximum (without one, to the largest s of these pictures) or to value.',
    },
    value: { type: 'FLOAT', default: 1, min: 0, max: 10, step: 0.01, help: 'What to raise them to when raise_to is value.' },
    depth: {
      type: 'COMBO',
      options: ['advised', 'value'],
      default: 'advised',
      help: 'advised tries several depths on the first eight pictures and takes the smallest that keeps strength; value takes stop_at.',
    },
    stop_at: {
      type: 'INT',
      default: 600,
      min: 1,
      max: 1000,
      help: 'Timestep to go back to when depth is value: 1000 is the full edit, less keeps more of the picture.',
    },
    steps: {
      type: 'INT',
      default: 50,
      min: 2,
      max: 1000,
      help: 'Steps K over the whole schedule; from half way down about half are taken.',
    },
    strength: {
      type: 'FLOAT',
      default: 0.75,
      min: 0.1,
      max: 1,
      step: 0.05,
      optional: true,
      display: 'slider',
      help: "Share of the full edit's strength that an advised depth must keep.",
    },
    more_edits: {
      type: 'STRING',
      default: '',
      multiline: true,
      optional: true,
      placeholder: '12 = 0.8\n7 + 0.3\n31 = q95',
      help: 'More edits, one a line: "12 = 0.8", "12 + 0.3", "12 = max", "12 = min", "12 = q95"; # starts a remark.',
    },
    extrapolate: {
      type: 'BOOLEAN',
      default: false,
      optional: true,
      help: 'Lets values go beyond what was ever measured for the prototype: what a shallow edit lacks in strength can be made up for.',
    },
    compare: {
      type: 'BOOLEAN',
      default: false,
      optional: true,
      help: 'Makes the full edit, too, at the same change of the target, and says what was kept; takes several times as long.',
    },
  },
  outputs: {
    images: { type: 'IMAGE', help: 'The edited pictures.' },
    control: { type: 'IMAGE', help: 'The pictures led there and back without an edit: all that differs from these is the edit.' },
    table: { type: 'TABLE', help: 'Time saved and, against the full edit when compared, what was kept.' },
    depth: { type: 'INT', help: 'Timestep it went back to, for stop_at of Invert DDIM.' },
  },
  async run({ model, images, depth, stop_at, steps, strength = 0.75, compare = false, ...edits }, context) {
    const x0 = toModel(images, model.info.config)
    const { s } = await encodeIn(model, x0, 16)
    const { s: edited, notes } = applyEdits(s, editsOf(edits), model.info, edits.extrapolate)
    if (edited.data.every((value, i) => value === s.data[i]))
      throw new Error(
        'prototypes and more_edits change nothing in s; name a prototype to raise, such as "3", and what to raise it to',
      )
    const change = { s, edited }
    const [asked, done] = [depth === 'advised' ? 0.2 : 0, compare ? 0.45 : 1]
    const { level, said } =
      depth === 'advised'
        ? await advised(model, x0, change, strength, liveStage(context, 0, asked))
        : { level: stop_at, said: [] }
    const found = await partialEdit(model, x0, change, { steps, depth: level, control: true }, liveStage(context, asked, done))
    const options = { steps, depth: found.t, now: () => performance.now() }
    const table = compare
      ? comparisonTable(await compareEdits(model, x0, change, options, liveStage(context, done, 1)))
      : savingTable(model, steps, found.t, await judge(model, x0, found.images, change))
    const pictures = fromModel(found.images)
    const shown = await context.saveImages(pictures, { type: 'temp', prefix: 'partial-edit' })
    return {
      images: pictures,
      control: fromModel(found.control ?? x0),
      table,
      depth: found.t,
      ui: { images: shown, text: [tableText(table), ...said, ...notes], tables: [table] },
    }
  },
})

type EditInputs = {
  readonly prototypes: string
  readonly raise_to: string
  readonly value: number
  readonly more_edits?: string
}

function editsOf({ prototypes, raise_to, value, more_edits = '' }: EditInputs): Edit[] {
  const mode = raise_to === 'value' ? 'set' : 'maximum'
  const raised = parsePrototypes(prototypes).map((prototype): Edit => ({ prototype, mode, value }))
  return [...raised, ...namedPort('more_edits', () => parseEdits(more_edits))]
}

/** What cannot be read names the port it stands in. */
function namedPort<T>(port: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${port}, ${(error as Error).message}`, { cause: error })
  }
}

/** The depth to take, and what to say about it. Where even the full edit does not work none is better: the full edit is made. */
async function advised(
  model: Patronus,
  images: Tensor,
  { s, edited }: Change,
  share: number,
  hooks: Hooks,
): Promise<{ level: number; said: string[] }> {
  const [curve] = await editStrength(model, { images, s }, [edited], { steps: adviceSteps }, hooks)
  const level = adviseDepth(curve, share)
  if (level !== null) return { level, said: [] }
  const moved = curve.change.toPrecision(2)
  const said = `no depth makes this edit: even the full one, which was made, moves its prototypes by ${moved}; raise further with extrapolate, or try another prototype`
  return { level: model.info.config.timesteps - 1, said: [said] }
}

const columns = ['edit', 'goes back to t', 'steps a picture', 'steps saved %', 'seconds', 'target rises by', 'MSE outside the patch', 'MSE of all'] // prettier-ignore

type Judged = Pick<EditOutcome, 'change' | 'outside' | 'whole'>

function row(edit: string, t: number, steps: number, full: number, judged?: Judged, seconds?: number): Table['rows'][number] {
  const numbers = [seconds, judged?.change, meanOf(judged?.outside ?? []), meanOf(judged?.whole ?? [])]
  return [edit, t, steps, Math.round(100 * (1 - steps / full)), ...numbers.map(threeDigits)]
}

/** What is known without making the full edit: its cost. */
function savingTable(model: Patronus, steps: number, t: number, judged: Judged): Table {
  const last = model.info.config.timesteps - 1
  const [partial, full] = [t, last].map(level => {
    const { inversion, sampling } = stepsOf(model, steps, level)
    return inversion + sampling
  })
  return {
    title: 'Partial edit; turn on compare to see what the full one would have kept',
    columns,
    rows: [row('partial', t, partial, full, judged), row('full', last, full, full)],
  }
}

function comparisonTable({ t, last, partial, full, equal, preserved }: EditComparison): Table {
  const of = (name: string, outcome: EditOutcome, level: number) =>
    row(
      outcome.share < 1 ? `${name}, turned down to the same rise` : name,
      level,
      outcome.steps,
      full.steps,
      outcome,
      outcome.seconds,
    )
  const turned = equal ? [equal.partial, equal.full].filter(({ share }) => share < 1) : []
  const kept = preserved
    ? `: at the same rise the partial edit changes ${Math.round(100 * preserved.share)} % less outside the patch`
    : ''
  return {
    title: `Partial and full edit${kept}`,
    columns,
    rows: [
      of('partial', partial, t),
      of('full', full, last),
      ...turned.map(outcome => (outcome === equal?.partial ? of('partial', outcome, t) : of('full', outcome, last))),
    ],
  }
}
