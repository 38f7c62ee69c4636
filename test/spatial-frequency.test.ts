import fc from 'fast-check'
import { powerSpectrum } from '../analysis/fourier.ts'
import { finenessMeter, shareHolding } from '../analysis/spatial-frequency.ts'
import { random } from '../model/noise.ts'
import { zeros, type Tensor } from '../model/tensor.ts'

/** Pictures whose fineness is known beforehand. */

const picture = (H: number, W: number, C: number, value: (y: number, x: number) => number): Tensor => ({
  shape: [1, H, W, C],
  data: Float32Array.from({ length: H * W * C }, (_, i) => value(Math.floor(i / C / W), Math.floor(i / C) % W)),
})
const fineness = (changed: Tensor) => {
  const meter = finenessMeter()
  meter.add(changed, zeros(changed.shape))
  return meter.read()
}

test('the spectrum holds the energy of the picture, for any size', () => {
  const sides = fc.integer({ min: 1, max: 24 })
  fc.assert(
    fc.property(sides, sides, fc.integer(), (H, W, seed) => {
      const stream = random(seed)
      const plane = Float64Array.from({ length: H * W }, () => stream.normal())
      const energy = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0)
      const power = powerSpectrum(plane, H, W)
      expect(energy(power) / (H * W)).toBeCloseTo(energy(plane.map(value => value ** 2)), 8)
      expect(power[0]).toBeCloseTo(energy(plane) ** 2, 6)
    }),
    { numRuns: 60 },
  )
})

test.each([32, 64, 20, 15])('a grating of k cycles has frequency k whichever way it runs, %i pixels a side', side => {
  for (const k of [1, 3, Math.floor((side - 1) / 2)]) {
    const wave = (at: number) => Math.cos((2 * Math.PI * k * at) / side + 0.3)
    expect(fineness(picture(side, side, 3, (_, x) => wave(x))).frequency).toBeCloseTo(k, 3)
    expect(fineness(picture(side, side, 1, y => wave(y))).frequency).toBeCloseTo(k, 3)
  }
  const slanted = picture(side, side, 1, (y, x) => Math.cos((2 * Math.PI * (3 * x + 4 * y)) / side))
  expect(fineness(slanted).frequency).toBeCloseTo(5, 3)
})

test('one colour all over has frequency 0, a small spot a higher one than a large', () => {
  expect(fineness(picture(32, 32, 3, () => 0.4)).frequency).toBeCloseTo(0, 6)
  const spot = (side: number) => fineness(picture(32, 32, 1, (y, x) => (y < side && x < side ? 1 : 0)))
  expect(spot(3).frequency).toBeGreaterThan(spot(12).frequency!)
  expect(spot(10).area).toBeCloseTo(90 / 1024, 6)
})

test('where a change lies does not matter, nor does its sign, nor that it lies elsewhere in another picture', () => {
  const spot = (y0: number, x0: number, value: number) =>
    picture(32, 32, 1, (y, x) => (y >= y0 && y < y0 + 4 && x >= x0 && x < x0 + 4 ? value : 0))
  const alone = fineness(spot(2, 3, 1))
  const meter = finenessMeter()
  for (const change of [spot(2, 3, 1), spot(20, 11, -1), spot(9, 25, 1)]) meter.add(change, zeros(change.shape))
  expect(meter.read().frequency).toBeCloseTo(alone.frequency!, 6)
  expect(meter.read().area).toBeCloseTo(alone.area!, 12)
})

test('without a change there is no frequency and no area', () => {
  expect(fineness(zeros([2, 8, 8, 3]))).toEqual({ frequency: null, area: null })
  expect(finenessMeter().read()).toEqual({ frequency: null, area: null })
  expect(shareHolding(new Float64Array(5), 0.9)).toBeNull()
})
