import type { Random } from '../model/noise.ts'

/**
 * Makes clean pictures look like those a diffusion model draws: softer, noisier, a little off in brightness and
 * contrast. Used to train the attribute classifier, which reads generated pictures but has never seen one.
 */

type Shape = readonly [height: number, width: number, channels: number]

/** Mean of each value and its neighbours `step` away within runs of `run` values, weights (share, 1 - 2·share, share); ends repeat. */
function soften(picture: Float32Array, step: number, run: number, share: number): Float32Array {
  const out = new Float32Array(picture.length)
  for (let i = 0; i < picture.length; i++) {
    const at = i % run
    const before = at >= step ? picture[i - step] : picture[i]
    const after = at < run - step ? picture[i + step] : picture[i]
    out[i] = picture[i] + share * (before + after - 2 * picture[i])
  }
  return out
}

/** Separable blur of one picture [H,W,C]; `share` 0 … 1/3, where 1/3 is the 3×3 mean. */
export function blur(picture: Float32Array, [height, width, channels]: Shape, share: number): Float32Array {
  const row = width * channels
  return soften(soften(picture, channels, row, share), row, row * height, share)
}

/** Standard normal numbers drawn once and read from a random place each time: a fresh draw a pixel would cost more than the network. */
export function noisePool(stream: Random, size = 1 << 20): Float32Array {
  return Float32Array.from({ length: size }, () => stream.normal())
}

/** One picture [H,W,C] in -1 … 1, degraded at random: half of them blurred, all with some noise, contrast and brightness. */
export function degrade(picture: Float32Array, shape: Shape, stream: Random, pool: Float32Array): Float32Array {
  const soft = stream.next() < 0.5 ? blur(picture, shape, stream.next() / 3) : picture
  const sigma = 0.25 * stream.next() ** 2
  const contrast = 1 + 0.1 * stream.normal()
  const brightness = 0.08 * stream.normal()
  const from = stream.int(pool.length - picture.length)
  const out = new Float32Array(picture.length)
  for (let i = 0; i < out.length; i++) out[i] = contrast * soft[i] + brightness + sigma * pool[from + i]
  return out
}
