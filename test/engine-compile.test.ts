import * as tf from '@tensorflow/tfjs-core'
import { compile } from '../engine/compile.ts'
import { eager } from '../engine/eager.ts'
import { encoderNetwork, type Network, priorNetwork, unetNetwork } from '../engine/networks.ts'
import type { ModelConfig, PriorConfig } from '../model/config.ts'
import { initialPriorWeights, initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import { linearSchedule } from '../model/schedule.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'

const config: ModelConfig = {
  image: { height: 16, width: 16, channels: 3 },
  encoder: { channels: [3, 8, 8, 16], kernels: [3, 3, 3], strides: [2, 1, 1], paddings: [1, 0, 0] },
  prototypes: { count: 5, dim: 16, epsilon: 1e-4 },
  unet: {
    stem: 2,
    base: 8,
    multipliers: [1, 2],
    attention: [false, true],
    resBlocks: 1,
    groups: 4,
    heads: 2,
    dropout: 0,
    timeMultiple: 4,
    conditionScale: 5,
  },
  timesteps: 1000,
}
const prior: PriorConfig = { base: 8, multipliers: [1, 2], resBlocks: 1, groups: 4, dropout: 0, timesteps: 100 }

const worst = (a: Tensor, b: Tensor) => a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0)

async function bothWays(
  { fn, signature }: Network,
  weights: Weights,
  feeds: (batch: number) => Record<string, Tensor | Int32Array>,
) {
  const fast = await compile(fn, signature, weights, { device: 'cpu' })
  const slow = await eager(fn, signature, weights)
  const pairs = []
  for (const batch of [1, 3]) pairs.push([await fast.run(feeds(batch)), await slow.run(feeds(batch))] as const)
  await fast.dispose()
  await slow.dispose()
  return pairs
}

beforeAll(() => {
  process.env.PATRONUS_CACHE = 'off'
})

test('the compiled U-Net gives what eager tfjs gives, at two batch sizes through one session', async () => {
  const feeds = (B: number) => ({
    x: gaussian([B, 16, 16, 3], 1),
    t: Int32Array.from({ length: B }, (_, i) => 37 + 300 * i),
    s: gaussian([B, 5], 2),
  })
  for (const [fast, slow] of await bothWays(unetNetwork(config), initialWeights(config, 3), feeds)) {
    expect(fast.eps.shape).toEqual(slow.eps.shape)
    expect(worst(fast.eps, slow.eps)).toBeLessThan(2e-5)
    expect(Math.max(...fast.eps.data.map(Math.abs))).toBeGreaterThan(0.1)
  }
})

test('a network that predicts v gives ε̂ = √ᾱ·v + √(1−ᾱ)·x_t of what its last layer says', async () => {
  const weights = initialWeights(config, 3)
  const asV = { ...config, unet: { ...config.unet, predicts: 'v' as const } }
  const feeds = { x: gaussian([2, 16, 16, 3], 1), t: Int32Array.of(37, 900), s: gaussian([2, 5], 2) }
  const run = async (model: ModelConfig) => {
    const { fn, signature } = unetNetwork(model)
    return (await (await compile(fn, signature, weights, { device: 'cpu' })).run(feeds)).eps
  }
  const [last, eps] = [await run(config), await run(asV)]
  const { alphaBar } = linearSchedule(1000)
  const half = eps.data.length / 2
  eps.data.forEach((got, i) => {
    const a = alphaBar[feeds.t[i < half ? 0 : 1]]
    expect(got).toBeCloseTo(Math.sqrt(a) * last.data[i] + Math.sqrt(1 - a) * feeds.x.data[i], 5)
  })
})

test('the compiled encoder gives what eager tfjs gives: z, distances, s and the same cells', async () => {
  for (const [fast, slow] of await bothWays(encoderNetwork(config), initialWeights(config, 4), B => ({
    x: gaussian([B, 16, 16, 3], 5),
  }))) {
    for (const name of ['features', 'distances', 's', 'minDistance']) {
      expect(fast[name].shape).toEqual(slow[name].shape)
      expect(worst(fast[name], slow[name])).toBeLessThan(2e-4) // the expanded square cancels: spec section 2
    }
    expect([...fast.argmin.data]).toEqual([...slow.argmin.data])
  }
})

test('the compiled prior gives what eager tfjs gives', async () => {
  const feeds = (B: number) => ({ x: gaussian([B, 6], 1), t: Int32Array.from({ length: B }, (_, i) => 7 + 30 * i) })
  for (const [fast, slow] of await bothWays(priorNetwork(prior, 6), initialPriorWeights(prior, 6, 8), feeds))
    expect(worst(fast.eps, slow.eps)).toBeLessThan(2e-5)
})

test('an unknown kernel is an error that names it', async () => {
  const network: Network = {
    signature: { name: 'strange', inputs: { x: { shape: ['B', 4] } }, params: new Map() },
    fn: (_, { x }) => ({ y: tf.atanh(x) }),
  }
  await expect(compile(network.fn, network.signature, new Map())).rejects.toThrow(/"Atanh" cannot be recorded/)
})

test('a function that reads numbers while it is recorded is refused, and the global backend is put back', async () => {
  await eager((_, { x }) => ({ x }), { name: 'identity', inputs: { x: { shape: ['B', 2] } }, params: new Map() }, new Map())
  tf.setBackend('cpu')
  const peeking = compile(
    (_, { x }) => ({ y: tf.scalar(x.dataSync()[0]) }),
    { name: 'peeking', inputs: { x: { shape: ['B', 4] } }, params: new Map() },
    new Map(),
  )
  await expect(peeking).rejects.toThrow(/may not read numbers/)
  expect(tf.getBackend()).toBe('cpu')
})

test('a reshape with an inferred axis is recorded for every batch size', async () => {
  const fn = (_: Record<string, tf.Tensor>, { x }: Record<string, tf.Tensor>) => ({ y: tf.reshape(x, [-1, 2]) })
  const halves = await compile(fn, { name: 'halves', inputs: { x: { shape: ['B', 4] } }, params: new Map() }, new Map())
  for (const B of [1, 5]) expect((await halves.run({ x: gaussian([B, 4], 1) })).y.shape).toEqual([2 * B, 2])
})

test('inputs of a wrong shape or type, and missing weights, are named', async () => {
  const signature = { name: 'double', inputs: { x: { shape: ['B', 2] as const } }, params: new Map([['w', [2]]]) }
  const fn = ({ w }: Record<string, tf.Tensor>, { x }: Record<string, tf.Tensor>) => ({ y: tf.mul(x, w) })
  await expect(compile(fn, signature, new Map())).rejects.toThrow(/weight "w" should be \[2\], got nothing/)
  const double = await compile(fn, signature, new Map([['w', { shape: [2], data: Float32Array.of(2, 3) }]]))
  await expect(double.run({ x: { shape: [1, 3], data: new Float32Array(3) } }).catch(e => Promise.reject(e))).rejects.toThrow(
    /"x" should be float32 \[B,2\], got \[1,3\]/,
  )
  expect([...(await double.run({ x: { shape: [2, 2], data: Float32Array.of(1, 1, 2, 2) } })).y.data]).toEqual([2, 3, 4, 6])
})
