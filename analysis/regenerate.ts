/** Pictures formed again from their own noise under other activations, many of them, a batch at a time. */
import type { Patronus } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { startNoise } from './conditional-samples.ts'
import { invertImages, sampleFrom, type Hooks, type Level } from './sampling.ts'

export type BatchedOptions = {
  /** K: network calls a picture. */
  readonly steps: number
  /** Pictures a network call; default 16, beyond which two CPU cores gain nothing. */
  readonly batch?: number
}

/**
 * What pictures are formed again from: their own noise by inversion (the paper's way), which holds on to what s does not say, or
 * fresh noise, in which s decides alone. What a model ties together shows in fresh noise first: in a picture's own, the old mouth stays.
 */
export type NoiseKind = 'inverted' | 'fresh'

/** From … to of every batch. */
export const slices = (count: number, batch: number): [from: number, to: number][] =>
  Array.from({ length: Math.ceil(count / batch) }, (_, i) => [i * batch, Math.min(count, (i + 1) * batch)])

/** x0 [N,H,W,C] with its s [N,m] led to pure noise. `onStep` counts network calls of all batches. */
export async function invertMany(
  patronus: Patronus,
  x0: Tensor,
  s: Tensor,
  { steps, batch = 16 }: BatchedOptions,
  { onStep }: Hooks = {},
): Promise<Level> {
  const parts = slices(x0.shape[0], batch)
  const levels: Level[] = []
  for (const [i, [from, to]] of parts.entries())
    levels.push(
      await invertImages(
        patronus,
        rows(x0, from, to),
        rows(s, from, to),
        { steps },
        { onStep: (done, count, x) => onStep?.(i * count + done, parts.length * count, x) },
      ),
    )
  return { x: concat(levels.map(({ x }) => x)), t: levels[0].t }
}

/** Pure noise for x0 [N,H,W,C]: fresh where a seed for it is given, picture i the same however many there are; else its own under s [N,m]. */
export async function startFrom(
  patronus: Patronus,
  x0: Tensor,
  s: Tensor,
  { fresh, ...options }: BatchedOptions & { readonly fresh?: number },
  hooks?: Hooks,
): Promise<Level> {
  if (fresh === undefined) return invertMany(patronus, x0, s, options, hooks)
  const { config } = patronus.info
  return { x: startNoise(config, fresh, 0, x0.shape[0]), t: config.timesteps - 1 }
}

/** Pictures [N,H,W,C] by DDIM (η = 0) from noise [N,H,W,C] under s [N,m]. Not clipped. */
export async function sampleMany(
  patronus: Patronus,
  { x, t }: Level,
  s: Tensor,
  { steps, batch = 16 }: BatchedOptions,
  { onStep }: Hooks = {},
): Promise<Tensor> {
  const parts = slices(s.shape[0], batch)
  const pictures: Tensor[] = []
  for (const [i, [from, to]] of parts.entries()) {
    let last = x
    for await (const step of sampleFrom(patronus, { x: rows(x, from, to), t }, rows(s, from, to), { steps })) {
      last = step.x
      await onStep?.(i * step.count + step.index + 1, parts.length * step.count, step.x0)
    }
    pictures.push(last)
  }
  return concat(pictures)
}
