/** How near rebuilt pictures are to what they should be, pair by pair. */
import { map, type Tensor } from '../model/tensor.ts'
import { squaredErrors } from './conditional-samples.ts'
import { bootstrapInterval, type Interval } from './metrics/bootstrap.ts'
import { colored } from './pixels.ts'

/** One measure over all pairs: its mean, the 95 % interval of the mean over pictures (null for one), and the worst picture. */
export type Summary = {
  readonly mean: number
  readonly interval: Interval | null
  readonly worst: { image: number; value: number }
}

export type Reconstruction = {
  /** Mean squared error per picture in the units of `patronus quality`, -1 … 1; there pictures are not clipped yet, here they are. */
  readonly errors: readonly number[]
  /** Peak signal-to-noise ratio per picture in dB, for pictures 0 … 1; infinite where nothing differs. */
  readonly psnr: readonly number[]
  readonly error: Summary
  /** Of the PSNR of single pictures; null when one is infinite, as its mean would be. */
  readonly ratio: Summary | null
  /** |rebuilt − original|, [B,H,W,C] 0 … 1. */
  readonly difference: Tensor
}

/** images, reference [B,H,W,C] 0 … 1, picture i with picture i. A grey picture counts as one of three equal channels. */
export function reconstruction(images: Tensor, reference: Tensor, seed: number): Reconstruction {
  const [rebuilt, original] = comparable(images, reference)
  // From 0 … 1 to -1 … 1 every difference doubles.
  const errors = [...squaredErrors(rebuilt, original)].map(error => 4 * error)
  const psnr = errors.map(error => 10 * Math.log10(4 / error))
  return {
    errors,
    psnr,
    error: summary(errors, Math.max(...errors), seed),
    ratio: psnr.every(Number.isFinite) ? summary(psnr, Math.min(...psnr), seed) : null,
    difference: map(rebuilt, (value, i) => Math.abs(value - original.data[i])),
  }
}

const summary = (values: readonly number[], worst: number, seed: number): Summary => ({
  mean: values.reduce((sum, value) => sum + value, 0) / values.length,
  interval: bootstrapInterval(values, { seed }),
  worst: { image: values.indexOf(worst), value: worst },
})

/** Both with the same channels; throws when there is nothing to compare, or numbers or sizes differ. */
function comparable(images: Tensor, reference: Tensor): readonly [Tensor, Tensor] {
  for (const [name, pictures] of Object.entries({ images, reference })) {
    if (pictures.shape[0] === 0) throw new Error(`${name}: wanted at least one picture, got none; link a node that gives some`)
    if (!pictures.data.every(Number.isFinite))
      throw new Error(`${name}: the pictures hold values that are not finite numbers; the model that made them may have diverged`)
  }
  const isAlike = images.shape[3] === reference.shape[3]
  const [a, b] = isAlike ? [images, reference] : [colored(images), colored(reference)]
  if (a.shape[0] !== b.shape[0])
    throw new Error(
      `images holds ${a.shape[0]} pictures and reference ${b.shape[0]}; both need the same number, in the same order`,
    )
  if (a.shape.join() !== b.shape.join())
    throw new Error(
      `images is ${a.shape[2]}×${a.shape[1]} and reference ${b.shape[2]}×${b.shape[1]} pixels; give both at one size, for example the pictures that Data Set Images brings at the model's size`,
    )
  return [a, b]
}
