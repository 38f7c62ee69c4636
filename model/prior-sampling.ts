import type { PriorConfig } from './config.ts'
import { ddim } from './ddim.ts'
import type { Denoiser, Step } from './denoiser.ts'
import { type Schedule, towardsX0 } from './schedule.ts'
import { combine, map, type Tensor } from './tensor.ts'

/** Textbook DDIM, or one of the authors' two samplers, which re-noise x̂0 with fresh noise (spec section 5). */
export type PriorMethod = 'ddim' | 'official-ddim' | 'official-ddpm'

export type PriorOptions = {
  /** Default 0. In 'official-ddim' 0 is the *most* random setting; 'official-ddpm' has no η. */
  readonly eta?: number
  /** Fresh N(0,1) noise of x's shape for the step with this index; not needed for 'ddim' at η = 0. */
  readonly noise?: (step: number) => Tensor
}

/**
 * Samples activation vectors, in the prior's own units, along all timesteps: x [B,m] starts as N(0,1).
 *
 * official-ddim   x ← √ᾱ_{t−1} x̂ + √(1 − ᾱ_{t−1} − η²β_t) z
 * official-ddpm   x ← √ᾱ_{t−1} x̂ + √β_t z
 * and x ← x̂ at t = 0.
 */
export async function* samplePrior(
  denoise: Denoiser,
  x: Tensor,
  schedule: Schedule,
  method: PriorMethod,
  { eta = 0, noise }: PriorOptions = {},
): AsyncGenerator<Step, void, void> {
  const { T, beta, alphaBar } = schedule
  if (method === 'ddim') return yield* ddim(denoise, x, schedule, [...beta.keys()], { eta, noise })
  if (!noise) throw new Error(`prior: ${method} wants a source of noise`)
  for (let index = 0; index < T; index++) {
    const t = T - 1 - index
    const [ofX, ofEps] = towardsX0(alphaBar[t])
    const x0 = combine([ofX, x], [ofEps, await denoise(x, t)])
    x = x0
    if (t > 0) {
      const variance = method === 'official-ddim' ? 1 - alphaBar[t - 1] - eta ** 2 * beta[t] : beta[t]
      x = combine([Math.sqrt(alphaBar[t - 1]), x0], [Math.sqrt(Math.max(variance, 0)), noise(index)])
    }
    yield { index, count: T, t, x, x0 }
  }
}

/** Raw activations s [B,m] in the prior's own units. */
export const toPrior = ({ standardize }: PriorConfig, s: Tensor): Tensor =>
  standardize ? map(s, (value, i) => (value - at(standardize.mean, i)) / at(standardize.std, i)) : s

/** Activations s [B,m] of what the prior sampled. */
export const fromPrior = ({ standardize }: PriorConfig, x: Tensor): Tensor =>
  standardize ? map(x, (value, i) => value * at(standardize.std, i) + at(standardize.mean, i)) : x

const at = (values: readonly number[], i: number): number => values[i % values.length]
