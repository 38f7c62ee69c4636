import { ddim } from '../model/ddim.ts'
import { gaussian } from '../model/noise.ts'
import { invert } from '../model/invert.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import type { Patronus } from '../engine/patronus.ts'
import { wantPictures } from './batches.ts'

/** Many pictures through one model, a batch at a time; memory stays at one batch of work plus the results. */

export type BatchOptions = {
  /** Images a network call. */
  readonly batch?: number
  readonly signal?: AbortSignal
  /** Called after each network call: calls made, calls there will be. */
  onProgress?(done: number, total: number): void
}

export type SamplingOptions = BatchOptions & {
  /** K: network calls a picture. */
  readonly steps: number
  readonly seed: number
}

/** Start noise of pictures `from` … `to`-1; picture i always gets the same, however many there are and however they are batched. */
export function startNoise({ image }: Patronus['info']['config'], seed: number, from: number, to: number): Tensor {
  const shape = [1, image.height, image.width, image.channels]
  return concat(Array.from({ length: to - from }, (_, i) => gaussian(shape, seed + from + i)))
}

/** Last value of a sampler, telling each step. */
async function finish<S>(steps: AsyncIterable<S>, onStep: () => void, signal?: AbortSignal): Promise<S> {
  let last: S | undefined
  for await (const step of steps) {
    signal?.throwIfAborted()
    onStep()
    last = step
  }
  if (last === undefined) throw new Error('sampler: made no step; ask for at least one')
  return last
}

/** Pictures [N,H,W,C] from s [N,m] by DDIM (η = 0) from fresh noise. Not clipped. */
export async function samplesFrom(patronus: Patronus, s: Tensor, options: SamplingOptions): Promise<Tensor> {
  wantPictures('samples from s', s)
  const { steps, seed, batch = 16, signal, onProgress } = options
  const { config } = patronus.info
  const times = timesteps(config.timesteps, steps)
  const schedule = linearSchedule(config.timesteps)
  const count = s.shape[0]
  const total = Math.ceil(count / batch) * times.length
  const parts: Tensor[] = []
  let done = 0
  for (let from = 0; from < count; from += batch) {
    const to = Math.min(from + batch, count)
    const walk = ddim(patronus.denoiser(rows(s, from, to)), startNoise(config, seed, from, to), schedule, times)
    parts.push((await finish(walk, () => onProgress?.(++done, total), signal)).x)
  }
  return concat(parts)
}

/** Pictures [N,H,W,C] led to noise by DDIM inversion and back, both times with their own s (spec section 3). Not clipped. */
export async function reconstruct(patronus: Patronus, images: Tensor, options: Omit<SamplingOptions, 'seed'>): Promise<Tensor> {
  wantPictures('reconstruction', images)
  const { steps, batch = 16, signal, onProgress } = options
  const { config } = patronus.info
  const times = timesteps(config.timesteps, steps)
  const schedule = linearSchedule(config.timesteps)
  const count = images.shape[0]
  const total = 2 * Math.ceil(count / batch) * times.length
  const parts: Tensor[] = []
  let done = 0
  const onStep = () => onProgress?.(++done, total)
  for (let from = 0; from < count; from += batch) {
    const x0 = rows(images, from, Math.min(from + batch, count))
    const denoise = patronus.denoiser((await patronus.encode(x0)).s)
    const { x } = await finish(invert(denoise, x0, schedule, times), onStep, signal)
    parts.push((await finish(ddim(denoise, x, schedule, times), onStep, signal)).x)
  }
  return concat(parts)
}

/** Mean squared error per picture, in the units of the tensors (a quarter of it in 0 … 1 units when they are -1 … 1). */
export function squaredErrors(a: Tensor, b: Tensor): Float64Array {
  if (a.shape.join() !== b.shape.join()) throw new Error(`squaredErrors: shapes [${a.shape}] and [${b.shape}] differ`)
  const size = a.data.length / a.shape[0]
  const errors = new Float64Array(a.shape[0])
  for (let i = 0; i < a.data.length; i++) errors[Math.floor(i / size)] += (a.data[i] - b.data[i]) ** 2 / size
  return errors
}
