import { gaussian } from '../model/noise.ts'
import { concat, map, rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { squaredErrors } from '../analysis/conditional-samples.ts'
import { catalog } from '../nodes/index.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { quietContext } from './quiet-context.ts'

/** The node asks no model; the world it runs in is told of none. */

type Result = { error: number; table: Table; difference: Tensor; ui: Ui }
const { context } = quietContext(undefined as never)
const measure = async (images: Tensor, reference: Tensor, seed = 1) =>
  (await catalog.get('PatronusReconstructionError')!.run({ images, reference, seed }, context)) as unknown as Result

const pictures = (count: number, seed = 3): Tensor =>
  map(gaussian([count, 8, 6, 3], seed), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
/** Pictures that are off by so much everywhere, from grey ones. */
const off = (...by: number[]) =>
  [concat(by.map(d => map(zeros([1, 8, 6, 3]), () => 0.5 + d))), map(zeros([by.length, 8, 6, 3]), () => 0.5)] as const

test('the error is that of the quality report, in -1 … 1; PSNR is that of pictures 0 … 1', async () => {
  const { table, error } = await measure(...off(0.1, -0.01))
  expect(table.rows.map(row => row.map(Number))).toEqual([
    [0, expect.closeTo(0.04, 5), expect.closeTo(20, 2)],
    [1, expect.closeTo(0.0004, 6), expect.closeTo(40, 2)],
  ])
  expect(error).toBeCloseTo(0.0202, 6)
  const [a, b] = [pictures(3, 1), pictures(3, 2)]
  const inModel = (x: Tensor) => map(x, v => 2 * v - 1)
  const expected = squaredErrors(inModel(a), inModel(b))
  expect((await measure(a, b)).table.rows.map(row => row[1])).toEqual([...expected].map(v => expect.closeTo(v, 3)))
})

test('the summary holds the mean inside its interval and names the worst picture, by error and by PSNR', async () => {
  const { ui, error } = await measure(...off(0.02, 0.05, -0.2, 0.1, 0.03))
  const [[, mean, low, high, worst, image], [, ratio, less, more, lowest, same]] = ui.tables![0].rows
  expect(mean).toBeCloseTo(error, 4)
  expect(Number(low)).toBeLessThan(error)
  expect(Number(high)).toBeGreaterThan(error)
  expect([worst, image, same]).toEqual([expect.closeTo(0.16, 5), 2, 2])
  expect(lowest).toBeCloseTo(10 * Math.log10(1 / 0.04), 1)
  expect(Number(less)).toBeLessThan(Number(ratio))
  expect(Number(more)).toBeGreaterThan(Number(ratio))
  expect(ui.text!.join('\n')).toContain('MSE (-1 … 1)')
})

test('the same seed gives the same interval, another seed another', async () => {
  const [a, b] = [pictures(6, 1), pictures(6, 2)]
  const interval = async (seed: number) => (await measure(a, b, seed)).ui.tables![0].rows[0].slice(2, 4)
  expect(await interval(1)).toEqual(await interval(1))
  expect(await interval(1)).not.toEqual(await interval(2))
})

test('one picture has a mean and no interval, which shows as a dash', async () => {
  const { ui } = await measure(...off(0.1))
  expect(ui.tables![0].rows.map(row => row.slice(2, 4))).toEqual([[null, null], [null, null]]) // prettier-ignore
  expect(ui.tables![0].rows[0][1]).toBeCloseTo(0.04, 5)
  expect(ui.text![0]).toMatch(/MSE \(-1 … 1\) +0\.04 +– +– +0\.04 +0/)
})

test('pictures that are exactly the reference have error 0 and no PSNR in numbers; what is worst is still named', async () => {
  const { ui, table } = await measure(...off(0, 0.1, 0))
  expect(table.rows.map(row => row[2])).toEqual([null, expect.closeTo(20, 2), null])
  expect(ui.tables![0].rows[1]).toEqual(['PSNR (dB)', null, null, null, expect.closeTo(20, 2), 1])
  expect(ui.text!.at(-1)).toContain('2 pictures are exactly the reference')
  const all = await measure(pictures(2), pictures(2))
  expect(all.error).toBe(0)
  expect(all.ui.tables![0].rows[0].slice(0, 4)).toEqual(['MSE (-1 … 1)', 0, 0, 0])
})

test('the difference is |a - b| on the scale of pixels; a grey picture is one of three equal colours', async () => {
  const [a, b] = [pictures(2, 1), pictures(2, 2)]
  const { difference } = await measure(a, b)
  expect(difference.shape).toEqual([2, 8, 6, 3])
  expect(difference.data.every((v, i) => v === Math.fround(Math.abs(a.data[i] - b.data[i])))).toBe(true)
  const grey = await measure(tensor([1, 1, 1, 1], [0.5]), tensor([1, 1, 1, 3], [0.5, 0.25, 0.75]))
  expect([...grey.difference.data]).toEqual([0, 0.25, 0.25])
  expect(grey.error).toBeCloseTo((4 * 2 * 0.0625) / 3, 6)
})

test('other sizes, other numbers of pictures, none, or no numbers are refused by name', async () => {
  const two = pictures(2)
  await expect(measure(zeros([2, 4, 6, 3]), two)).rejects.toThrow('images is 6×4 and reference 6×8 pixels; give both')
  await expect(measure(two, pictures(3))).rejects.toThrow('images holds 2 pictures and reference 3; both need the same number')
  await expect(measure(zeros([0, 8, 6, 3]), two)).rejects.toThrow('images: wanted at least one picture, got none')
  await expect(measure(two, rows(two, 0, 0))).rejects.toThrow('reference: wanted at least one picture, got none')
  await expect(
    measure(
      two,
      map(two, () => NaN),
    ),
  ).rejects.toThrow('reference: the pictures hold values that are not finite')
})
