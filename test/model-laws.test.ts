import * as configs from '../model/configs.ts'
import { gaussian, random, restored, shuffled } from '../model/noise.ts'
import { activationOf } from '../model/activation.ts'
import { exactBox, officialBox, receptiveField } from '../model/receptive-field.ts'
import { fixtures, ref, refJson } from './parity.ts'

const fields: Record<string, { rf_info: number[]; boxes_y0y1x0x1: Record<string, number[]> }> = refJson(
  `${fixtures}/misc/receptive_field.json`,
)

test.each([
  ['32', 32, configs.officialFMNIST],
  ['64', 64, configs.officialCelebA],
  ['chexpert224', 224, configs.officialCheXpert],
])('the receptive field and the exact boxes of geometry %s are ProtoPNet’s', (name, size, { encoder }) => {
  const field = receptiveField(encoder, size)
  expect([field.n, field.jump, field.size, field.start]).toEqual(fields[name].rf_info)
  for (const [cell, box] of Object.entries(fields[name].boxes_y0y1x0x1)) {
    const [row, column] = cell.split(',').map(Number)
    const { x0, y0, x1, y1 } = exactBox(field, row * field.n + column, size)
    expect([cell, y0, y1, x0, x1]).toEqual([cell, ...box])
  }
})

test('the official boxes of the nearest patches are those the authors’ code draws', () => {
  const { official_box_xyxy, exact_rf_box_y0y1x0x1 } = refJson(`${fixtures}/tiny_rgb/ref/boxes.json`)
  const field = receptiveField(configs.officialCIFAR10.encoder, 32)
  ref(`${fixtures}/tiny_rgb/ref`, 'argmin').data.forEach((cell, i) => {
    const [image, prototype] = [Math.floor(i / 6), i % 6]
    expect(Object.values(officialBox(field, cell, 32))).toEqual(official_box_xyxy[image][prototype])
    const { x0, y0, x1, y1 } = exactBox(field, cell, 32)
    expect([y0, y1, x0, x1]).toEqual(exact_rf_box_y0y1x0x1[image][prototype])
  })
  expect(() => officialBox(field, 100, 32)).toThrow('0 … 99, got 100')
})

test('s falls from ln(1/ε) at distance 0 towards 0, and is the spec’s at 0.01, 0.1, 1 and 10', () => {
  expect(activationOf(0)).toBeCloseTo(Math.log(10_000), 6)
  expect([0.01, 0.1, 1, 10].map(d => Number(activationOf(d).toFixed(3)))).toEqual([4.605, 2.397, 0.693, 0.095])
})

test('the same seed gives the same noise, another seed other noise, and both are standard normal', () => {
  const [a, b] = [gaussian([100, 100], 7), gaussian([100, 100], 8)]
  expect(gaussian([100, 100], 7)).toEqual(a)
  const mean = (x: Float32Array) => x.reduce((sum, value) => sum + value, 0) / x.length
  for (const { data } of [a, b]) {
    expect(Math.abs(mean(data))).toBeLessThan(0.04) // four standard errors
    expect(Math.abs(mean(data.map(x => x * x)) - 1)).toBeLessThan(0.06)
  }
  expect(Math.abs(mean(a.data.map((x, i) => x * b.data[i])))).toBeLessThan(0.04) // neighbouring seeds do not go together
})

test('a stream restored from its state goes on as if it had never stopped', () => {
  const stream = random(3)
  for (let i = 0; i < 10; i++) stream.normal()
  const later = restored(stream.state)
  expect([later.next(), later.int(1000), later.normal()]).toEqual([stream.next(), stream.int(1000), stream.normal()])
})

test('a shuffle holds every number once, in another order for another seed', () => {
  const order = shuffled(1000, 1)
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()])
  expect(shuffled(1000, 1)).toEqual(order)
  expect(shuffled(1000, 2)).not.toEqual(order)
  expect([...order]).not.toEqual([...Array(1000).keys()])
})
