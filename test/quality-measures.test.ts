import { agreement } from '../analysis/agreement.ts'
import { encodeAll } from '../analysis/batches.ts'
import { reconstruct, samplesFrom, squaredErrors } from '../analysis/conditional-samples.ts'
import { pictureBatches, type PictureBatches } from '../analysis/data-set.ts'
import { failures, latentQuality, spreadOf, type LatentQuality } from '../analysis/quality.ts'
import { createPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian, random } from '../model/noise.ts'
import { rows, tensor } from '../model/tensor.ts'
import { trainingConfigs } from '../train/configs.ts'
import { maxDifference } from './npy.ts'

const config = trainingConfigs.tiny.model
let patronus: Patronus

beforeAll(async () => {
  const info = { name: 'untrained', description: '', config, dataset: 'none', provenance: {}, licence: 'MIT' }
  patronus = await createPatronus({ id: 'untrained', info, weights: initialWeights(config, 5) }, { device: 'tfjs-cpu' })
})
afterAll(() => patronus.dispose())

test('agreement counts what was read right, beside what always answering the same would reach', () => {
  const truth = [[1, 1, 0, 0, 0]]
  const { mean, majorityMean, attributes } = agreement(['beard'], truth, tensor([5, 1], [0.9, 0.4, 0.2, 0.7, 0.1]))
  expect(attributes[0].confusion).toEqual({ truePositive: 1, falseNegative: 1, falsePositive: 1, trueNegative: 2 })
  expect([mean, majorityMean]).toEqual([0.6, 0.6])
  expect(attributes[0].balanced).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12)
})

test('an attribute that all pictures share has no agreement and takes no part in the mean', () => {
  const truth = [[0, 0, 0], [1, 0, 1]] // prettier-ignore
  const { mean, attributes } = agreement(['red hair', 'hoodie'], truth, tensor([3, 2], [0.1, 0.9, 0.1, 0.1, 0.9, 0.1]))
  expect(attributes.map(({ agreement }) => agreement)).toEqual([null, 2 / 3])
  expect(mean).toBe(2 / 3)
  expect(() => agreement(['hoodie'], truth, tensor([3, 2], new Array(6).fill(0)))).toThrow('2 attributes of 3 pictures')
})

test('a failing attribute is blamed on s when a probe cannot find it there, and on the denoiser when it can', () => {
  const samples = agreement(['hoodie', 'smiling', 'beard'], [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]], tensor([4, 3], [0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0])) // prettier-ignore
  const latent = (...attributes: (number | null)[]) => ({ auroc: { attributes } }) as unknown as LatentQuality
  const lines = failures(samples, latent(0.6, 0.99, 1), latent(0.55, 0.9, 1))
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(
    /^hoodie: agreement 0.50, no better than always answering the same .*missing in 2 of 2 .*AUROC 0.60, control 0.55.*prototypes miss it\.$/,
  )
  expect(lines[1]).toMatch(/^smiling: .*s carries it \(latent AUROC 0.99.*denoiser does not draw it\.$/)
})

test('a table of s from which an attribute can be read is told from one of noise, and a constant attribute is answered null', () => {
  const stream = random(3)
  const labels = Array.from({ length: 200 }, () => stream.int(2))
  const s = tensor([200, 3], labels.flatMap(label => [stream.normal(), label + 0.2 * stream.normal(), stream.normal()])) // prettier-ignore
  const { auroc, best, tad, halves } = latentQuality(s, [labels, new Array(200).fill(1)])
  expect(auroc.attributes[0]).toBeGreaterThan(0.97)
  expect(auroc.attributes[1]).toBeNull()
  expect(auroc.mean).toBe(auroc.attributes[0])
  expect(best).toEqual([{ prototype: 1, auroc: expect.closeTo(1, 1) }, null])
  expect([halves! > 0.97, tad.captured]).toEqual([true, 1])
  expect(latentQuality(gaussian([200, 3], 8), [labels]).auroc.mean).toBeLessThan(0.65)
})

