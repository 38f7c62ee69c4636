/** When a prototype appears while the picture forms (spec section 6.7). */
import type { Patronus } from '../engine/patronus.ts'
import { timesteps } from '../model/schedule.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { batches, encodeIn, wantPictures } from './batches.ts'
import { adviseDepth, editStrength, strengthSteps, type StrengthCurve } from './edit-depth.ts'
import { bootstrapInterval, type Interval } from './metrics/bootstrap.ts'
import { meanOf } from './metrics/statistics.ts'
import { curveTally, firstReaches, neverRises, onsets, type Curve, type Onset } from './onset.ts'
import { checkPrototype, column, raisedTo, withColumn, type Raised } from './ranges.ts'
import { invertImages, isFrame, sampleFrom, type Hooks, type Level } from './sampling.ts'
import { finenessMeter, type Fineness } from './spatial-frequency.ts'

export type { Curve, Onset }

/** A mean over pictures, its 95 % bootstrap interval (null with fewer than two), and how many pictures it is over. */
export type Estimate = { readonly mean: number | null; readonly interval: Interval | null; readonly pictures: number }

export type PrototypeEmergence = {
  readonly prototype: number
  /** What s_J was set to. */
  readonly value: number
  /** Δ_J(t) = ŝ_J(t) - s_J(x0) with s_J raised. */
  readonly raised: Curve
  /** The same with s as it was: fine concepts come late in any picture, and this says how late without the edit. */
  readonly control: Curve
  /** What raising does: the first minus the second, picture by picture. */
  readonly effect: Curve
  /** The effect in the finished pictures. */
  readonly rise: Estimate
  /** Whether the finished pictures show it: Δ_J and the effect end above 0, and the effect's interval, where there is one, does too. */
  readonly rises: boolean
  /** Of the mean Δ_J, as in the paper; all null when it does not rise. */
  readonly onset: Onset
  /** Of the mean effect, that is over the control. */
  readonly effectOnset: Onset
  /** t50 of single pictures: of those where Δ_J ends at a tenth of the mean or above. */
  readonly pictureOnset: Estimate
  /** How fine the change is, against the control's pictures. */
  readonly fineness: Fineness
  /** What is left of the edit when it starts lower, and how far back a picture must be noised for it; null when it does not rise. */
  readonly strength: StrengthCurve | null
  readonly depth: number | null
}

export type Emergence = {
  /** Number of pictures. */
  readonly pictures: number
  /** Visited timesteps, falling. */
  readonly t: readonly number[]
  readonly prototypes: readonly PrototypeEmergence[]
  /** Up to about 100 frames of the run with the first prototype raised: x̂0 [b,H,W,C] -1…1 and its s [b,m] of the first batch. */
  readonly frames: readonly Frame[]
}

export type Frame = { readonly t: number; readonly x0: Tensor; readonly s: Tensor }

export type EmergenceOptions = {
  readonly steps: number
  /** Overrides each prototype's own maximum. */
  readonly value?: Raised
  /** Also measures, on the first few pictures, how deep an edit must go: about three and a half more runs a prototype. Default true. */
  readonly advise?: boolean
  /** Pictures a network call. */
  readonly batch?: number
  /** Decides the bootstrap. */
  readonly seed?: number
}

/**
 * x0 [B,H,W,C] -1…1, B pictures over which the curves are averaged, a batch at a time: memory is that of one batch and of the curves,
 * however many pictures there are. Inversion and control are made once for all prototypes.
 */
export async function emergence(
  patronus: Patronus,
  x0: Tensor,
  prototypes: readonly number[],
  { steps, value, advise = true, batch = 16, seed = 1 }: EmergenceOptions,
  { onStep }: Hooks = {},
): Promise<Emergence> {
  wantPictures('emergence', x0)
  if (prototypes.length === 0) throw new Error('emergence needs at least one prototype to trace')
  for (const j of prototypes) checkPrototype(j, patronus.info)
  const parts = batches(x0, batch)
  const { s: whole } = await encodeIn(patronus, x0, batch)
  const visited = timesteps(patronus.info.config.timesteps, steps).length
  const traced = prototypes.map(j => record(j, raisedTo(value, j, patronus.info, whole), visited))
  const runs = parts.length * visited * (2 + prototypes.length)
  const total = runs + (advise ? strengthSteps(patronus, prototypes.length, { steps }) : 0)
  let done = 0
  const told = (x: Tensor) => onStep?.(++done, total, x)
  let [t, frames]: [readonly number[], readonly Frame[]] = [[], []]
  for (const [b, part] of parts.entries()) {
    const s = rows(whole, b * batch, b * batch + part.shape[0])
    const noise = await invertImages(patronus, part, s, { steps }, { onStep: (_, __, x) => told(x) })
    const control = await watch(patronus, noise, s, prototypes, steps, told)
    t = control.t
    for (const [i, found] of traced.entries()) {
      const wanted = withColumn(s, found.prototype, found.value)
      const raised = await watch(patronus, noise, wanted, [found.prototype], steps, told, b === 0 && i === 0)
      if (b === 0 && i === 0) frames = raised.frames
      found.add(t, column(s, found.prototype), raised.seen.map(([only]) => only), control.seen.map(step => step[i])) // prettier-ignore
      found.compare(raised.images, control.images)
    }
  }
  const edits = traced.map(found => withColumn(whole, found.prototype, found.value))
  const onAdvice = { onStep: (_: number, __: number, x: Tensor) => told(x) }
  const strengths = advise ? await editStrength(patronus, { images: x0, s: whole }, edits, { steps }, onAdvice) : []
  return { pictures: x0.shape[0], t, prototypes: traced.map((found, i) => found.read(t, seed, strengths[i])), frames }
}

