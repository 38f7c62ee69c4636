/**
 * How far back a picture must be led for an edit. When a prototype shows in x̂0 is not the answer: the hair's colour shows at the first
 * step and can still be changed half way down, a smile shows late and has to be prepared early. So edits are made from several
 * levels, and what is left of the full edit's strength is read off.
 */
import type { Patronus } from '../engine/patronus.ts'
import { timesteps } from '../model/schedule.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { bootstrapInterval } from './metrics/bootstrap.ts'
import { changeOf, finished, stepsOf } from './partial-edit.ts'
import { invertThrough, type Hooks } from './sampling.ts'

export type StrengthCurve = {
  /** Levels that edits were started from, rising; the last is pure noise, the full edit. */
  readonly t: readonly number[]
  /** Change of the target in the finished pictures as a share of the full edit's; empty when that does not surely change it. */
  readonly strength: readonly number[]
  /** Mean change of the full edit, in units of s. */
  readonly change: number
}

export type StrengthOptions = {
  readonly steps: number
  /** How many levels, evenly spaced over the schedule. */
  readonly levels?: number
  /** Pictures it is measured on, the first ones, in one network call: the mean over a few is steady enough. */
  readonly pictures?: number
}

/** `images` [B,H,W,C] -1…1, s their own activations and each of `edits` what they shall have, [B,m]. One inversion serves all edits. */
export async function editStrength(
  patronus: Patronus,
  { images, s: all }: { readonly images: Tensor; readonly s: Tensor },
  edits: readonly Tensor[],
  { steps, levels = 6, pictures = 8 }: StrengthOptions,
  { onStep }: Hooks = {},
): Promise<StrengthCurve[]> {
  wantPictures('edit depth', images)
  const [x0, s] = [images, all].map(x => rows(x, 0, Math.min(pictures, x.shape[0])))
  const stops = stopsOf(patronus, steps, levels)
  const total = strengthSteps(patronus, edits.length, { steps, levels })
  let done = 0
  const told: Hooks = { onStep: (_, __, x) => onStep?.(++done, total, x) }
  const reached = await invertThrough(patronus, x0, s, { steps, stops }, told)
  const curves: StrengthCurve[] = []
  for (const edit of edits) {
    const edited = rows(edit, 0, s.shape[0])
    const changes: number[] = []
    let each: number[] = []
    for (const level of reached) {
      const after = await patronus.encode(await finished(patronus, level, edited, steps, told))
      each = changeOf(s, edited, after.s)
      changes.push(each.reduce((sum, change) => sum + change, 0) / each.length)
    }
    const change = changes[changes.length - 1]
    const isSure = change > 0 && (bootstrapInterval(each, { seed: 1 })?.low ?? change) > 0
    curves.push({ t: stops, strength: isSure ? changes.map(value => value / change) : [], change })
  }
  return curves
}

function stopsOf({ info }: Patronus, steps: number, levels: number): number[] {
  const times = timesteps(info.config.timesteps, steps)
  const at = Array.from({ length: levels }, (_, i) => Math.round(((i + 1) * (times.length - 1)) / levels))
  return [...new Set(at.filter(k => k > 0 || times.length === 1).map(k => times[k]))]
}

/** Network calls that editStrength makes for so many edits. */
export function strengthSteps(patronus: Patronus, edits: number, { steps, levels = 6 }: StrengthOptions): number {
  const runs = stopsOf(patronus, steps, levels).reduce((sum, t) => sum + stepsOf(patronus, steps, t).sampling, 0)
  return timesteps(patronus.info.config.timesteps, steps).length + edits * runs
}

/**
 * The level to invert to: the smallest from which on, up to pure noise, an edit keeps `share` of the full one's strength, linear between
 * the levels measured. `null` when the full edit does not surely change its target. Three quarters, because on faces of avatars64 such
 * an edit takes about two thirds of the steps and, at one change of its target, mostly changes 10 to 50 % less of the rest; at nine
 * tenths about half of that gain is left (patronus emergence --compare).
 */
export function adviseDepth({ t, strength }: StrengthCurve, share = 0.75): number | null {
  if (strength.length === 0) return null
  let at = strength.length - 1
  while (at > 0 && strength[at - 1] >= share) at--
  const [from, low] = at > 0 ? [t[at - 1], strength[at - 1]] : [0, 0]
  return Math.ceil(from + ((share - low) / (strength[at] - low)) * (t[at] - from))
}