test('the spread of s names the prototypes that no image activates', () => {
  const { quantiles, unused, maxima } = spreadOf(tensor([2, 3], [0.5, 0.001, 2, 0.25, 0.002, 1]))
  expect(unused).toEqual([1])
  expect(maxima).toEqual([0.5, expect.closeTo(0.002), 2])
  expect([quantiles.min, quantiles.max]).toEqual([expect.closeTo(0.001), 2])
})

test('pictures of a set come in batches, each once and in order, and none at all is an error with what to check', async () => {
  const images = Float32Array.from({ length: 5 }, (_, i) => i / 10)
  const data = { name: 'five', shape: [1, 1, 1] as const, images }
  const heard: [number, number][] = []
  const values = (how: PictureBatches) => [...pictureBatches(data, how)].map(part => [...part.data].map(v => Math.round(v * 10)))
  expect(values({ size: 2, onBatch: (...at) => void heard.push(at) })).toEqual([[0, 1], [2, 3], [4]]) // prettier-ignore
  expect(heard).toEqual([[2, 5], [4, 5], [5, 5]]) // prettier-ignore
  expect(values({ count: 2 })).toEqual([[0, 1]]) // prettier-ignore
  expect(values({ chosen: Uint32Array.of(4, 0), size: 1 })).toEqual([[4], [0]])
  await expect(encodeAll(async x => x, pictureBatches(data, { count: 0 }))).rejects.toThrow(
    'at least one picture, got none; check',
  )
})

test('what is drawn for a picture depends on its s and its seed, not on the batch it is in', async () => {
  const s = await encodeAll(async x => (await patronus.encode(x)).s, [gaussian([3, 16, 16, 3], 1), gaussian([2, 16, 16, 3], 2)])
  expect(s.shape).toEqual([5, config.prototypes.count])
  const calls: [number, number][] = []
  const together = await samplesFrom(patronus, s, { steps: 3, seed: 7, onProgress: (...call) => calls.push(call) })
  const apart = await samplesFrom(patronus, s, { steps: 3, seed: 7, batch: 2 })
  expect(maxDifference(together.data, apart.data)).toBeLessThan(
    1e-4 * together.data.reduce((top, v) => Math.max(top, Math.abs(v)), 0),
  )
  expect(calls).toEqual([[1, 3], [2, 3], [3, 3]]) // prettier-ignore
  const other = await samplesFrom(patronus, rows(s, 0, 1), { steps: 3, seed: 8 })
  expect(maxDifference(other.data, rows(together, 0, 1).data)).toBeGreaterThan(0.1)
})

test('inversion and sampling with the same s come back closer to the picture the more steps they take', async () => {
  const images = tensor(
    [2, 16, 16, 3],
    gaussian([2, 16, 16, 3], 4).data.map(value => 0.3 * value),
  )
  const error = async (steps: number) => Math.max(...squaredErrors(images, await reconstruct(patronus, images, { steps })))
  const [coarse, fine] = [await error(5), await error(40)]
  expect(fine).toBeLessThan(coarse)
})

test('squared errors are means over a picture, one a picture', () => {
  expect([...squaredErrors(tensor([2, 2], [0, 0, 1, 1]), tensor([2, 2], [1, 3, 1, 1]))]).toEqual([5, 0])
  expect(() => squaredErrors(tensor([1, 2], [0, 0]), tensor([2, 1], [0, 0]))).toThrow('shapes [1,2] and [2,1] differ')
})

test('an aborted measurement stops between network calls', async () => {
  const stop = new AbortController()
  const s = gaussian([1, config.prototypes.count], 1)
  const onProgress = (done: number) => done === 2 && stop.abort()
  await expect(samplesFrom(patronus, s, { steps: 5, seed: 1, signal: stop.signal, onProgress })).rejects.toThrow('aborted')
})
