import { Worker } from 'node:worker_threads'
import { linearSchedule } from '../model/schedule.ts'
import { drawNoise, type NoiseDraw } from './batches.ts'

/** Where a step's noise comes from. A draw is a pure function of (seed, step), whoever makes it. */
export type Draws = { at(step: number): NoiseDraw | Promise<NoiseDraw>; dispose(): Promise<void> }
export type DrawsOf = {
  readonly timesteps: number
  readonly shape: readonly number[]
  readonly seed: number
  /** Noise levels that t is drawn from; absent = all that are trained. */
  readonly levels?: readonly [number, number]
}
export type DrawRequest = DrawsOf & { readonly step: number }

/** Drawn when asked for. */
export function drawsNow({ timesteps, shape, seed, levels }: DrawsOf): Draws {
  const schedule = linearSchedule(timesteps)
  return { at: step => drawNoise(schedule, shape, seed, step, levels), dispose: async () => {} }
}

/** Threads, and draws under way or waiting at any time. */
const threads = 2,
  ahead = 4

/**
 * Drawn ahead, in threads of their own: on a GPU the draws of a batch take as long as the step that uses them. Steps are
 * asked for in order; a jump costs a wait.
 */
export function drawsAhead(of: DrawsOf): Draws {
  const waiting = new Map<number, PromiseWithReject<NoiseDraw>>()
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./draw-worker.js', import.meta.url), { execArgv: [] }),
  )
  let broken: Error | undefined
  const fail = (error: Error) => {
    broken = error
    waiting.forEach(({ reject }) => reject(error))
  }
  for (const worker of workers)
    worker
      .on('message', ({ step, draw }: { step: number; draw: NoiseDraw }) => waiting.get(step)?.resolve(draw))
      .on('error', fail)
  const ask = (step: number) => {
    if (waiting.has(step)) return
    waiting.set(step, promise())
    workers[step % threads].postMessage({ ...of, step } satisfies DrawRequest)
  }
  return {
    async at(step) {
      if (broken) throw broken
      for (let next = step; next < step + ahead; next++) ask(next)
      const draw = await waiting.get(step)!.promise
      for (const old of waiting.keys()) if (old <= step) waiting.delete(old)
      return draw
    },
    dispose: async () => void (await Promise.all(workers.map(worker => worker.terminate()))),
  }
}

type PromiseWithReject<T> = { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void }

function promise<T>(): PromiseWithReject<T> {
  let resolve!: (value: T) => void, reject!: (error: Error) => void
  const made = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  made.catch(() => {}) // a step that nobody comes to wait for
  return { promise: made, resolve, reject }
}
