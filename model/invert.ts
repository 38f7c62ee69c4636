import type { Denoiser, Step } from './denoiser.ts'
import { type Schedule, towardsX0 } from './schedule.ts'
import { combine, type Tensor } from './tensor.ts'

/**
 * DDIM inversion (spec section 3), strided over `times` (ascending): finds the noise that DDIM leads back to x0. As in the
 * authors' code x0 is taken as if it were at level times[0], and after the last time ᾱ_next = 0, so that it ends in ε̂ itself.
 *
 * With `to`, a later member of `times`, it stops with x at that level, ready for `ddim` over the times up to and including
 * `to`: a partial edit.
 */
export async function* invert(
  denoise: Denoiser,
  x0: Tensor,
  { alphaBar }: Schedule,
  times: readonly number[],
  { to }: { readonly to?: number } = {},
): AsyncGenerator<Step, void, void> {
  const count = to === undefined ? times.length : times.indexOf(to)
  if (count < 1) throw new Error(`invert: "to" must be one of ${times.slice(1).join(', ')}; got ${to}`)
  let x = x0
  for (let index = 0; index < count; index++) {
    const t = times[index]
    const aNext = index + 1 < times.length ? alphaBar[times[index + 1]] : 0
    const eps = await denoise(x, t)
    const [ofX, ofEps] = towardsX0(alphaBar[t])
    const predicted = combine([ofX, x], [ofEps, eps])
    x = combine([Math.sqrt(aNext), predicted], [Math.sqrt(1 - aNext), eps])
    yield { index, count, t, x, x0: predicted }
  }
}
