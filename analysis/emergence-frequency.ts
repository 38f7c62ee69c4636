/** Whether fine concepts appear later than coarse ones, over all prototypes that rise. */
import type { PrototypeEmergence } from './emergence.ts'
import { resampledInterval, type Interval } from './metrics/bootstrap.ts'
import { pearson, spearman } from './metrics/correlation.ts'

/** A correlation with its 95 % interval; `null` where it does not exist, as over fewer than three prototypes. */
export type Correlation = { readonly value: number | null; readonly interval: Interval | null }

export type FrequencyRelation = {
  /** The points of the scatter. */
  readonly points: readonly {
    readonly prototype: number
    /** t50 of the mean Δ: large is early. */
    readonly onset: number
    /** Mean t50 of single pictures: fewer ties, since the mean curve begins at its first step for many. */
    readonly pictureOnset: number
    /** t50 of the mean effect over the control: what a blurred picture shows by itself is taken off. */
    readonly effectOnset: number
    /** Cycles per picture. */
    readonly frequency: number
    /** Share of the picture that changes, 0…1. */
    readonly area: number
  }[]
  /** Prototypes without an onset or without a change to measure. */
  readonly left: readonly number[]
  /** Onset against frequency: negative when fine concepts come late (at small t). */
  readonly spearman: Correlation
  readonly pearson: Correlation
  /** The same by ranks for the mean onset of single pictures. */
  readonly pictures: Correlation
  /** The same by ranks for the onset over the control. */
  readonly effect: Correlation
  /** Onset against area, by ranks: positive when large concepts come early. */
  readonly area: Correlation
}

/** Resamples prototypes: the interval says how far the relation depends on which prototypes the model happens to have. */
export function frequencyRelation(traced: readonly PrototypeEmergence[], seed = 1): FrequencyRelation {
  const points = traced.flatMap(({ prototype, fineness: { frequency, area }, ...found }) => {
    const [onset, effectOnset, pictureOnset] = [found.onset.t50, found.effectOnset.t50, found.pictureOnset.mean]
    const isWhole = onset !== null && effectOnset !== null && pictureOnset !== null && frequency !== null && area !== null
    return isWhole ? [{ prototype, onset, pictureOnset, effectOnset, frequency, area }] : []
  })
  type Point = (typeof points)[number]
  const correlate = (of: typeof pearson, x: (point: Point) => number, y = (point: Point) => point.onset): Correlation => {
    const statistic = (sample: readonly Point[]) => (sample.length < 3 ? null : of(sample.map(x), sample.map(y)))
    return { value: statistic(points), interval: resampledInterval(points, statistic, { seed }) }
  }
  const used = new Set(points.map(({ prototype }) => prototype))
  return {
    points,
    left: traced.map(({ prototype }) => prototype).filter(j => !used.has(j)),
    spearman: correlate(spearman, ({ frequency }) => frequency),
    pearson: correlate(pearson, ({ frequency }) => frequency),
    pictures: correlate(spearman, ({ frequency }) => frequency, ({ pictureOnset }) => pictureOnset), // prettier-ignore
    effect: correlate(spearman, ({ frequency }) => frequency, ({ effectOnset }) => effectOnset), // prettier-ignore
    area: correlate(spearman, ({ area }) => area),
  }
}
