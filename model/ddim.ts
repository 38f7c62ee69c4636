import type { Denoiser, Step } from './denoiser.ts'
import { type Schedule, towardsX0 } from './schedule.ts'
import { combine, type Tensor } from './tensor.ts'

export type DdimOptions = {
  /** 0 (default) is deterministic; 1 adds as much noise as DDPM. */
  readonly eta?: number
  /** Fresh N(0,1) noise of x's shape for the step with this index; needed when η > 0. */
  readonly noise?: (step: number) => Tensor
}

/**
 * DDIM: Song, Meng & Ermon 2021 (arXiv:2010.02502), Eq. 12, strided over `times` (ascending; walked from its end to its
 * start). All T timesteps give the official sampler. The step from times[0] goes to ᾱ = 1, that is to x̂0 itself.
 * x is at level times.at(-1); x̂0 is never clipped.
 */
export async function* ddim(
  denoise: Denoiser,
  x: Tensor,
  { alphaBar }: Schedule,
  times: readonly number[],
  { eta = 0, noise }: DdimOptions = {},
): AsyncGenerator<Step, void, void> {
  if (eta > 0 && !noise) throw new Error(`ddim: η = ${eta} wants a source of noise`)
  const count = times.length
  for (let index = 0; index < count; index++) {
    const k = count - 1 - index
    const t = times[k]
    const a = alphaBar[t]
    const aPrev = k > 0 ? alphaBar[times[k - 1]] : 1
    const eps = await denoise(x, t)
    const [ofX, ofEps] = towardsX0(a)
    const x0 = combine([ofX, x], [ofEps, eps])
    const sigma = eta * Math.sqrt((1 - aPrev) / (1 - a)) * Math.sqrt(1 - a / aPrev)
    x = combine([Math.sqrt(aPrev), x0], [Math.sqrt(1 - aPrev - sigma ** 2), eps])
    if (sigma > 0) x = combine([1, x], [sigma, noise!(index)])
    yield { index, count, t, x, x0 }
  }
}
