import type { Denoiser, Step } from './denoiser.ts'
import { type Schedule, towardsX0 } from './schedule.ts'
import { combine, type Tensor } from './tensor.ts'

export type DdpmOptions = {
  /** Fresh N(0,1) noise of x's shape for the step with this index; the last step (t = 1) takes none. */
  readonly noise: (step: number) => Tensor
  /** The level x is at; default T−1. */
  readonly from?: number
}

/**
 * Ancestral sampling with variance β_t: Ho et al. 2020 (arXiv:2006.11239), Algorithm 2. As in the authors' code it walks
 * t = from … 1 and leaves out t = 0, which is never trained.
 */
export async function* ddpm(
  denoise: Denoiser,
  x: Tensor,
  { T, beta, alphaBar }: Schedule,
  { noise, from = T - 1 }: DdpmOptions,
): AsyncGenerator<Step, void, void> {
  if (!(from >= 1 && from < T)) throw new Error(`ddpm: "from" must be a timestep 1 … ${T - 1}, got ${from}`)
  for (let index = 0; index < from; index++) {
    const t = from - index
    const eps = await denoise(x, t)
    const [ofX, ofEps] = towardsX0(alphaBar[t])
    const x0 = combine([ofX, x], [ofEps, eps])
    const shrink = 1 / Math.sqrt(1 - beta[t])
    x = combine([shrink, x], [(-shrink * beta[t]) / Math.sqrt(1 - alphaBar[t]), eps])
    if (t > 1) x = combine([1, x], [Math.sqrt(beta[t]), noise(index)])
    yield { index, count: from, t, x, x0 }
  }
}
