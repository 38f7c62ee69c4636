/**
 * Partial edits (spec section 6.7): a picture is led only part of the way to noise, under its own s, and back under an edited s. The
 * part that was not unmade stays as it was, and the steps not taken are time saved.
 */
import type { Patronus } from '../engine/patronus.ts'
import { timesteps } from '../model/schedule.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { batches, wantPictures } from './batches.ts'
import { invertImages, nearestTime, sampleFrom, timesUpTo, type Hooks, type Level } from './sampling.ts'

export type PartialEditOptions = {
  /** K over the whole schedule. */
  readonly steps: number
  /** Timestep to invert to; the visited one nearest to it is taken. T-1 is the full edit. */
  readonly depth: number
  /** Also rebuilds the pictures from there under their own s: what the way to and fro does without an edit. */
  readonly control?: boolean
  /** Pictures a network call. */
  readonly batch?: number
}

/** What pictures hold and what they shall hold: their own activations and the edited ones, [B,m] both. */
export type Change = { readonly s: Tensor; readonly edited: Tensor }

export type PartialEdit = {
  /** [B,H,W,C], about -1…1. */
  readonly images: Tensor
  readonly control?: Tensor
  /** The level the pictures were inverted to. */
  readonly t: number
}

/** x0 [B,H,W,C] -1…1. */
export async function partialEdit(
  patronus: Patronus,
  x0: Tensor,
  { s, edited }: Change,
  { steps, depth, control: hasControl = false, batch = 16 }: PartialEditOptions,
  { onStep }: Hooks = {},
): Promise<PartialEdit> {
  const t = levelOf(patronus, steps, depth)
  const { inversion, sampling } = stepsOf(patronus, steps, t)
  const total = Math.ceil(x0.shape[0] / batch) * (inversion + sampling * (hasControl ? 2 : 1))
  let done = 0
  const told: Hooks = { onStep: (_, __, x) => onStep?.(++done, total, x) }
  const levels = await leadBack(patronus, x0, s, { steps, depth: t, batch }, told)
  const images = await bringForward(patronus, levels, edited, steps, told)
  return { images, ...(hasControl && { control: await bringForward(patronus, levels, s, steps, told) }), t }
}

/** Pictures led to a level under their own s, a batch at a time. */
export async function leadBack(
  patronus: Patronus,
  x0: Tensor,
  s: Tensor,
  { steps, depth, batch = 16 }: Omit<PartialEditOptions, 'control'>,
  hooks: Hooks = {},
): Promise<Level[]> {
  wantPictures('partial edit', x0)
  const levels: Level[] = []
  const own = batches(s, batch)
  for (const [b, part] of batches(x0, batch).entries())
    levels.push(await invertImages(patronus, part, own[b], { steps, stopAt: depth }, hooks))
  return levels
}

/** The pictures [B,H,W,C] that those levels end in under s [B,m]. */
export async function bringForward(
  patronus: Patronus,
  levels: readonly Level[],
  s: Tensor,
  steps: number,
  hooks: Hooks = {},
): Promise<Tensor> {
  const images: Tensor[] = []
  let from = 0
  for (const level of levels) {
    const to = from + level.x.shape[0]
    images.push(await finished(patronus, level, rows(s, from, to), steps, hooks))
    from = to
  }
  return concat(images)
}

/** The visited timestep that an inversion to `depth` ends at. */
export function levelOf({ info }: Patronus, steps: number, depth: number): number {
  const last = info.config.timesteps - 1
  return depth >= last ? last : nearestTime(info.config.timesteps, steps, depth)
}

/** Network calls a picture: to a level and back. */
export function stepsOf({ info }: Patronus, steps: number, t: number): { inversion: number; sampling: number } {
  const T = info.config.timesteps
  const times = timesteps(T, steps)
  return { inversion: t < T - 1 ? times.indexOf(t) : times.length, sampling: timesUpTo(T, steps, t).length }
}

/** The picture that a run from `level` under s ends in. */
export async function finished(
  patronus: Patronus,
  level: Level,
  s: Tensor,
  steps: number,
  { onStep }: Hooks = {},
): Promise<Tensor> {
  let { x } = level
  for await (const step of sampleFrom(patronus, level, s, { steps })) {
    x = step.x
    await onStep?.(step.index + 1, step.count, step.x0)
  }
  return x
}

/**
 * What an edit did to what it was meant to change, for each picture: the rise of ŝ over s, summed over the prototypes that `edited`
 * changes, a fall counting as a rise where a fall was asked for. In units of s.
 */
export function changeOf(s: Tensor, edited: Tensor, after: Tensor): number[] {
  const [B, m] = s.shape
  return Array.from({ length: B }, (_, b) => {
    let sum = 0
    for (let i = b * m; i < (b + 1) * m; i++) sum += Math.sign(edited.data[i] - s.data[i]) * (after.data[i] - s.data[i])
    return sum
  })
}
