/** How sure a number is: percentile bootstrap (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3). */
import { random } from '../../model/noise.ts'
import { quantile } from './statistics.ts'

/** Where the number lies with the probability asked for. */
export type Interval = { readonly low: number; readonly high: number }

export type BootstrapOptions = {
  /** Decides which items are drawn again: the same seed gives the same interval. */
  readonly seed: number
  readonly resamples?: number
  /** Share of the resampled statistics that lie inside, 0 … 1. */
  readonly level?: number
}

/**
 * Interval of a statistic of `items` over resamples of as many items, drawn with replacement. Resamples in which the statistic does
 * not exist (`null`, or no finite number) are left out. `null` when fewer than two items are there or it exists in less than half.
 */
export function resampledInterval<T>(
  items: readonly T[],
  statistic: (sample: readonly T[]) => number | null,
  { seed, resamples = 2000, level = 0.95 }: BootstrapOptions,
): Interval | null {
  const n = items.length
  if (n < 2) return null
  const stream = random(seed)
  const found: number[] = []
  for (let r = 0; r < resamples; r++) {
    const value = statistic(Array.from({ length: n }, () => items[stream.int(n)]))
    if (value !== null && Number.isFinite(value)) found.push(value)
  }
  if (found.length * 2 < resamples) return null
  const ascending = Float64Array.from(found).sort()
  return { low: quantile(ascending, (1 - level) / 2), high: quantile(ascending, (1 + level) / 2) }
}

/** The same for numbers; the statistic is their mean unless another is given. Equal numbers give an interval without width. */
export const bootstrapInterval = (
  values: readonly number[],
  { statistic = mean, ...options }: BootstrapOptions & { readonly statistic?: (sample: readonly number[]) => number | null },
): Interval | null => resampledInterval(values, statistic, options)

/** Rounding must not give equal numbers a mean beside them, so the sum runs over differences to the first. */
const mean = (values: readonly number[]): number =>
  values[0] + values.reduce((sum, value) => sum + (value - values[0]), 0) / values.length
