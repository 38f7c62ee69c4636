import fc from 'fast-check'
import { dci, matching } from '../analysis/metrics/dci.ts'
import { frechetDistance } from '../analysis/metrics/frechet.ts'
import { fitBoosted } from '../analysis/metrics/gradient-boosting.ts'
import { kid, mmd2 } from '../analysis/metrics/kid.ts'
import { matrix, takeRows, type Matrix } from '../analysis/metrics/matrix.ts'
import { eigenvalues } from '../analysis/metrics/symmetric.ts'
import { growTree, presort } from '../analysis/metrics/tree.ts'
import { random, shuffled } from '../model/noise.ts'
import { maxDifference } from './npy.ts'

/** Standard normal rows, moved by `shift`. */
function cloud(rows: number, columns: number, seed: number, shift = 0): Matrix {
  const stream = random(seed)
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => stream.normal() + shift),
  )
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe('trees', () => {
  test('the first question of a tree is the one that takes away most of the squared error, of all there are', () => {
    const cell = fc.integer({ min: 0, max: 6 })
    const rows = fc.array(fc.tuple(cell, cell, fc.integer({ min: -3, max: 3 })), { minLength: 2, maxLength: 30 })
    const error = (values: number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / (values.length || 1)
      return values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    }
    fc.assert(
      fc.property(rows, rows => {
        const all = rows.map(row => row[2])
        const gains = [0, 1].flatMap(j =>
          rows.map(({ [j]: at }) => {
            const [low, high] = [rows.filter(row => row[j] <= at), rows.filter(row => row[j] > at)]
            return error(all) - error(low.map(row => row[2])) - error(high.map(row => row[2]))
          }),
        )
        const table = presort(matrix(rows.length, 2, rows.flatMap(row => [row[0], row[1]]))) // prettier-ignore
        const { gain } = growTree(table, Float64Array.from(all), Uint32Array.of(0, 1))
        expect(gain[0]).toBeCloseTo(Math.max(...gains), 9)
      }),
    )
  })

  test('columns that are copies of each other share importance; the order in the table gives none an advantage', () => {
    const stream = random(4)
    const labels = range(0, 200).map(() => stream.int(2))
    const x = matrix(200, 3, labels.flatMap(label => { const v = label + 0.4 * stream.normal(); return [v, v, stream.normal()] })) // prettier-ignore
    const draws = range(0, 10).map(order => fitBoosted(presort(x), labels, 1000 * order).importances)
    const [first, second] = [0, 1].map(j => draws.reduce((sum, draw) => sum + draw[j] / draws.length, 0))
    expect(first + second).toBeGreaterThan(0.8)
    // The first few trees weigh most, so that even the mean of ten fits is not quite even.
    expect(Math.abs(Math.log(first / second))).toBeLessThan(Math.log(1.5))
    expect(draws[0].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
  })

  test('three classes that two columns part are read right, also in rows they were not grown on', () => {
    const stream = random(6)
    const classes = range(0, 240).map(i => i % 3)
    const x = matrix(240, 3, classes.flatMap(k => [(k === 1 ? 3 : 0) + 0.3 * stream.normal(), (k === 2 ? 3 : 0) + 0.3 * stream.normal(), stream.normal()])) // prettier-ignore
    const { importances, predict } = fitBoosted(presort(takeRows(x, range(0, 120))), classes.slice(0, 120))
    expect([...predict(takeRows(x, range(120, 240)))]).toEqual(classes.slice(120))
    expect(importances[2]).toBeLessThan(0.01)
  })

  test('the same rows give the same trees, and a single class is always predicted', () => {
    const x = cloud(40, 5, 1)
    const labels = range(0, 40).map(i => i % 2)
    expect(fitBoosted(presort(x), labels).importances).toEqual(fitBoosted(presort(x), labels).importances)
    const single = fitBoosted(presort(x), new Array<number>(40).fill(1))
    expect([...single.importances, ...single.predict(x)]).toEqual([0, 0, 0, 0, 0, ...new Array<number>(40).fill(1)])
  })
})

describe('DCI', () => {
  const stream = random(2)
  const [first, second] = [range(0, 200).map(() => stream.int(2)), range(0, 200).map(() => stream.int(2))]
  const told = matrix(200, 3, first.flatMap((label, i) => [label + 0.1 * stream.normal(), second[i] + 0.1 * stream.normal(), stream.normal()])) // prettier-ignore

  test('is near 1 when each attribute has an entry of its own, and falls when the entries are mixed', () => {
    const own = dci(told, [first, second])
    expect([own.disentanglement! > 0.95, own.completeness! > 0.95, own.test! > 0.97]).toEqual([true, true, true])
    const { data } = told
    const mixed = matrix(200, 3, range(0, 200).flatMap(i => [data[3 * i] + data[3 * i + 1], data[3 * i] - data[3 * i + 1], data[3 * i + 2]])) // prettier-ignore
    const turned = dci(mixed, [first, second])
    expect(turned.disentanglement!).toBeLessThan(0.3)
    expect(turned.completeness!).toBeLessThan(0.8)
  })

  test('a constant attribute is answered null and changes nothing for the others', () => {
    const { attributes, ...scores } = dci(told, [first, new Array<number>(200).fill(1), second])
    const { attributes: others, ...without } = dci(told, [first, second])
    expect(scores).toEqual(without)
    expect(attributes).toEqual([others[0], null, others[1]])
    const nothing = { disentanglement: null, completeness: null, train: null, test: null, majority: null }
    expect(dci(told, [new Array<number>(200).fill(0)])).toEqual({ ...nothing, attributes: [null] })
  })

  test('with one prototype there is no completeness, with one attribute no disentanglement; both are null', () => {
    const one = dci(matrix(200, 1, told.data.filter((_, i) => i % 3 === 0)), [first, second]) // prettier-ignore
    expect([one.disentanglement! >= 0, one.completeness]).toEqual([true, null])
    const alone = dci(told, [first])
    expect([alone.disentanglement, alone.completeness! > 0.9]).toEqual([null, true])
  })

  test('a table that tells nothing has importances of 0, and both scores are 0 with uniform weights', () => {
    const flat = dci(matrix(40, 3, new Float64Array(120).fill(0.5)), [range(0, 40).map(i => i % 2), range(0, 40).map(i => (i >> 1) % 2)]) // prettier-ignore
    expect([...flat.attributes[0]!.importance]).toEqual([0, 0, 0])
    expect([flat.disentanglement, flat.completeness]).toEqual([expect.closeTo(0, 12), expect.closeTo(0, 12)])
    expect([flat.train, flat.test, flat.majority]).toEqual([0.5, 0.5, 0.5])
    expect(matching([])).toEqual({ disentanglement: null, completeness: null, perCode: [], perFactor: [] })
  })
})

describe('eigenvalues of a symmetric matrix', () => {
  test('are the numbers that were turned by a random rotation', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 12 }), fc.nat(), (wanted, seed) => {
        const n = wanted.length
        const v = cloud(1, n, seed).data
        const norm = v.reduce((sum, value) => sum + value * value, 0)
        // A reflection H = I − 2vv'/v'v on both sides keeps the eigenvalues.
        const h = (i: number, j: number) => (i === j ? 1 : 0) - (2 * v[i] * v[j]) / norm
        const turned = Float64Array.from({ length: n * n }, (_, at) =>
          wanted.reduce((sum, value, k) => sum + h(Math.floor(at / n), k) * value * h(k, at % n), 0),
        )
        expect(
          maxDifference(
            eigenvalues(turned, n),
            wanted.toSorted((a, b) => a - b),
          ),
        ).toBeLessThan(1e-11)
      }),
    )
  })

  test('sum to the trace, and their squares to the sum of all squares, for a matrix of 60', () => {
    const x = cloud(60, 60, 3).data
    const a = x.map((value, at) => value + x[(at % 60) * 60 + Math.floor(at / 60)])
    const values = eigenvalues(a, 60)
    const trace = range(0, 60).reduce((sum, i) => sum + a[61 * i], 0)
    expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(trace, 9)
    expect(values.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(a.reduce((sum, value) => sum + value ** 2, 0), 8) // prettier-ignore
  })
})

