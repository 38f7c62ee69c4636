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
  const stream = random(seed)
  const draw = () => statistic(Array.from({ length: n }, () => items[stream.int(n)]))
  return n < 2 ? null : between(draw, resamples, level)
}

/** Percentiles of what `draw` gives each time. */
function between(draw: () => number | null, resamples: number, level: number): Interval | null {
  const found: number[] = []
  for (let r = 0; r < resamples; r++) {
    const value = draw()
    if (value !== null && Number.isFinite(value)) found.push(value)
  }
  if (found.length * 2 < resamples) return null
  const ascending = Float64Array.from(found).sort()
  return { low: quantile(ascending, (1 - level) / 2), high: quantile(ascending, (1 + level) / 2) }
}

/**
 * Interval of the mean of numbers, without a list for every resample: couplings ask for thousands of them. Equal numbers give an
 * interval without width: rounding must not give them a mean beside them, so sums run over differences to the first.
 */
export function bootstrapInterval(
  values: readonly number[],
  { seed, resamples = 2000, level = 0.95 }: BootstrapOptions,
): Interval | null {
  const n = values.length
  const stream = random(seed)
  const draw = () => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += values[stream.int(n)] - values[0]
    return values[0] + sum / n
  }
  return n < 2 ? null : between(draw, resamples, level)
}
