import type { TrainingConfig } from './config.ts'

/** When a run ends and from which step on its rates fall. Fixed in the run's state, so that a resumed run keeps to it. */
export type Plan = {
  readonly steps: number
  readonly decayFrom: number
  /** Steps that the config asked for when the plan was made: a run resumed with another number gets a new plan. */
  readonly asked: number
}

export const planOf = ({ steps, rates }: Pick<TrainingConfig, 'steps' | 'rates'>): Plan => ({
  steps,
  decayFrom: Math.round(steps * (1 - rates.decay)),
  asked: steps,
})

/** Factor of the learning rates at 0-based `step`: a linear rise, constant, then a half cosine down to `floor`. */
export function rateFactor({ warmup, floor }: TrainingConfig['rates'], { steps, decayFrom }: Plan, step: number): number {
  const rise = Math.min(1, (step + 1) / Math.max(1, warmup))
  if (step < decayFrom) return rise
  const done = Math.min(1, (step - decayFrom) / Math.max(1, steps - decayFrom))
  return rise * (floor + ((1 - floor) * (1 + Math.cos(Math.PI * done))) / 2)
}

/** Decay of the averaged weights at 0-based `step`: short memory at first, so that the random start is forgotten. */
export const emaDecay = (decay: number, step: number): number => Math.min(decay, (1 + step) / (10 + step))

/**
 * The plan of a run that must be over in `secondsLeft`: unchanged while there is time, else what still fits, with its last
 * part of `decay` falling. Returns nothing as long as the falling part need not begin yet.
 */
export function planToFinish(
  decay: number,
  step: number,
  secondsLeft: number,
  secondsPerStep: number,
  current: Plan,
): Plan | undefined {
  const fits = step + Math.max(0, Math.floor(secondsLeft / secondsPerStep))
  if (fits >= current.steps || step < fits * (1 - decay)) return undefined
  return { steps: Math.max(fits, step + 1), decayFrom: step, asked: current.asked }
}
