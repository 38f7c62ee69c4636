import type { Tensor } from './tensor.ts'

/**
 * The only thing a sampler knows about a network: noisy x_t in, noise estimate ε̂ of the same shape out.
 * `t` is the 0-based timestep the network was trained with (0 … T-1), one for the whole batch.
 * What conditions the network (s) is settled where the denoiser is made.
 */
export type Denoiser = (x: Tensor, t: number) => Promise<Tensor>

/** One step of a sampler, after it was made: the new x, at level `t` it left, and the x̂0 that was predicted there. */
export type Step = {
  readonly index: number
  readonly count: number
  /** The timestep at which ε̂ was evaluated. */
  readonly t: number
  readonly x: Tensor
  readonly x0: Tensor
}
