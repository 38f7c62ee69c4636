import type { CheckpointInfo } from '../../engine/patronus.ts'
import { concat, map, rows, type Tensor } from '../../model/tensor.ts'
import { columnOf, type Diagnosis, type Pair, type RaiseEffect, type Shift } from '../diagnose.ts'
import { intervalsSvg } from '../figures/intervals.ts'
import { matrixSvg } from '../figures/matrix.ts'
import { colored } from '../pixels.ts'
import { prototypeLabel } from '../ranges.ts'
import type { Figure, Report, Table } from '../report.ts'

/** All that a diagnosis page is made of. */
export type Diagnosed = {
  readonly info: CheckpointInfo
  readonly diagnosis: Diagnosis
  /** Groups of prototypes drawn at random, raised like the others. */
  readonly random: readonly RaiseEffect[]
  readonly control?: { readonly info: CheckpointInfo; readonly diagnosis: Diagnosis }
  readonly pairs: readonly Pair[]
}

type Drawing = Figure & { readonly svg: string }

/** Pairs whose pictures the page shows. */
const shownPairs = 6
const shownPictures = 8

/** The diagnosis as a page: the answer, pairs by suspicion with their pictures, the whole matrix, everything as tables. */
export function diagnoseReport(all: Diagnosed, facts: Report['facts']): Report {
  return {
    title: `Shortcuts of ${all.info.name}`,
    summary: diagnosisSummary(all),
    sections: [
      { heading: 'Pairs by suspicion', figures: [forest(all)], tables: [pairTable(all.pairs)] },
      { heading: 'What it looks like', figures: all.pairs.slice(0, shownPairs).flatMap(pair => pictureFigure(all, pair)) },
      { heading: 'All pairs', figures: matrices(all) },
      { heading: 'What was raised', tables: [raiseTable(all)] },
    ],
    facts,
  }
}

const howRaised = ({ raises }: Diagnosis): string =>
  raises.some(({ raise }) => raise.shift)
    ? 'For every attribute A, all of s was moved by what is usual with A and not without it,'
    : 'For every attribute A, the prototypes that stand for it were raised to their maximum'

const formedFrom = {
  inverted: 'from their own noise',
  fresh: 'from fresh noise, in which s decides alone; what it becomes with nothing raised is what shifts are measured against',
} as const

/** What shifts are measured against. */
const beforeName = ({ noise }: Diagnosis): string => (noise === 'fresh' ? 'nothing raised' : 'original')

/** The answer in two sentences. */
export function diagnosisSummary({ diagnosis, pairs, control }: Diagnosed): string[] {
  const suspicious = pairs.filter(isSuspicious)
  return [
    `${howRaised(diagnosis)} on ${diagnosis.pictures} ${diagnosis.pictures === 1 ? 'picture, which was' : 'pictures, which were'} formed again ${formedFrom[diagnosis.noise]}; a classifier that never met the model read every other attribute B, in the pictures that lack A.`,
    suspicious.length === 0
      ? `No pair moved beyond what raising random prototypes${control ? ` or ${control.info.name}` : ''} does.`
      : `${suspicious.length} of ${pairs.length} pairs moved more than random prototypes${control ? ` and ${control.info.name}` : ''} explain, with an interval away from 0. The most suspicious: ${suspicious.slice(0, 3).map(sentence).join('; ')}.`,
  ]
}

/** Less nobody would see in pictures. */
const visible = 0.05

