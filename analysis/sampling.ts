/** Runs of a loaded checkpoint along the noise schedule: to noise, back to a picture, and over s itself. Pictures are -1…1 here. */
import type { Patronus } from '../engine/patronus.ts'
import { ddim } from '../model/ddim.ts'
import type { Step } from '../model/denoiser.ts'
import { diffuse } from '../model/diffuse.ts'
import { invert } from '../model/invert.ts'
import { gaussian } from '../model/noise.ts'
import { fromPrior, samplePrior, type PriorMethod } from '../model/prior-sampling.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { repeat, type Tensor } from '../model/tensor.ts'
import { checkActivations } from './ranges.ts'

/** x at level t of the noise schedule, 0 … T-1; T-1 is pure noise. */
export type Level = { readonly x: Tensor; readonly t: number }

/** What a caller may do after every step of the network; awaited, and throwing stops the run. */
export type Hooks = { readonly onStep?: (done: number, total: number, x0: Tensor) => Promise<void> | void }

/** Whether a step belongs to a record of at most about 100 frames: evenly spread, last one included. Longer records would fill the memory. */
export const isFrame = (index: number, count: number): boolean => index % Math.ceil(count / 100) === 0 || index === count - 1

/** The timesteps a run of K steps visits below `t`, and `t` itself: ascending. */
export const timesUpTo = (T: number, steps: number, t: number): number[] => [...timesteps(T, steps).filter(time => time < t), t]

/** Of the timesteps that K steps visit, the one nearest to `level`, but never the first: a partial inversion takes a step at least. */
export function nearestTime(T: number, steps: number, level: number): number {
  const [, ...times] = timesteps(T, steps)
  return times.reduce((best, time) => (Math.abs(time - level) < Math.abs(best - level) ? time : best), times[0] ?? T - 1)
}

/**
 * DDIM inversion of x0 [B,H,W,C] under s [B,m] or [1,m] (spec section 3). `stopAt` below T-1 ends at the visited timestep nearest to
 * it, ready to be sampled from there: a partial edit. Otherwise it ends in pure noise.
 */
export async function invertImages(
  patronus: Patronus,
  x0: Tensor,
  s: Tensor,
  { steps, stopAt }: { steps: number; stopAt?: number },
  { onStep }: Hooks = {},
): Promise<Level> {
  const T = patronus.info.config.timesteps
  const to = stopAt === undefined || stopAt >= T - 1 || steps < 2 ? undefined : nearestTime(T, steps, stopAt)
  let x = x0
  for await (const step of invert(patronus.denoiser(s), x0, linearSchedule(T), timesteps(T, steps), { to })) {
    x = step.x
    await onStep?.(step.index + 1, step.count, step.x0)
  }
  return { x, t: to ?? T - 1 }
}

/**
 * The same inversion, kept at several levels on its way: x at each of `stops`, visited timesteps in any order; T-1 is pure noise.
 */
export async function invertThrough(
  patronus: Patronus,
  x0: Tensor,
  s: Tensor,
  { steps, stops }: { steps: number; stops: readonly number[] },
  { onStep }: Hooks = {},
): Promise<Level[]> {
  const T = patronus.info.config.timesteps
  const times = timesteps(T, steps)
  const reached = new Map<number, Tensor>()
  for await (const step of invert(patronus.denoiser(s), x0, linearSchedule(T), times)) {
    reached.set(times[step.index + 1] ?? T - 1, step.x)
    for (const t of reached.keys()) if (!stops.includes(t)) reached.delete(t)
    await onStep?.(step.index + 1, step.count, step.x0)
  }
  return stops.map(t => {
    const x = reached.get(t)
    if (!x) throw new Error(`inversion: timestep ${t} is not one of the ${times.length} that it visits after its first`)
    return { x, t }
  })
}

export type SampleOptions = { readonly steps: number; readonly eta?: number; readonly seed?: number }

/**
 * Strided DDIM from a level of the schedule to the picture. One x for many s, or one s for many x, is used for all of them; the
 * last step's x is the picture. `steps` counts over the whole schedule: from half way down about half of them are taken.
 */
export function sampleFrom(
  patronus: Patronus,
  { x, t }: Level,
  s: Tensor,
  { steps, eta = 0, seed = 0 }: SampleOptions,
): AsyncGenerator<Step, void, void> {
  const { config } = patronus.info
  checkActivations(s, patronus.info)
  const start = sameBatch(x, s.shape[0])
  checkSize(start, patronus)
  const noise = (step: number) => gaussian(start.shape, seed + (step + 1) * 2 ** 32) // the seed's own low bits stay as they are
  return ddim(patronus.denoiser(s), start, linearSchedule(config.timesteps), timesUpTo(config.timesteps, steps, t), {
    eta,
    noise,
  })
}

function sameBatch(x: Tensor, count: number): Tensor {
  const B = x.shape[0]
  if (B === count || count === 1) return x
  if (B === 1) return repeat(x, count)
  throw new Error(`noise holds ${B} images, but the activations are of ${count}; both need the same number, or one of them 1`)
}

function checkSize({ shape }: Tensor, { info }: Patronus): void {
  const { height, width, channels } = info.config.image
  if (shape.length !== 4 || shape[1] !== height || shape[2] !== width || shape[3] !== channels)
    throw new Error(
      `noise should be [B,${height},${width},${channels}] for "${info.name}", got [${shape}]; make it with the same checkpoint`,
    )
}

/** A picture noised to level `t` with given noise: where a partial edit can start without an inversion (SDEdit, arXiv:2108.01073). */
export function noised(patronus: Patronus, x0: Tensor, noise: Tensor, t: number): Level {
  checkSize(noise, patronus)
  const eps = sameBatch(noise, x0.shape[0])
  const { alphaBar } = linearSchedule(patronus.info.config.timesteps)
  return { x: diffuse(sameBatch(x0, eps.shape[0]), eps, alphaBar[t]), t }
}

/**
 * `count` activation vectors from the prior, [count,m], as the network wants them (de-standardised; spec section 5). `steps` is for
 * the textbook DDIM only: the authors' two samplers walk every timestep of the prior.
 */
export async function sampleActivations(
  patronus: Patronus,
  { count, seed, steps, method }: { count: number; seed: number; steps: number; method: PriorMethod },
  onStep?: (done: number, total: number) => Promise<void> | void,
): Promise<Tensor> {
  const { prior, info } = patronus
  if (!prior || !info.prior)
    throw new Error(`"${info.name}" has no prior: it cannot make activations from nothing; encode an image instead`)
  const schedule = linearSchedule(info.prior.timesteps)
  const shape = [count, info.config.prototypes.count]
  const noise = (step: number) => gaussian(shape, seed + (step + 1) * 2 ** 32)
  let x = gaussian(shape, seed)
  const run =
    method === 'ddim'
      ? ddim(prior, x, schedule, timesteps(schedule.T, steps))
      : samplePrior(prior, x, schedule, method, { noise })
  for await (const step of run) {
    x = step.x
    await onStep?.(step.index + 1, step.count)
  }
  return fromPrior(info.prior, x)
}
