import * as tf from '@tensorflow/tfjs-core'
import { importOfficial } from '../engine/checkpoint/import.ts'
import type { ModelConfig } from '../model/config.ts'
import * as configs from '../model/configs.ts'
import { encode, gridSize } from '../model/encoder.ts'
import { initialPriorWeights, initialWeights, priorShapes, weightShapes } from '../model/initialize.ts'
import type { Params } from '../model/layers.ts'
import { unet1d } from '../model/prior.ts'
import { priorDropoutWidth } from '../model/prior-plan.ts'
import { activate, distances } from '../model/prototypes.ts'
import { sizeOf } from '../model/tensor.ts'
import { timeTable } from '../model/time-table.ts'
import { dropoutWidth, unet, unetWithBottleneck } from '../model/unet.ts'
import { maxDifference } from './npy.ts'
import { checkpointIn, fixtures, kit, kitIsThere, ref, refImages, timesOf, toParams, toTf } from './parity.ts'

const inKit = kitIsThere ? test : test.skip
if (!kitIsThere) console.warn(`${kit} is not there: the tests against the weights the authors' code trained are skipped`)

/** z, d, s, ε̂ and h-space against a folder of reference arrays; tolerances of the kit's README. */
function expectAuthorsNumbers(config: ModelConfig, params: Params, folder: string, distanceTolerance: number) {
  const z = encode(config, params, toTf(refImages(folder, 'x0')))
  expect(maxDifference(z.dataSync(), refImages(folder, 'z').data)).toBeLessThan(2e-5)
  const d = distances(config, params, z)
  expect(maxDifference(d.dataSync(), refImages(folder, 'dist').data)).toBeLessThan(distanceTolerance)

  const { s, minDistance, argmin } = activate(config, d)
  const wanted = ref(folder, 's').data
  const nearest = ref(folder, 'min_dist').data
  expect(maxDifference(minDistance.dataSync(), nearest)).toBeLessThan(distanceTolerance)
  s.dataSync().forEach((value, i) => expect(Math.abs(value - wanted[i])).toBeLessThan(distanceTolerance / (nearest[i] + 1e-4)))
  expect([...argmin.dataSync()]).toEqual([...ref(folder, 'argmin').data])

  const xt = toTf<tf.Tensor4D>(refImages(folder, 'xt'))
  const { eps, bottleneck } = unetWithBottleneck(config, params, xt, timesOf(ref(folder, 't')), toTf(ref(folder, 's')))
  expect(maxDifference(eps.dataSync(), refImages(folder, 'eps_pred').data)).toBeLessThan(2e-5)
  expect(maxDifference(bottleneck.dataSync(), refImages(folder, 'h_bottleneck').data)).toBeLessThan(2e-5)
}

test('encoder, prototypes and U-Net give the numbers of the authors’ code: RGB, three levels, attention on both ways', async () => {
  const { info, weights } = await importOfficial(checkpointIn(`${fixtures}/tiny_rgb`, 'cifar10'))
  expect(info.config.unet.attention).toEqual([false, true, false])
  expectAuthorsNumbers(info.config, toParams(weights), `${fixtures}/tiny_rgb/ref`, 3e-4)
})

inKit('the same for a network that the authors’ code trained on Fashion-MNIST, and for its prior', async () => {
  const prior = `${kit}/small/records/latent_ddim/trained_models/FMNIST_clean-0/version_0/best_model.pt`
  const { info, weights } = await importOfficial(checkpointIn(`${kit}/small`, 'FMNIST_clean'), { prior })
  expectAuthorsNumbers(info.config, toParams(weights), `${kit}/small/ref`, 2e-3)

  const priorParams = toParams(
    new Map([...weights].filter(([name]) => name.startsWith('prior.')).map(([name, x]) => [name.slice(6), x])),
  )
  const [x, t, y] = ['x', 't', 'y'].map(name => ref(`${kit}/small/prior_ref`, name))
  const got = unet1d(info.prior!, priorParams, tf.reshape(toTf(x), [3, 8]) as tf.Tensor2D, timesOf(t))
  expect(maxDifference(got.dataSync(), y.data)).toBeLessThan(2e-5)
})

test('the official Fashion-MNIST, CIFAR-10 and CheXpert networks have as many parameters as the authors’ (spec, first table)', () => {
  const count = (config: ModelConfig) => {
    const ones = config.prototypes.count * config.prototypes.dim // a constant that the authors count and we do not store
    return [...weightShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), ones)
  }
  expect(count(configs.officialFMNIST)).toBe(25_295_489)
  expect(count(configs.officialCIFAR10)).toBe(25_334_211)
  expect(count(configs.officialCelebA)).toBe(25_334_211)
  expect(count(configs.officialCheXpert)).toBe(25_970_945)
  expect(weightShapes(configs.officialFMNIST).size).toBe(335 - 1)
  const prior = [...priorShapes(configs.officialFMNISTPrior, 30).values()]
  expect(prior.length).toBe(157)
  expect(prior.reduce((sum, shape) => sum + sizeOf(shape), 0)).toBe(1_479_873)
  expect([...priorShapes(configs.officialCelebAPrior, 100).values()].reduce((sum, shape) => sum + sizeOf(shape), 0)).toBe(
    5_245_121,
  )
})