/** Beyond what is explained, and surely not 0. */
export const isSuspicious = ({ suspicion, shift: { interval } }: Pair): boolean =>
  suspicion > visible && interval !== null && (interval.low > 0 || interval.high < 0)

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`

const sentence = ({ raised, read, shift: { mean, interval } }: Pair): string =>
  `raising ${raised} moves P(${read}) by ${signed(mean)}${interval ? ` (95 % interval ${signed(interval.low)} to ${signed(interval.high)})` : ''}`

export function forest({ pairs, info, control, diagnosis }: Diagnosed): Drawing {
  const row = (pair: Pair, group: string, { mean, interval }: Shift) => ({
    name: `${pair.raised} → ${pair.read}`,
    group,
    mean,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
  })
  return {
    title: 'Shift of P(B) when A is raised',
    caption: 'Mean over pictures and 95 % bootstrap interval; the twelve most suspicious pairs.',
    svg: intervalsSvg({
      title: 'Shift of P(B) when A is raised',
      x: { label: `E[P(B | A raised) − P(B | ${beforeName(diagnosis)})]` },
      rows: pairs
        .slice(0, 12)
        .flatMap(pair => [
          row(pair, info.name, pair.shift),
          ...(pair.control && control ? [row(pair, control.info.name, pair.control)] : []),
        ]),
    }),
  }
}

export const pairTable = (pairs: readonly Pair[]): Table => ({
  title: 'Pairs',
  columns: ['raised A', 'read B', 'E[ΔP(B)]', 'low', 'high', 'control', 'control low', 'control high', 'random', 'suspicion'],
  rows: pairs.map(({ raised, read, shift, control, random, suspicion }) => [
    raised,
    read,
    shift.mean,
    shift.interval?.low ?? null,
    shift.interval?.high ?? null,
    control?.mean ?? null,
    control?.interval?.low ?? null,
    control?.interval?.high ?? null,
    random,
    suspicion,
  ]),
})

function pictureFigure(all: Diagnosed, pair: Pair): Figure[] {
  const moved = mostMoved(all, pair)
  if (!moved) return []
  const { raised, read, shift } = pair
  const { chosen, effect, before, after } = moved
  return [
    {
      title: `${raised} raised, ${read} read`,
      caption: `${effect.raise.shift ? 'All of s moved; most telling are prototypes' : 'Prototypes'} ${effect.raise.prototypes.map(j => prototypeLabel(j, all.info)).join(', ')}. The ${chosen.length} pictures of ${all.diagnosis.pictures} in which P(${read}) moved most; on average ${signed(shift.mean)}.`,
      images: map(colored(concat([before, after])), v => (v + 1) / 2),
      columns: chosen.length,
      rowLabels: [beforeName(all.diagnosis), `${raised} raised`],
    },
  ]
}

/** Pictures [K,H,W,C] -1 … 1 as they were and with A raised. */
export type Moved = {
  readonly effect: RaiseEffect
  /** Which pictures, and ΔP(B) of each. */
  readonly chosen: readonly number[]
  readonly deltas: readonly number[]
  readonly before: Tensor
  readonly after: Tensor
}

/** The pictures in which B of a pair moved most, in the direction of its mean. */
export function mostMoved({ diagnosis }: Diagnosed, { raised, read, shift }: Pair): Moved | undefined {
  const effect = diagnosis.raises.find(({ raise }) => raise.name === raised)
  const b = diagnosis.attributes.indexOf(read)
  if (!effect || b < 0) return undefined
  const deltas = columnOf(effect.deltas, b)
  const sign = Math.sign(shift.mean)
  const chosen = [...(effect.raise.among ?? deltas.keys())].sort((i, j) => sign * (deltas[j] - deltas[i])).slice(0, shownPictures)
  const pick = (images: Tensor) => concat(chosen.map(i => rows(images, i, i + 1)))
  return { effect, chosen, deltas: chosen.map(i => deltas[i]), before: pick(diagnosis.before), after: pick(effect.images) }
}

/** What was raised against what was read, of the model and of its control. */
export function matrices({ diagnosis, random, control, info }: Diagnosed): Drawing[] {
  const matrix = (title: string, { attributes, raises }: Diagnosis, extra: readonly RaiseEffect[]) => ({
    title,
    caption: 'Rows: what was raised. Columns: what was read. The diagonal shows whether raising works at all.',
    svg: matrixSvg({
      title,
      rows: [...raises, ...extra].map(({ raise }) => raise.name),
      columns: attributes,
      rowLabel: 'raised',
      columnLabel: 'read',
      values: [...raises, ...extra].map(({ shifts }) => shifts.map(({ mean }) => mean)),
      label: 'E[ΔP]',
      colors: 'diverging',
      limits: [-1, 1],
    }),
  })
  return [
    matrix(info.name, diagnosis, [diagnosis.unchanged, ...random]),
    ...(control ? [matrix(control.info.name, control.diagnosis, [control.diagnosis.unchanged])] : []),
  ]
}

function raiseTable({ diagnosis, random, control, info }: Diagnosed): Table {
  const row = (model: CheckpointInfo, { attributes }: Diagnosis, { raise, shifts }: RaiseEffect) => [
    model.name,
    raise.name,
    raise.prototypes.map(j => prototypeLabel(j, model)).join(', '),
    shifts[attributes.indexOf(raise.name)]?.mean ?? null,
  ]
  return {
    title: 'Raised prototypes',
    columns: ['model', 'stands for', 'prototypes', 'shift of that attribute itself'],
    rows: [
      ...[...diagnosis.raises, ...random].map(effect => row(info, diagnosis, effect)),
      ...(control?.diagnosis.raises ?? []).map(effect => row(control!.info, control!.diagnosis, effect)),
    ],
  }
}
