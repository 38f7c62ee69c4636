/** One prototype set to value after value, far beyond the data if asked, all from the same noise (spec section 6.4). */
import type { Patronus } from '../engine/patronus.ts'
import { linspace } from '../model/interpolate.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { checkPrototype, column, maximumOf, withColumn } from './ranges.ts'
import { invertImages, sampleFrom, timesUpTo, type Hooks, type Level } from './sampling.ts'

export type ExtrapolateOptions = {
  /** First and last of `count` ≥ 2 evenly spaced values. */
  readonly from: number
  readonly to: number
  readonly count: number
  /** What they are: values of s, or multiples of the prototype's own maximum. */
  readonly unit: 'value' | 'maximum'
  readonly steps: number
}

/** One row of the figure: one picture, one prototype, V values. */
export type Extrapolation = {
  readonly prototype: number
  /** Index of the picture in the batch. */
  readonly image: number
  /** What s_J was set to, [V]. */
  readonly values: readonly number[]
  /** s_J of the picture as it was. */
  readonly before: number
  /** s_J that the encoder reads in each result, [V]. */
  readonly after: readonly number[]
  /** The results [V,H,W,C], about -1…1. */
  readonly images: Tensor
}

/** x0 [B,H,W,C] -1…1 → a row for each prototype and picture, prototypes outermost. Without `noise` each picture's own x_T is found by inversion. */
export async function extrapolate(
  patronus: Patronus,
  x0: Tensor,
  prototypes: readonly number[],
  options: ExtrapolateOptions,
  { noise, onStep }: Hooks & { noise?: Level } = {},
): Promise<Extrapolation[]> {
  wantPictures('extrapolation', x0)
  const B = x0.shape[0]
  const { steps } = options
  for (const j of prototypes) checkPrototype(j, patronus.info)
  if (noise && noise.x.shape[0] !== B)
    throw new Error(`noise holds ${noise.x.shape[0]} images, but there are ${B} pictures; make it from them with Invert DDIM`)
  const { s } = await patronus.encode(x0)
  const { timesteps } = patronus.info.config
  const inversion = noise ? 0 : timesUpTo(timesteps, steps, timesteps - 1).length
  const each = timesUpTo(timesteps, steps, noise?.t ?? timesteps - 1).length
  const total = inversion + prototypes.length * B * each
  const tell = (before: number) => (done: number, _: number, x: Tensor) => onStep?.(before + done, total, x)
  const start = noise ?? (await invertImages(patronus, x0, s, { steps }, { onStep: tell(0) }))
  const found: Extrapolation[] = []
  for (const j of prototypes)
    for (let image = 0; image < B; image++) {
      const own = { s: rows(s, image, image + 1), noise: { ...start, x: rows(start.x, image, image + 1) } }
      const scale = options.unit === 'maximum' ? maximumOf(j, patronus.info, s) : 1
      const values = linspace(options.from, options.to, options.count).map(value => value * scale)
      const run = await sampleRow(patronus, own, j, values, steps, tell(inversion + found.length * each))
      found.push({ prototype: j, image, values, before: column(own.s, j)[0], ...run })
    }
  return found
}

/** The same noise under s with s_J at each value, in one batch. */
async function sampleRow(
  patronus: Patronus,
  { s, noise }: { s: Tensor; noise: Level },
  prototype: number,
  values: readonly number[],
  steps: number,
  onStep: Required<Hooks>['onStep'],
): Promise<Pick<Extrapolation, 'after' | 'images'>> {
  const wanted = concat(values.map(value => withColumn(s, prototype, value)))
  let images = noise.x
  for await (const step of sampleFrom(patronus, noise, wanted, { steps })) {
    images = step.x
    await onStep(step.index + 1, step.count, step.x0)
  }
  return { images, after: column((await patronus.encode(images)).s, prototype) }
}
