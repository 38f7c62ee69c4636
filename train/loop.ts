import type { Feed } from '../engine/compile.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Knobs, Trainer } from './optimizer.ts'
import { duration, pace, type jsonLog, type Reporter } from './progress.ts'
import { planToFinish, type Plan } from './schedule.ts'
import { writeState, type TrainingState } from './state.ts'

/** The loop that every kind of training shares: draw, step, log, save. It knows no network. */

/** A recorded step and how to feed it. */
export type Stage = {
  readonly trainer: Trainer
  /** The batch of 0-based `step`; a pure function of the step. */
  feed(step: number): Feed | Promise<Feed>
  /** What a log line says about a step besides its loss. */
  describe(outputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, number>>
  dispose(): Promise<void>
}

export type LoopOptions = {
  /** Where the state is saved. */
  readonly path: string
  readonly log: ReturnType<typeof jsonLog>
  readonly reporter: Reporter
  readonly every: { readonly log: number; readonly checkpoint: number; readonly sheet: number }
  /** First step that is not this stage's, given the plan (which `finishBy` may shorten). */
  until(plan: Plan): number
  knobs(step: number, plan: Plan): Omit<Knobs, 'step'>
  /** Fraction of the run over which rates fall; used when `finishBy` makes the plan. */
  readonly decay: number
  readonly signal?: AbortSignal
  /** Stop, saved and resumable, at this time (ms since 1970). */
  readonly stopAt?: number
  /** Be finished by this time: shortens the plan so that the falling part of the rates still fits. */
  readonly finishBy?: number
  sheet?(state: TrainingState): Promise<void>
}

/** Thrown when a run was stopped before its end; everything is saved. */
export class Stopped extends Error {
  readonly step: number
  constructor(step: number, why: string) {
    super(`stopped at step ${step} (${why}); everything is saved, resume to go on`)
    this.step = step
  }
}

/** Trains from `start` to the end of the stage. The state is saved at its end, every so often, and when it is stopped. */
export async function runLoop(start: TrainingState, stage: Stage, options: LoopOptions): Promise<TrainingState> {
  const { path, log, reporter, every, until, signal, stopAt = Infinity } = options
  const speed = pace()
  let state = start,
    read = start.step,
    saved = start.step
  /** The state with the weights as they are now; the engine holds them between steps. */
  const current = async (): Promise<TrainingState> => {
    if (read !== state.step) state = { ...state, moving: await stage.trainer.read(state.moving) }
    read = state.step
    return state
  }
  const save = async () => {
    if (saved !== state.step) await writeState(path, await current())
    saved = state.step
  }
  while (state.step < until(state.plan)) {
    const why = signal?.aborted ? 'asked to' : Date.now() >= stopAt ? 'time is up' : undefined
    if (why) {
      await save()
      throw new Stopped(state.step, why)
    }
    const began = performance.now()
    const outputs = await stage.trainer.step(await stage.feed(state.step), {
      step: state.step + 1,
      ...options.knobs(state.step, state.plan),
    })
    const seconds = (performance.now() - began) / 1000,
      loss = outputs.loss.data[0]
    if (!Number.isFinite(loss))
      throw new Error(
        `step ${state.step + 1}: the loss is ${loss}. Lower the rates, or look at the data; the last good state is step ${saved} in ${path}`,
      )
    speed.note(seconds)
    state = replanned({ ...state, step: state.step + 1, seconds: state.seconds + seconds }, speed.seconds, options)
    reporter.step(state.step, state.plan.steps, statusLine(loss, speed.seconds, state))
    if (state.step % every.log === 0)
      await log.append({
        step: state.step,
        loss,
        ...stage.describe(outputs),
        seconds: round(state.seconds),
        perStep: round(seconds),
      })
    if (state.step % every.checkpoint === 0) await save()
    if (state.step % every.sheet === 0) await options.sheet?.(await current())
    // A real turn of the event loop: signals and timers get through even when every step computes synchronously.
    await new Promise(setImmediate)
  }
  await save()
  return current()
}

function replanned(state: TrainingState, secondsPerStep: number, { finishBy, decay, reporter }: LoopOptions): TrainingState {
  if (finishBy === undefined || state.step >= state.plan.decayFrom) return state
  const plan = planToFinish(decay, state.step, (finishBy - Date.now()) / 1000, secondsPerStep, state.plan)
  if (!plan) return state
  reporter.say(`to be done in time the run now ends at step ${plan.steps}; rates fall from here on`)
  return { ...state, plan }
}

const statusLine = (loss: number, secondsPerStep: number, { step, plan }: TrainingState): string =>
  `loss ${loss.toFixed(4)}  ${(secondsPerStep * 1000).toFixed(0)} ms/step  ${duration(secondsPerStep * (plan.steps - step))} left`

const round = (value: number): number => Math.round(value * 1000) / 1000
