import { gaussian, random, shuffled } from '../model/noise.ts'
import type { Schedule } from '../model/schedule.ts'
import type { Tensor } from '../model/tensor.ts'
import { seedFor } from './seeds.ts'

/** What a step draws, each a pure function of (seed, step): which items, how much noise, and the noise itself. */

/** Indices of the batch of 0-based `step`: epochs in a new order each; a remainder smaller than a batch is left out. */
export function batchOrder(count: number, batch: number, seed: number): (step: number) => Uint32Array {
  if (count < batch)
    throw new Error(`training: a batch of ${batch} wanted, the data set has ${count} items; lower the batch or give more data`)
  const perEpoch = Math.floor(count / batch)
  let epoch = -1,
    order: Uint32Array = new Uint32Array()
  return step => {
    const wanted = Math.floor(step / perEpoch),
      from = (step % perEpoch) * batch
    if (wanted !== epoch) order = shuffled(count, seedFor('order', seed, (epoch = wanted)))
    return order.subarray(from, from + batch)
  }
}

export type NoiseDraw = {
  readonly t: Int32Array
  readonly signal: Float32Array
  readonly noise: Float32Array
  readonly eps: Tensor
}

/**
 * t ~ U{from … to} per item, √ᾱ_t, √(1−ᾱ_t) and ε of the batch's shape. By default 1 … T−1: t = 0 is never trained (spec
 * section 3).
 */
export function drawNoise(
  { T, alphaBar }: Schedule,
  shape: readonly number[],
  seed: number,
  step: number,
  [from, to]: readonly [number, number] = [1, T - 1],
): NoiseDraw {
  const stream = random(seedFor('time', seed, step))
  const t = Int32Array.from({ length: shape[0] }, () => from + stream.int(to - from + 1))
  return {
    t,
    signal: Float32Array.from(t, at => Math.sqrt(alphaBar[at])),
    noise: Float32Array.from(t, at => Math.sqrt(1 - alphaBar[at])),
    eps: gaussian(shape, seedFor('noise', seed, step)),
  }
}

/** Channel-wise dropout masks [B,width] of 0 and 1/(1 − p). */
export function drawDropout(batch: number, width: number, p: number, seed: number, step: number): Tensor {
  const stream = random(seedFor('dropout', seed, step))
  return {
    shape: [batch, width],
    data: Float32Array.from({ length: batch * width }, () => (stream.next() < p ? 0 : 1 / (1 - p))),
  }
}
