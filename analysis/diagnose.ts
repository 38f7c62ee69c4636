/**
 * Shortcut diagnosis (spec section 6.8), as a number: prototypes that stand for A are raised on pictures, a reader that knows
 * nothing of the model says how likely each attribute is before and after, and B should not have moved.
 */
import type { Patronus } from '../engine/patronus.ts'
import { random, shuffled } from '../model/noise.ts'
import { dims, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import type { AttributeReader } from './attribute-reader.ts'
import { attribute, type DataSet } from './data-set.ts'
import { bootstrapInterval, type Interval } from './metrics/bootstrap.ts'
import { meanOf } from './metrics/statistics.ts'
import { checkPrototype, maximumOf, withColumn } from './ranges.ts'
import { sampleMany, startFrom, type BatchedOptions, type NoiseKind } from './regenerate.ts'
import type { Hooks } from './sampling.ts'
import { standFor } from './stand-for.ts'
import { stepped, usualStep } from './usual.ts'

/** An edit of s that should bring an attribute. */
export type Raise = {
  /** What it is taken to stand for. */
  readonly name: string
  /** Prototypes raised together, each to its own maximum or to `value`. */
  readonly prototypes: readonly number[]
  readonly value?: number
  /** Instead: what is added to all of s, [m]; s stays at least 0. */
  readonly shift?: readonly number[]
  /** Of a random one: the raise it is the measure for; of all of them where it is absent. */
  readonly of?: string
  /** Pictures that its effect is averaged over, those that lack the attribute; default all. */
  readonly among?: readonly number[]
}

/** E[ΔP(B)] over pictures, with the percentile bootstrap's interval; `null` for a single picture. */
export type Shift = { readonly mean: number; readonly interval: Interval | null }

export type RaiseEffect = {
  readonly raise: Raise
  /** P(B | x') - P(B | before), one entry an attribute of the reader. */
  readonly shifts: readonly Shift[]
  /** The same of every picture, [N,A]. */
  readonly deltas: Tensor
  /** x' [N,H,W,C], not clipped. */
  readonly images: Tensor
}

export type Diagnosis = {
  /** The reader's attributes: what the columns of every table mean. */
  readonly attributes: readonly string[]
  readonly pictures: number
  readonly noise: NoiseKind
  /** What shifts are measured against, [N,H,W,C]: the pictures as they were; with fresh noise, what it becomes with nothing raised. */
  readonly before: Tensor
  /** Pictures formed again with nothing raised: what inversion and sampling alone do. */
  readonly unchanged: RaiseEffect
  readonly raises: readonly RaiseEffect[]
}

export type DiagnoseOptions = BatchedOptions & {
  /** Default: inverted. */
  readonly noise?: NoiseKind
  /** Draws fresh noise and the bootstrap. */
  readonly seed: number
  readonly resamples?: number
}

/** Raises each group in turn on x0 [N,H,W,C] -1 … 1, and reads what came of it. The noise is shared. */
export async function raiseEffects(
  patronus: Patronus,
  x0: Tensor,
  reader: AttributeReader,
  raises: readonly Raise[],
  options: DiagnoseOptions,
  { onStep }: Hooks = {},
): Promise<Diagnosis> {
  const { N } = dims(x0, 'N H W C')
  wantPictures('diagnosis', x0)
  for (const { prototypes } of raises) prototypes.forEach(j => checkPrototype(j, patronus.info))
  const { s } = await patronus.encode(x0)
  const { noise: kind = 'inverted', seed } = options
  const isFresh = kind === 'fresh'
  const runs = (isFresh ? 1 : 2) + raises.length
  const stage = (run: number): Hooks => ({ onStep: (done, count, x) => onStep?.(run * count + done, runs * count, x) })
  const noise = await startFrom(patronus, x0, s, { ...options, fresh: isFresh ? seed : undefined }, stage(0))
  const form = (raise: Raise, run: number) => sampleMany(patronus, noise, raised(patronus, s, raise), options, stage(run))
  const nothing = { name: 'nothing', prototypes: [] }
  const again = await form(nothing, runs - raises.length - 1)
  const before = isFresh ? again : x0
  const known = await reader.probabilities(before)
  const see = async (raise: Raise, images: Tensor) => effectOf(raise, known, await reader.probabilities(images), images, options)
  const unchanged = await see(nothing, again)
  const effects: RaiseEffect[] = []
  for (const [i, raise] of raises.entries()) effects.push(await see(raise, await form(raise, runs - raises.length + i)))
  return { attributes: reader.names, pictures: N, noise: kind, before, unchanged, raises: effects }
}

function raised(patronus: Patronus, s: Tensor, { prototypes, value, shift }: Raise): Tensor {
  if (shift) return stepped(s, shift)
  return prototypes.reduce((edited, j) => withColumn(edited, j, value ?? maximumOf(j, patronus.info, s)), s)
}

function effectOf(
  raise: Raise,
  before: Tensor,
  after: Tensor,
  images: Tensor,
  { seed, resamples }: DiagnoseOptions,
): RaiseEffect {
  const { N, A } = dims(before, 'N A')
  const deltas = { shape: [N, A], data: after.data.map((value, i) => value - before.data[i]) }
  const own = (values: readonly number[]) => raise.among?.map(i => values[i]) ?? values
  const shifts = Array.from({ length: A }, (_, a) => shiftOf(own(columnOf(deltas, a)), { seed, resamples }))
  return { raise, shifts, deltas, images }
}

export const shiftOf = (values: readonly number[], options: { seed: number; resamples?: number }): Shift => ({
  mean: meanOf(values)!,
  interval: bootstrapInterval(values, options),
})

/** Column a of [N,A] as numbers. */
export const columnOf = ({ shape: [N, A], data }: Tensor, a: number): number[] =>
  Array.from({ length: N }, (_, i) => data[i * A + a])

/** For every attribute that varies in the set, the prototypes that stand for it; those that do not vary are left out. */
export function raisesOf(s: Tensor, data: DataSet, top: number): Raise[] {
  return (data.attributes?.names ?? []).flatMap(name => {
    const labels = attribute(data, name).subarray(0, s.shape[0])
    if (labels.every(label => label === labels[0])) return []
    return [{ name, prototypes: standFor(s, labels, name, top).map(({ prototype }) => prototype) }]
  })
}

/**
 * For every attribute that varies, the edit that makes s what is usual with it: all prototypes move by mean s with it less mean s
 * without it. Milder than a maximum, and the same step for every prototype; `prototypes` are the `top` that stand for it, for labels.
 */
export function usualShifts(s: Tensor, data: DataSet, top: number): Raise[] {
  return raisesOf(s, data, top).map(raise => {
    const labels = attribute(data, raise.name)
    return { ...raise, shift: usualStep(s, i => labels[i] === 1) }
  })
}

/**
 * Each edit's step dealt out to other prototypes at random: as large a change of s that stands for nothing. Every edit gets equally
 * many, at least `groups` in all; how much moves by itself depends on how large the step is.
 */
export function shuffledShifts(raises: readonly Raise[], groups: number, seed: number): Raise[] {
  const stepping = raises.filter(({ shift }) => shift)
  if (stepping.length === 0) return []
  const rounds = Math.ceil(groups / stepping.length)
  return stepping.flatMap(({ name, shift, among }, i) =>
    Array.from({ length: rounds }, (_, round) => {
      const order = shuffled(shift!.length, seed + i * rounds + round)
      const dealt = { name: `${name}, dealt out at random${rounds > 1 ? ` ${round + 1}` : ''}`, of: name, prototypes: [] }
      return { ...dealt, ...(among && { among }), shift: Array.from(order, j => shift![j]) }
    }),
  )
}

/** `groups` sets of `size` prototypes drawn at random from those that none of `except` holds: what raising anything does. */
export function randomRaises(count: number, size: number, groups: number, except: readonly number[], seed: number): Raise[] {
  const stream = random(seed)
  return Array.from({ length: groups }, (_, g) => {
    const left = Array.from({ length: count }, (_, j) => j).filter(j => !except.includes(j))
    const prototypes = Array.from({ length: Math.min(size, left.length) }, () => left.splice(stream.int(left.length), 1)[0])
    return { name: `random ${g + 1}`, prototypes }
  })
}

/** One cell of the matrix of attribute pairs. */
export type Pair = {
  /** What was raised, and what was read. */
  readonly raised: string
  readonly read: string
  readonly shift: Shift
  /** The same pair in the control model; absent without one. */
  readonly control?: Shift
  /** Largest |shift| of `read` under random prototypes, and with nothing raised: less than this says nothing. */
  readonly random: number
  /** |shift| beyond what the control and the random prototypes explain; pairs are sorted by it. */
  readonly suspicion: number
}

/**
 * All pairs A → B with A ≠ B, the most suspicious first. Attributes of one exclusive group (hair colours) cannot both be there: a
 * pair of them is no shortcut and is left out.
 */
export function suspiciousPairs(
  diagnosis: Diagnosis,
  random: readonly RaiseEffect[],
  control?: Diagnosis,
  exclusive: readonly (readonly string[])[] = [],
): Pair[] {
  const { attributes } = diagnosis
  const apart = (a: string, b: string) => exclusive.some(group => group.includes(a) && group.includes(b))
  const pairs = diagnosis.raises.flatMap(({ raise, shifts }) =>
    attributes.flatMap((read, b) => {
      if (read === raise.name || apart(read, raise.name)) return []
      const same = control?.raises.find(other => other.raise.name === raise.name)?.shifts[b]
      const own = random.filter(({ raise: { of } }) => of === undefined || of === raise.name)
      const noise = Math.max(...[diagnosis.unchanged, ...own].map(effect => Math.abs(effect.shifts[b].mean)))
      const explained = Math.max(noise, Math.abs(same?.mean ?? 0))
      const suspicion = Math.max(0, Math.abs(shifts[b].mean) - explained)
      return [{ raised: raise.name, read, shift: shifts[b], ...(same && { control: same }), random: noise, suspicion }]
    }),
  )
  return pairs.sort((p, q) => q.suspicion - p.suspicion || Math.abs(q.shift.mean) - Math.abs(p.shift.mean))
}

/** So many pictures with both would be expected by chance before "never together" means anything. */
const enough = 5

/** Attributes of which every picture of a set has at most one, as groups of two or more. */
export function exclusiveGroups(data: DataSet): string[][] {
  const names = data.attributes?.names ?? []
  const columns = names.map(name => attribute(data, name))
  const share = columns.map(column => column.reduce((sum, value) => sum + value, 0) / column.length)
  const never = (a: number, b: number) =>
    share[a] * share[b] * columns[a].length >= enough && columns[a].every((value, i) => value + columns[b][i] < 2)
  const groups: number[][] = []
  for (let a = 0; a < names.length; a++) {
    if (!columns[a].includes(1)) continue
    const home = groups.find(group => group.every(b => never(a, b)))
    if (home) home.push(a)
    else groups.push([a])
  }
  return groups.filter(group => group.length > 1).map(group => group.map(a => names[a]))
}