describe('Fréchet distance', () => {
  test('of a set to itself is 0, is the same both ways, and of a set to itself moved is the squared length of the move', () => {
    const x = cloud(50, 6, 1)
    const moved = matrix(50, 6, x.data.map(value => value + 2)) // prettier-ignore
    expect(frechetDistance(x, x)).toBeCloseTo(0, 6)
    expect(frechetDistance(x, moved)).toBeCloseTo(6 * 4, 6)
    const other = cloud(30, 6, 2)
    expect(frechetDistance(x, other)).toBeCloseTo(frechetDistance(other, x), 9)
  })

  test('stretching by k adds (k − 1)² times the trace of the covariance', () => {
    const x = cloud(80, 3, 5)
    const mean = range(0, 3).map(j => range(0, 80).reduce((sum, i) => sum + x.data[3 * i + j] / 80, 0))
    const wide = matrix(80, 3, x.data.map((value, i) => mean[i % 3] + 3 * (value - mean[i % 3]))) // prettier-ignore
    const trace = x.data.reduce((sum, value, i) => sum + (value - mean[i % 3]) ** 2 / 79, 0)
    expect(frechetDistance(x, wide)).toBeCloseTo(4 * trace, 6)
  })

  test('with fewer pictures than features it is still a number, and still 0 between a set and itself', () => {
    const [few, more] = [cloud(5, 40, 1), cloud(9, 40, 2)]
    // The root of what rounding leaves, 1e-16, is 1e-8 an eigenvalue.
    expect(frechetDistance(few, few)).toBeLessThan(1e-5)
    expect(frechetDistance(few, more)).toBeGreaterThan(1)
    expect(frechetDistance(few, more)).toBeCloseTo(frechetDistance(more, few), 6)
    const constant = matrix(3, 2, [1, 2, 1, 2, 1, 2])
    expect(frechetDistance(constant, matrix(2, 2, [4, 6, 4, 6]))).toBe(25)
  })

  test('one picture has no spread, and sets of different features are not compared', () => {
    expect(() => frechetDistance(cloud(1, 3, 1), cloud(5, 3, 2))).toThrow('at least 2 pictures a set')
    expect(() => frechetDistance(cloud(5, 3, 1), cloud(5, 4, 2))).toThrow('got 3 and 4 a picture')
  })
})

