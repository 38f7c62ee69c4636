import { lerp, linspace, slerp } from '../model/interpolate.ts'
import { gaussian } from '../model/noise.ts'
import { map, rows, tensor, zeros } from '../model/tensor.ts'
import { maxDifference } from './npy.ts'
import { fixtures, ref } from './parity.ts'

const norm = (x: { data: Float32Array }) => Math.sqrt(x.data.reduce((sum, value) => sum + value ** 2, 0))

describe("the authors' interpolation", () => {
  const alphas = linspace(0, 1, 10)
  const file = (name: string) => ref(`${fixtures}/misc`, name)

  test('of s is ours, step by step', () => {
    const [a, b, wanted] = [file('interp_sa'), file('interp_sb'), file('interp_s')]
    alphas.forEach((alpha, k) => expect(maxDifference(lerp(a, b, alpha).data, rows(wanted, k, k + 1).data)).toBeLessThan(1e-6))
  })

  test('of x_T is ours, step by step', () => {
    const [a, b, wanted] = [file('interp_xa'), file('interp_xb'), file('interp_x')]
    // they compute θ and the sines in float32, we in float64: a few units in the last place of values up to 3
    alphas.forEach((alpha, k) => expect(maxDifference(slerp(a, b, alpha).data, rows(wanted, k, k + 1).data)).toBeLessThan(2e-6))
  })
})

test('linspace gives both ends exactly and even steps between', () => {
  expect(linspace(0, 3, 7)).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3])
  expect(linspace(0.1, 0.7, 4).at(-1)).toBe(0.7)
  expect(linspace(2, -2, 2)).toEqual([2, -2])
})

describe('slerp', () => {
  const [a, b] = [gaussian([1, 4, 4, 3], 1), gaussian([1, 4, 4, 3], 2)]

  test('begins at a and ends at b, to the last bit', () => {
    expect(slerp(a, b, 0).data).toEqual(a.data)
    expect(slerp(a, b, 1).data).toEqual(b.data)
  })

  test('keeps the norm between vectors of one norm, and turns evenly', () => {
    const same = map(b, value => (value * norm(a)) / norm(b))
    const [quarter, half] = [slerp(a, same, 0.25), slerp(a, same, 0.5)]
    for (const x of [quarter, half]) expect(norm(x)).toBeCloseTo(norm(a), 5)
    expect(maxDifference(slerp(a, half, 0.5).data, quarter.data)).toBeLessThan(1e-6)
    expect(norm(lerp(a, same, 0.5))).toBeLessThan(0.95 * norm(a))
  })

  test('is the straight way between parallel, opposite and zero vectors: finite, and both ends exact', () => {
    for (const other of [a, map(a, value => 2 * value), map(a, value => -value), zeros(a.shape)])
      for (const alpha of [0, 0.3, 1]) {
        expect(slerp(a, other, alpha).data).toEqual(lerp(a, other, alpha).data)
        expect(slerp(other, a, alpha).data.every(Number.isFinite)).toBe(true)
      }
  })

  test('refuses tensors of different sizes', () =>
    expect(() => slerp(tensor([2], [1, 0]), tensor([3], [0, 1, 0]), 0.5)).toThrow('shapes [2] and [3] differ'))
})
