import * as fc from 'fast-check'
import { assign, matchPrototypes, nearestCosines } from '../analysis/prototype-similarity.ts'
import { gaussian } from '../model/noise.ts'
import { tensor } from '../model/tensor.ts'

const total = (cost: number[][], rows: (number | null)[]) =>
  rows.reduce<number>((sum, j, i) => sum + (j === null ? 0 : cost[i][j]), 0)

/** Every way to give rows their own columns. */
function cheapest(cost: number[][]): number {
  const [n, m] = [cost.length, cost[0].length]
  const search = (i: number, taken: Set<number>, left: number): number => {
    if (i === n) return left > 0 ? Infinity : 0
    const given = Array.from({ length: m }, (_, j) => j)
      .filter(j => !taken.has(j))
      .map(j => cost[i][j] + search(i + 1, new Set([...taken, j]), left - 1))
    const skipped = n - i > left ? [search(i + 1, taken, left)] : []
    return Math.min(Infinity, ...given, ...skipped)
  }
  return search(0, new Set(), Math.min(n, m))
}

test('no other assignment costs less, whatever the costs and however many rows and columns', () => {
  const table = fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
    .chain(([n, m]) =>
      fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: m, maxLength: m }), { minLength: n, maxLength: n }),
    )
  fc.assert(
    fc.property(table, cost => {
      const rows = assign(cost)
      const used = rows.filter(j => j !== null)
      expect(new Set(used).size).toBe(used.length)
      expect(used.length).toBe(Math.min(cost.length, cost[0].length))
      expect(total(cost, rows)).toBe(cheapest(cost))
    }),
    { numRuns: 200 },
  )
})

test('the prototypes of a model are found again when another only numbers them otherwise', () => {
  const s = gaussian([50, 6], 1)
  const order = [3, 0, 5, 1, 4, 2]
  const other = tensor(
    [50, 6],
    Float32Array.from(s.data, (_, i) => 2 * s.data[Math.floor(i / 6) * 6 + order[i % 6]] + 1),
  )
  const found = matchPrototypes(s, other)
  expect(found.map(match => order[match.other])).toEqual([0, 1, 2, 3, 4, 5])
  for (const { correlation } of found) expect(correlation).toBeCloseTo(1, 6)
})

test('the nearest cosine is 1 for a doubled prototype, whatever its length and sign, and 0 between right angles', () => {
  expect(nearestCosines(tensor([3, 2], [1, 0, -3, 0, 0, 2]))).toEqual([1, 1, 0])
  expect(nearestCosines(tensor([2, 2], [0, 0, 1, 0]))).toEqual([0, 0])
  expect(nearestCosines(tensor([1, 2], [1, 0]))).toEqual([])
})