describe('KID', () => {
  const x = cloud(200, 8, 1)
  const [half, other] = [takeRows(x, range(0, 100)), takeRows(x, range(100, 200))]

  test('of two halves of one set is nothing beside its deviation, and of a set that was moved is far above', () => {
    const same = kid(half, other, 1)
    expect(Math.abs(same.mean)).toBeLessThan(same.std!)
    const moved = kid(half, cloud(100, 8, 9, 1), 1)
    expect(moved.mean).toBeGreaterThan(5 * moved.std!)
    expect(moved).toMatchObject({ subsets: 100, size: 50 })
  })

  test('is the mean over subsets of a squared discrepancy that is the same both ways and does not care for the order', () => {
    expect(mmd2(half, other)).toBeCloseTo(mmd2(other, half), 12)
    expect(mmd2(takeRows(half, shuffled(100, 3)), other)).toBeCloseTo(mmd2(half, other), 12)
    const [there, back] = [kid(half, other, 1), kid(other, half, 1)]
    expect(Math.abs(there.mean - back.mean)).toBeLessThan(there.std! / 2)
  })

  test('over the only subset there is, it is the discrepancy of all rows', () => {
    const [x, y] = [cloud(2, 5, 3), cloud(2, 5, 4)]
    expect(kid(x, y, 1, 7).mean).toBeCloseTo(mmd2(x, y), 12)
  })

  test('is a function of its seed, and of two pictures each has one subset only, so no deviation', () => {
    expect(kid(half, other, 5)).toEqual(kid(half, other, 5))
    expect(kid(half, other, 5).mean).not.toBe(kid(half, other, 6).mean)
    const two = kid(takeRows(x, [0, 1]), takeRows(x, [2, 3]), 1)
    expect([Number.isFinite(two.mean), two.std, two.size]).toEqual([true, null, 2])
    expect(() => kid(takeRows(x, [0]), half, 1)).toThrow('at least 2 pictures a set')
  })
})
