/** When a prototype appears while the picture forms (spec section 6.7). */
import type { Patronus } from '../engine/patronus.ts'
import type { Tensor } from '../model/tensor.ts'
import { checkPrototype, column, raisedTo, withColumn, type Raised } from './ranges.ts'
import { invertImages, isFrame, sampleFrom, type Hooks, type Level } from './sampling.ts'

/** Mean over the pictures, and standard deviation (the figure's band), at every visited timestep. */
export type Curve = { readonly mean: readonly number[]; readonly std: readonly number[] }

export type PrototypeEmergence = {
  readonly prototype: number
  /** What s_J was set to. */
  readonly value: number
  /** Δ_J(t) = ŝ_J(t) - s_J(x0) with s_J raised. */
  readonly raised: Curve
  /** The same with s as it was. */
  readonly control: Curve
  /** First timestep, from T-1 downward, where the mean Δ_J reaches 10, 50, 90 % of its final value; null when it does not rise. */
  readonly onset: { readonly t10: number | null; readonly t50: number | null; readonly t90: number | null }
  /**
   * How far back a picture must be noised to edit this prototype: the timestep of half its rise, t_J. From t10 the edit has its full
   * strength, from t90 hardly any.
   */
  readonly depth: number | null
}

export type Emergence = {
  /** Visited timesteps, falling. */
  readonly t: readonly number[]
  readonly prototypes: readonly PrototypeEmergence[]
  /** Up to about 100 frames of the run with the first prototype raised: x̂0 [B,H,W,C] -1…1 and its s [B,m]. */
  readonly frames: readonly Frame[]
}

export type Frame = { readonly t: number; readonly x0: Tensor; readonly s: Tensor }

type Run = { readonly t: number[]; readonly s: Tensor[]; readonly frames: Frame[] }

/** x0 [B,H,W,C] -1…1, B pictures over which the curves are averaged. `value` overrides each prototype's own maximum. */
export async function emergence(
  patronus: Patronus,
  x0: Tensor,
  prototypes: readonly number[],
  { steps, value }: { steps: number; value?: Raised },
  { onStep }: Hooks = {},
): Promise<Emergence> {
  if (prototypes.length === 0) throw new Error('emergence needs at least one prototype to trace')
  for (const j of prototypes) checkPrototype(j, patronus.info)
  const { s } = await patronus.encode(x0)
  const total = steps * (2 + prototypes.length)
  const noise = await invertImages(patronus, x0, s, { steps }, { onStep: (done, _, x) => onStep?.(done, total, x) })
  const follow = (wanted: Tensor, stage: number) =>
    watch(patronus, noise, wanted, steps, (done, x) => onStep?.(stage * steps + done, total, x))
  const control = await follow(s, 1)
  let first: Run | undefined
  const traced: PrototypeEmergence[] = []
  for (const [i, j] of prototypes.entries()) {
    const target = raisedTo(value, j, patronus.info, s)
    const run = await follow(withColumn(s, j, target), 2 + i)
    first ??= run
    const raised = curve(run.s, s, j)
    traced.push({ prototype: j, value: target, raised, control: curve(control.s, s, j), ...onsets(run.t, raised.mean) })
  }
  return { t: control.t, prototypes: traced, frames: first?.frames ?? [] }
}

/** One DDIM run with every x̂0 encoded again: ŝ(t) = s(f(x̂0(t))). */
async function watch(
  patronus: Patronus,
  noise: Level,
  wanted: Tensor,
  steps: number,
  onStep: (done: number, x0: Tensor) => Promise<void> | void,
): Promise<Run> {
  const run: Run = { t: [], s: [], frames: [] }
  for await (const step of sampleFrom(patronus, noise, wanted, { steps })) {
    const { t, x0 } = step
    const { s } = await patronus.encode(x0)
    run.t.push(t)
    run.s.push(s)
    if (isFrame(step.index, step.count)) run.frames.push({ t, x0, s })
    await onStep(step.index + 1, x0)
  }
  return run
}

/** Δ_J over the batch at every timestep. Population standard deviation. */
function curve(seen: readonly Tensor[], s0: Tensor, j: number): Curve {
  const before = column(s0, j)
  const deltas = seen.map(s => column(s, j).map((value, b) => value - before[b]))
  const mean = deltas.map(delta => delta.reduce((sum, d) => sum + d, 0) / delta.length)
  const std = deltas.map((delta, i) => Math.sqrt(delta.reduce((sum, d) => sum + (d - mean[i]) ** 2, 0) / delta.length))
  return { mean, std }
}

/** Where a curve over falling timesteps first reaches 10, 50 and 90 % of where it ends. */
export function onsets(t: readonly number[], mean: readonly number[]): Pick<PrototypeEmergence, 'onset' | 'depth'> {
  const end = mean[mean.length - 1]
  const first = (share: number) => (end > 0 ? (t[mean.findIndex(value => value >= share * end)] ?? null) : null)
  const onset = { t10: first(0.1), t50: first(0.5), t90: first(0.9) }
  return { onset, depth: onset.t50 }
}
