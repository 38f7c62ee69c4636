/**
 * The noise schedule (spec section 3): β_t and ᾱ_t = ∏(1 − β), t = 0 … T−1, in float32 as the authors' tables are.
 * ᾱ "before 0" is 1 and ᾱ "after T−1" is 0; the samplers say so where they need it.
 */
export type Schedule = { readonly T: number; readonly beta: Float32Array; readonly alphaBar: Float32Array }

/** β rises linearly from scale·1e-4 to scale·0.02 with scale = 1000/T (Ho et al. 2020, arXiv:2006.11239, rescaled to T steps). */
export function linearSchedule(T: number): Schedule {
  if (!Number.isInteger(T) || T <= 20) throw new Error(`schedule: T must be an integer above 20 (β would reach 1), got ${T}`)
  const [first, last] = [Math.fround(0.1 / T), Math.fround(20 / T)]
  const step = Math.fround((last - first) / (T - 1))
  // torch.linspace counts from both ends; so do we, to give the same float32 table
  const beta = Float32Array.from({ length: T }, (_, t) => (t < T / 2 ? first + step * t : last - step * (T - 1 - t)))
  const alphaBar = new Float32Array(T)
  let product = 1
  for (let t = 0; t < T; t++) alphaBar[t] = product *= Math.fround(1 - beta[t])
  return { T, beta, alphaBar }
}

/**
 * The K timesteps a strided sampler visits, ascending: round(linspace(0, T−1, K)) without duplicates. K = T is every
 * timestep, the official sampler; K = 1 is T−1 alone.
 */
export function timesteps(T: number, K: number): number[] {
  if (!Number.isInteger(K) || K < 1) throw new Error(`timesteps: the number of steps must be an integer from 1, got ${K}`)
  if (K === 1) return [T - 1]
  return [...new Set(Array.from({ length: K }, (_, k) => Math.round((k * (T - 1)) / (K - 1))))]
}

/** √(1/ᾱ) x_t − √(1/ᾱ − 1) ε̂ = x̂0, as coefficients of x_t and ε̂. Never clipped, as in the authors' code. */
export const towardsX0 = (alphaBar: number): readonly [x: number, eps: number] => [
  1 / Math.sqrt(alphaBar),
  -Math.sqrt(1 - alphaBar) / Math.sqrt(alphaBar),
]