test('the grid has 10, 26 and 43 cells a side in the three official geometries', () => {
  expect([configs.officialFMNIST, configs.officialCelebA, configs.officialCheXpert].map(gridSize)).toEqual([10, 26, 43])
})

test('a row of the time table is the sines, then the cosines, of t times frequencies from 1 down to 1/10000', () => {
  const { data } = timeTable(1000, 64)
  const row = (t: number) => data.subarray(t * 64, (t + 1) * 64)
  expect([...row(0)]).toEqual([...Array(32).fill(0), ...Array(32).fill(1)])
  expect(row(500)[0]).toBeCloseTo(Math.sin(500), 6)
  expect(row(500)[32]).toBeCloseTo(Math.cos(500), 6)
  expect(row(500)[31]).toBeCloseTo(Math.sin(0.05), 6)
})

const tiny: ModelConfig = {
  ...configs.officialCIFAR10,
  image: { height: 16, width: 16, channels: 2 },
  encoder: { channels: [2, 4, 8], kernels: [3, 3], strides: [2, 1], paddings: [1, 0] },
  prototypes: { count: 4, dim: 8, epsilon: 1e-4 },
  unet: { ...configs.officialFMNIST.unet, stem: 2, base: 8, multipliers: [1, 2], attention: [false, false], resBlocks: 1 },
}
const input = (shape: number[], seed: number) =>
  tf.randomNormal<tf.Rank.R4>(shape as [number, number, number, number], 0, 1, 'float32', seed)

test('the first weights are a pure function of the seed, as large as PyTorch makes them, and give a finite ε̂ of the image’s shape', () => {
  const weights = initialWeights(tiny, 1)
  expect(initialWeights(tiny, 1)).toEqual(weights)
  expect(initialWeights(tiny, 2).get('first.weight')).not.toEqual(weights.get('first.weight'))
  const bound = 1 / Math.sqrt(9 * 8)
  const first = weights.get('first.weight')!.data
  expect(Math.max(...first.map(Math.abs))).toBeLessThanOrEqual(bound)
  expect(Math.max(...first)).toBeGreaterThan(0.9 * bound)
  const features = weights.get('proactBlock.encoder.features.2.weight')!.data
  const std = Math.sqrt(features.reduce((sum, x) => sum + x * x, 0) / features.length)
  expect(Math.abs(std - 0.1)).toBeLessThan(0.02) // 288 draws: a standard error of 0.004

  const eps = unet(tiny, toParams(weights), input([2, 16, 16, 2], 1), tf.tensor1d([3, 999], 'int32'), tf.ones([2, 4]))
  expect(eps.shape).toEqual([2, 16, 16, 2])
  expect(eps.dataSync().every(Number.isFinite)).toBe(true)
})

test('a dropout mask of ones changes nothing, one of zeros silences every residual branch; the widths fit', () => {
  const params = toParams(initialWeights(tiny, 1))
  const x = input([1, 16, 16, 2], 1)
  const [t, s] = [tf.tensor1d([5], 'int32'), tf.ones<tf.Rank.R2>([1, 4])]
  const width = dropoutWidth(tiny)
  expect(width).toBe(8 + 16 + 16 + 16 + 2 * 16 + 2 * 8)
  const plain = unet(tiny, params, x, t, s).dataSync()
  expect([...unet(tiny, params, x, t, s, tf.ones([1, width])).dataSync()]).toEqual([...plain])
  const silent = unet(tiny, params, x, t, s, tf.zeros([1, width])).dataSync()
  const otherTime = unet(tiny, params, x, tf.tensor1d([900], 'int32'), s, tf.zeros([1, width])).dataSync()
  expect(maxDifference(silent, plain)).toBeGreaterThan(1e-3)
  expect([...silent]).toEqual([...otherTime]) // time enters through those branches alone
})

test('the prior keeps the number of prototypes, takes element-wise dropout, and refuses a number its levels cannot halve', () => {
  const prior = { ...configs.officialFMNISTPrior, base: 8 }
  const params = toParams(initialPriorWeights(prior, 6, 1))
  const x = tf.randomNormal<tf.Rank.R2>([2, 6], 0, 1, 'float32', 1)
  const t = tf.tensor1d([3, 50], 'int32')
  const y = unet1d(prior, params, x, t)
  expect(y.shape).toEqual([2, 6])
  expect([...unet1d(prior, params, x, t, tf.ones([2, priorDropoutWidth(prior, 6)])).dataSync()]).toEqual([...y.dataSync()])
  expect(() => priorShapes(prior, 7)).toThrow('7 prototypes do not divide by 2')
})

test('a missing weight is named', () => {
  const { 'first.bias': _, ...params } = toParams(initialWeights(tiny, 1))
  expect(() => unet(tiny, params, input([1, 16, 16, 2], 1), tf.tensor1d([5], 'int32'), tf.ones([1, 4]))).toThrow(
    '"first.bias" is missing',
  )
})
