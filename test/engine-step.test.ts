import '../model/gradients.ts'
import * as tf from '@tensorflow/tfjs-core'
import { inBackend } from '../engine/eager.ts'
import { compileStep, type StepFunction, type StepSignature } from '../engine/step.ts'
import { gaussian } from '../model/noise.ts'
import type { Tensor } from '../model/tensor.ts'

// A small network with one of everything that needs a gradient: padded, strided and 1×1 convolutions, a broadcast sum, upsampling.
const network = (p: Record<string, tf.Tensor>, x: tf.Tensor) => {
  const padded: [number, number][] = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]
  const conv = (h: tf.Tensor, w: tf.Tensor, stride: number, pad: number) =>
    tf.conv2d(h as tf.Tensor4D, w as tf.Tensor4D, stride, pad ? (padded as unknown as 'valid') : 'valid')
  const a = tf.tanh(tf.add(conv(x, p.w1, 1, 1), p.b1))
  const b = tf.relu(conv(a, p.w2, 2, 1))
  const up = tf.image.resizeNearestNeighbor(b as tf.Tensor4D, [6, 6])
  const joined = tf.concat([tf.sub(up, tf.mean(up, [1, 2], true)), a], 3)
  return tf.mean(tf.square(conv(joined, p.w3, 1, 0)))
}
const shapes: Record<string, number[]> = { w1: [3, 3, 2, 4], b1: [4], w2: [3, 3, 4, 3], w3: [1, 1, 7, 5] }
const start = new Map(Object.entries(shapes).map(([name, shape], i) => [name, gaussian(shape, i + 1)]))
const x = gaussian([3, 6, 6, 2], 9)

const lossAndGradients = (state: Record<string, tf.Tensor>, input: tf.Tensor) => {
  const names = Object.keys(shapes)
  const { value, grads } = tf.valueAndGrads(
    (...ws: tf.Tensor[]) => network(Object.fromEntries(names.map((name, i) => [name, ws[i]])), input) as tf.Scalar,
  )(names.map(name => state[name]))
  return { value, grads: Object.fromEntries(names.map((name, i) => [name, grads[i]])) }
}
const descend: StepFunction = (state, { x, rate }) => {
  const { value, grads } = lossAndGradients(state, x)
  return {
    state: Object.fromEntries(Object.keys(shapes).map(name => [name, tf.sub(state[name], tf.mul(rate, grads[name]))])),
    outputs: { loss: value },
  }
}
const signature: StepSignature = {
  name: 'descend',
  inputs: { x: { shape: [3, 6, 6, 2] }, rate: { shape: [] } },
  params: new Map(Object.entries(shapes)),
}
const rate = (value: number): Tensor => ({ shape: [], data: Float32Array.of(value) })

/** The loss at given parameters, computed kernel by kernel. */
const lossAt = (params: ReadonlyMap<string, Tensor>) =>
  inBackend('cpu', () =>
    tf.tidy(
      () =>
        network(
          Object.fromEntries([...params].map(([n, t]) => [n, tf.tensor(t.data, [...t.shape])])),
          tf.tensor(x.data, [...x.shape]),
        ).dataSync()[0],
    ),
  )

beforeAll(() => {
  process.env.PATRONUS_CACHE = 'off'
})

test('a compiled step moves every parameter against finite differences of the eager loss', async () => {
  const step = await compileStep(descend, signature, start, { device: 'cpu' })
  const { loss } = await step.step({ x, rate: rate(1) })
  expect(loss.data[0]).toBeCloseTo(lossAt(start), 5)
  const moved = await step.read()
  await step.dispose()
  for (const [name, before] of start) {
    const h = 1e-2
    for (const index of [0, Math.floor(before.data.length / 2), before.data.length - 1]) {
      const nudged = (by: number) =>
        new Map([...start, [name, { ...before, data: before.data.map((v, i) => (i === index ? v + by : v)) }]])
      const slope = (lossAt(nudged(h)) - lossAt(nudged(-h))) / (2 * h)
      expect(before.data[index] - moved.get(name)!.data[index]).toBeCloseTo(slope, 2) // central differences in float32
    }
  }
})

test('state survives between steps, is read in tfjs layout, and can be put back', async () => {
  const step = await compileStep(descend, signature, start, { device: 'cpu' })
  expect((await step.read()).get('w1')).toEqual({ shape: shapes.w1, data: start.get('w1')!.data })
  const losses = []
  for (let i = 0; i < 12; i++) losses.push((await step.step({ x, rate: rate(0.02) })).loss.data[0])
  expect(losses.at(-1)).toBeLessThan(losses[0] * 0.9)
  step.write(start)
  expect((await step.step({ x, rate: rate(0.02) })).loss.data[0]).toBe(losses[0])
  await step.dispose()
})

test('state of a wrong shape is named', async () => {
  await expect(compileStep(descend, signature, new Map([...start, ['b1', gaussian([5], 1)]]))).rejects.toThrow(
    /state "b1" should be \[4\], got \[5\]/,
  )
})
