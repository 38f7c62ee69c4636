import { split, type Fold } from './folds.ts'
import { fitBoosted } from './gradient-boosting.ts'
import { checkLabels, takeLabels, takeRows, type Labels, type Matrix } from './matrix.ts'
import { meanOf } from './statistics.ts'
import { presort } from './tree.ts'

/** How well entries of s and attributes match one to one (Eastwood & Williams 2018, "DCI"). 0 = not at all, 1 = perfectly. */
export type Matching = {
  /** Each entry of s tells one attribute only; `null` with a single attribute, where nothing else could be told. */
  readonly disentanglement: number | null
  /** Each attribute is told by one entry only; `null` with a single entry, where nothing else could tell it. */
  readonly completeness: number | null
  readonly perCode: readonly (number | null)[]
  readonly perFactor: readonly (number | null)[]
}

/** Added to every importance before it is a share, so that an entry that tells nothing tells everything equally little. */
const floor = 1e-11

/** 1 minus the entropy of the shares, to the base of their number: 1 when one has all, 0 when all have the same; `null` for a single one. */
function concentration(importances: readonly number[]): number | null {
  if (importances.length < 2) return null
  const total = importances.reduce((sum, value) => sum + value + floor, 0)
  const entropy = importances.reduce((sum, value) => sum - ((value + floor) / total) * Math.log((value + floor) / total), 0)
  return 1 - entropy / Math.log(importances.length)
}

/** Σ wᵢ·xᵢ / Σ wᵢ; every weight the same when they are all 0. */
function weighted(values: readonly (number | null)[], weights: readonly number[]): number | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (!(total > 0)) return meanOf(values)
  return values.reduce<number | null>((sum, value, i) => (value === null ? sum : (sum ?? 0) + (value * weights[i]) / total), null)
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/** Disentanglement and completeness of importances R [code][factor] ≥ 0 (spec section 7.3). */
export function matching(importance: readonly (readonly number[])[]): Matching {
  const perFactorRows = (importance[0] ?? []).map((_, f) => importance.map(row => row[f]))
  const perCode = importance.map(concentration)
  const perFactor = perFactorRows.map(concentration)
  return {
    disentanglement: weighted(perCode, importance.map(sumOf)),
    completeness: weighted(perFactor, perFactorRows.map(sumOf)),
    perCode,
    perFactor,
  }
}

export type Dci = Pick<Matching, 'disentanglement' | 'completeness'> & {
  /** Informativeness: mean share of pictures whose attribute the trees read right, of those they were fitted on and of the others. */
  readonly train: number | null
  readonly test: number | null
  /** What always answering the more frequent label of the train part would reach on the others. */
  readonly majority: number | null
  /** One entry an attribute; `null` for one that is constant in the train part: there is nothing to fit, and it takes no part. */
  readonly attributes: readonly (FactorReading | null)[]
}

export type FactorReading = {
  /** Importance of every entry of s, sum 1 (all 0 when none tells anything). */
  readonly importance: Float64Array
  readonly completeness: number | null
  readonly train: number
  readonly test: number
  readonly majority: number
}

const shareRight = (labels: Labels, read: Labels): number =>
  Array.from(labels).filter((label, i) => label === read[i]).length / labels.length

function majorityOf(labels: Labels): number {
  const counts = new Map<number, number>()
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].reduce((most, next) => (next[1] > most[1] ? next : most))[0]
}

/**
 * DCI (spec section 7.3): one gradient boosting classifier an attribute, fitted on the train part of `fold` (default: the
 * first half), says how much every entry of s tells of it. Entries that say the same share the importance, which makes
 * the attribute less complete.
 */
export function dci(s: Matrix, attributes: readonly Labels[], { train, test }: Fold = split(s.rows, s.rows >> 1)): Dci {
  checkLabels(s, attributes)
  const [fitted, judged] = [takeRows(s, train), takeRows(s, test)]
  const table = presort(fitted)
  const readings = attributes.map(labels => {
    const [known, asked] = [takeLabels(labels, train), takeLabels(labels, test)]
    if (new Set(known).size < 2) return null
    const { importances, predict } = fitBoosted(table, known)
    const usual = majorityOf(known)
    return {
      importance: importances,
      train: shareRight(known, predict(fitted)),
      test: shareRight(asked, predict(judged)),
      majority: shareRight(asked, new Array<number>(asked.length).fill(usual)),
    }
  })
  const told = readings.filter(reading => reading !== null)
  const { disentanglement, completeness, perFactor } = matching(
    Array.from({ length: told.length ? s.columns : 0 }, (_, j) => told.map(({ importance }) => importance[j])),
  )
  const over = (value: (reading: (typeof told)[number]) => number) => meanOf(told.map(value))
  return {
    disentanglement,
    completeness,
    train: over(({ train }) => train),
    test: over(({ test }) => test),
    majority: over(({ majority }) => majority),
    attributes: readings.map(reading => reading && { ...reading, completeness: perFactor[told.indexOf(reading)] }),
  }
}
