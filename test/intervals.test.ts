import fc from 'fast-check'
import { bootstrapInterval, resampledInterval } from '../analysis/metrics/bootstrap.ts'
import { pearson, ranks, spearman } from '../analysis/metrics/correlation.ts'
import { meanOf, quantile } from '../analysis/metrics/statistics.ts'
import { random } from '../model/noise.ts'

describe('bootstrap interval', () => {
  const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 20 })

  test('is a function of its seed, in order, and inside what the numbers span', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0 }), (values, seed) => {
        const found = bootstrapInterval(values, { seed, resamples: 200 })!
        expect(found).toEqual(bootstrapInterval(values, { seed, resamples: 200 }))
        expect(found.low).toBeLessThanOrEqual(found.high)
        expect(found.low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9)
        expect(found.high).toBeLessThanOrEqual(Math.max(...values) + 1e-9)
      }),
      { numRuns: 50 },
    )
  })

  test('has no width for equal numbers, and does not exist for fewer than two', () => {
    for (const value of [0, 0.1, -3e5]) expect(bootstrapInterval([value, value, value], { seed: 1 })).toEqual({ low: value, high: value }) // prettier-ignore
    expect(bootstrapInterval([], { seed: 1 })).toBeNull()
    expect(bootstrapInterval([4], { seed: 1 })).toBeNull()
  })

  test('of the mean of 30 normal numbers holds the true mean about as often as it says', () => {
    const stream = random(5)
    const draws = Array.from({ length: 300 }, () => Array.from({ length: 30 }, () => stream.normal()))
    const held = draws.filter((values, seed) => {
      const { low, high } = bootstrapInterval(values, { seed, resamples: 400 })!
      return low <= 0 && 0 <= high
    })
    // 95 % asked; percentile intervals of 30 numbers hold about 93 %, and 300 trials scatter by 1.5 %
    expect(held.length / 300).toBeGreaterThan(0.88)
    expect(held.length / 300).toBeLessThan(0.985)
  })

  test('takes any statistic, leaves out resamples without one, and does not exist when most have none', () => {
    const median = (sample: readonly number[]) => quantile([...sample].sort((a, b) => a - b), 0.5) // prettier-ignore
    expect(resampledInterval([1, 2, 3, 4, 100], median, { seed: 1 })!.high).toBeLessThanOrEqual(100)
    const onlyPairs = (sample: readonly string[]) => (new Set(sample).size > 1 ? 1 : null)
    expect(resampledInterval(['a', 'b', 'c'], onlyPairs, { seed: 1 })).toEqual({ low: 1, high: 1 })
    expect(resampledInterval(['a', 'b', 'c'], () => NaN, { seed: 1 })).toBeNull()
  })
})

describe('correlation', () => {
  test('is 1 along a rising line, -1 along a falling one, by value and by rank', () => {
    const x = [3, 1, 4, 1.5, 9]
    expect(pearson(x, x.map(v => 2 * v + 1))).toBeCloseTo(1, 12) // prettier-ignore
    expect(pearson(x, x.map(v => -v))).toBeCloseTo(-1, 12) // prettier-ignore
    expect(spearman(x, x.map(Math.exp))).toBeCloseTo(1, 12)
    expect(meanOf(ranks([5, 5, 1, 7]))).toBe(2.5)
    expect(ranks([5, 5, 1, 7])).toEqual([2.5, 2.5, 1, 4])
  })

  test('does not exist for one pair or a constant list, and never is NaN', () => {
    expect(pearson([1], [2])).toBeNull()
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull()
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true })), { maxLength: 8 }), pairs => {
        const r = spearman(pairs.map(([x]) => x), pairs.map(([, y]) => y)) // prettier-ignore
        expect(r === null || Math.abs(r) <= 1).toBe(true)
      }),
    )
  })
})