type Run = {
  readonly t: readonly number[]
  /** ŝ of the prototypes watched: [step][prototype][picture]. */
  readonly seen: readonly (readonly (readonly number[])[])[]
  readonly images: Tensor
  readonly frames: readonly Frame[]
}

/** One DDIM run with every x̂0 encoded again: ŝ(t) = s(f(x̂0(t))). */
async function watch(
  patronus: Patronus,
  noise: Level,
  wanted: Tensor,
  prototypes: readonly number[],
  steps: number,
  onStep: (x0: Tensor) => Promise<void> | void,
  isFilmed = false,
): Promise<Run> {
  const run = { t: [] as number[], seen: [] as number[][][], frames: [] as Frame[] }
  let images = noise.x
  for await (const { index, count, t, x, x0 } of sampleFrom(patronus, noise, wanted, { steps })) {
    const { s } = await patronus.encode(x0)
    run.t.push(t)
    run.seen.push(prototypes.map(j => column(s, j)))
    if (isFilmed && isFrame(index, count)) run.frames.push({ t, x0, s })
    images = x
    await onStep(x0)
  }
  return { ...run, images }
}

/** What is kept of one prototype while the batches go by: sums a step, two numbers a picture. */
function record(prototype: number, value: number, steps: number) {
  const curves = { raised: curveTally(steps), control: curveTally(steps), effect: curveTally(steps) }
  const meter = finenessMeter()
  const pictures: { readonly end: number; readonly effect: number; readonly t50: number | null }[] = []
  return {
    prototype,
    value,
    /** ŝ_J of a batch at every step, [step][picture], with s_J raised and with s as it was. */
    add(t: readonly number[], before: readonly number[], raised: Seen, control: Seen): void {
      const rise = raised.map(step => step.map((s, b) => s - before[b]))
      const asItWas = control.map(step => step.map((s, b) => s - before[b]))
      const effect = raised.map((step, k) => step.map((s, b) => s - control[k][b]))
      for (const [k] of t.entries()) {
        curves.raised.add(k, rise[k])
        curves.control.add(k, asItWas[k])
        curves.effect.add(k, effect[k])
      }
      const last = t.length - 1
      for (const b of before.keys()) {
        const t50 = firstReaches(t, rise.map(step => step[b]), 0.5) // prettier-ignore
        pictures.push({ end: rise[last][b], effect: effect[last][b], t50 })
      }
    },
    compare: (raised: Tensor, control: Tensor) => meter.add(raised, control),
    read(t: readonly number[], seed: number, measured?: StrengthCurve): PrototypeEmergence {
      const [raised, control, effect] = [curves.raised.read(), curves.control.read(), curves.effect.read()]
      const rise = estimate(pictures.map(picture => picture.effect), seed) // prettier-ignore
      const end = raised.mean[t.length - 1]
      const rises = end > 0 && (rise.interval?.low ?? rise.mean ?? 0) > 0
      const clear = rises ? pictures.filter(picture => picture.end >= 0.1 * end) : []
      const strength = rises && measured ? measured : null
      const effectOnset = rises ? onsets(t, effect.mean) : neverRises
      return {
        ...{ prototype, value, raised, control, effect, rise, rises, effectOnset },
        onset: rises ? onsets(t, raised.mean) : neverRises,
        pictureOnset: estimate(clear.flatMap(({ t50 }) => (t50 === null ? [] : [t50])), seed), // prettier-ignore
        fineness: meter.read(),
        strength,
        depth: strength && adviseDepth(strength),
      }
    },
  }
}

type Seen = readonly (readonly number[])[]

const estimate = (values: readonly number[], seed: number): Estimate => ({
  mean: meanOf(values),
  interval: bootstrapInterval(values, { seed }),
  pictures: values.length,
})
