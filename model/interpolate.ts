/** Ways from one tensor to another (spec section 6.5). */
import { combine, type Tensor } from './tensor.ts'

/** `count` ≥ 2 numbers from `from` to `to` in even steps, both ends exactly. */
export const linspace = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, k) => (k === count - 1 ? to : from + (k / (count - 1)) * (to - from)))

/** The straight way: (1 − α)·a + α·b. */
export const lerp = (a: Tensor, b: Tensor, alpha: number): Tensor => combine([1 - alpha, a], [alpha, b])

/**
 * The way along the sphere (Shoemake 1985), a and b each taken as one long vector: (sin((1 − α)θ)·a + sin(αθ)·b)/sin θ with
 * θ = arccos⟨a/‖a‖, b/‖b‖⟩. Noise of high dimension lies near a sphere; the straight way would pass through its inside, where no
 * noise is. Parallel, opposite and zero vectors have no such way, or no single one: between them it is the straight way.
 */
export function slerp(a: Tensor, b: Tensor, alpha: number): Tensor {
  const theta = angle(a, b)
  const sine = Math.sin(theta)
  if (!(sine > 1e-6)) return lerp(a, b, alpha)
  return combine([Math.sin((1 - alpha) * theta) / sine, a], [Math.sin(alpha * theta) / sine, b])
}

/** 0 … π; NaN when a or b is zero. */
function angle(a: Tensor, b: Tensor): number {
  const product = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  return Math.acos(Math.min(1, Math.max(-1, product)))
}

function dot({ data: a }: Tensor, { data: b }: Tensor): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
