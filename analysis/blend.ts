/** Between two pictures and around one: s mixed entry by entry, x_T turned along the sphere (spec sections 6.3 and 6.5). */
import type { CheckpointInfo } from '../engine/patronus.ts'
import { lerp, linspace, slerp } from '../model/interpolate.ts'
import { gaussian } from '../model/noise.ts'
import { concat, repeat, rows, type Tensor } from '../model/tensor.ts'
import { parsePrototypes } from './edits.ts'
import { checkActivations, checkPrototype } from './ranges.ts'
import type { Level } from './sampling.ts'

/** Which prototypes a blend touches; the last two read a list such as "3, 17, 30-35". */
export const choices = ['all', 'only these', 'all but these'] as const
export type Choice = (typeof choices)[number]

/** The chosen ones of the m prototypes, ascending. */
export function chosenPrototypes(choice: Choice, list: string, info: CheckpointInfo): number[] {
  const every = Array.from({ length: info.config.prototypes.count }, (_, j) => j)
  if (choice === 'all') return every
  const listed = new Set(parsePrototypes(list).map(j => checkPrototype(j, info)))
  if (listed.size === 0) throw new Error(`prototypes: "${choice}" wants a list such as "3, 17, 30-35", got none; or choose "all"`)
  return every.filter(j => listed.has(j) === (choice === 'only these'))
}

/** `mix` is (1 − amount)·a + amount·b; `take` gives b's entry; `maximum` and `minimum` the greater and the smaller of the two. */
export const blendModes = ['mix', 'take', 'maximum', 'minimum'] as const
export type BlendMode = (typeof blendModes)[number]

/** a [B,m] with the entries of `prototypes` blended with those of b [B,m]; where one of them is [1,m], it serves all rows. */
export function blendActivations(
  a: Tensor,
  b: Tensor,
  { mode, amount, prototypes }: { mode: BlendMode; amount: number; prototypes: readonly number[] },
  info: CheckpointInfo,
): Tensor {
  for (const s of [a, b]) checkActivations(s, info)
  const B = Math.max(a.shape[0], b.shape[0])
  const [from, to] = [rowsFor(a, B, b), rowsFor(b, B, a)]
  const blended = blend(from, to, mode, amount)
  const m = info.config.prototypes.count
  const data = from.data.slice()
  for (let row = 0; row < B * m; row += m) for (const j of prototypes) data[row + j] = blended.data[row + j]
  return { shape: from.shape, data }
}

function rowsFor(s: Tensor, B: number, other: Tensor): Tensor {
  if (s.shape[0] === B) return s
  if (s.shape[0] === 1) return repeat(s, B)
  throw new Error(
    `the two activations are of ${s.shape[0]} and ${other.shape[0]} pictures; both need the same number, or one of them 1`,
  )
}

function blend(a: Tensor, b: Tensor, mode: BlendMode, amount: number): Tensor {
  if (mode === 'mix') return lerp(a, b, amount)
  if (mode === 'take') return b
  const better = mode === 'maximum' ? Math.max : Math.min
  return { shape: a.shape, data: a.data.map((value, i) => better(value, b.data[i])) }
}

/** A picture taken apart: what is in it, s [1,m], and all the rest, x_T [1,H,W,C]. */
export type Ends = { readonly s: Tensor; readonly noise: Level }

/**
 * `count` ≥ 2 points on the way from one picture to another, both ends included: s goes straight, x along the sphere (spec 6.5).
 * Returns s [count,m] and x [count,H,W,C].
 */
export function interpolate(a: Ends, b: Ends, count: number): { s: Tensor; noise: Level } {
  sameShape('activations', a.s, b.s)
  sameShape('noise', a.noise.x, b.noise.x)
  if (a.noise.t !== b.noise.t)
    throw new Error(
      `noise_a stands at timestep ${a.noise.t} and noise_b at ${b.noise.t}; make both with the same stop_at on Invert DDIM`,
    )
  const alphas = linspace(0, 1, count)
  return {
    s: concat(alphas.map(alpha => lerp(a.s, b.s, alpha))),
    noise: { x: concat(alphas.map(alpha => slerp(a.noise.x, b.noise.x, alpha))), t: a.noise.t },
  }
}

function sameShape(name: string, a: Tensor, b: Tensor): void {
  if (a.shape[0] !== 1 || b.shape[0] !== 1)
    throw new Error(`${name}_a and ${name}_b are of ${a.shape[0]} and ${b.shape[0]} pictures; wanted one each`)
  if (a.shape.join() !== b.shape.join())
    throw new Error(`${name}_a is [${a.shape}] and ${name}_b [${b.shape}]; make both with the same checkpoint`)
}

/**
 * `count` noises around pure noise x_T [1,H,W,C], each turned by `strength` (0…1) along the sphere towards fresh N(0,1) of its own:
 * 0 is x_T itself, 1 forgets it, as the paper varies a picture (spec 6.3 b). Noise i is the same however many there are.
 */
export function variations(
  { x, t }: Level,
  { count, strength, seed }: { count: number; strength: number; seed: number },
  { name, config: { timesteps } }: CheckpointInfo,
): Level {
  if (x.shape[0] !== 1) throw new Error(`noise holds ${x.shape[0]} images, wanted one to vary`)
  if (t !== timesteps - 1)
    throw new Error(
      `noise stands at timestep ${t}, wanted pure noise (${timesteps - 1} for "${name}"): less holds part of the picture, which fresh noise cannot replace; set stop_at 1000 on Invert DDIM`,
    )
  const fresh = gaussian([count, ...x.shape.slice(1)], seed)
  return { x: concat(Array.from({ length: count }, (_, i) => slerp(x, rows(fresh, i, i + 1), strength))), t }
}
