import type { Prompt } from '../workflows/types.ts'

/** A graph that was checked and waits to be run, or runs. Plain data: it crosses to the worker, and one day to other machines. */
export type Job = {
  /** Lower runs first. */
  readonly number: number
  readonly promptId: string
  readonly prompt: Prompt
  readonly extraData: Readonly<Record<string, unknown>>
  /** The output nodes that are to be run. */
  readonly outputs: readonly string[]
  /** Who is told about it; absent when nobody asked. */
  readonly clientId?: string
}

/** What waits and what runs. Asynchronous because one day it may live in Redis; this process is then one reader of many. */
export type JobQueue = {
  add(job: Job): Promise<void>
  /** The next job, which then counts as running until `finish`; waits for one; undefined once the queue is closed. */
  take(): Promise<Job | undefined>
  finish(promptId: string): Promise<void>
  /** In no particular order. */
  pending(): Promise<readonly Job[]>
  running(): Promise<readonly Job[]>
  /** Takes those of `ids` that still wait out of the queue, all of them without `ids`; returns the jobs it took. */
  remove(ids?: readonly string[]): Promise<readonly Job[]>
  close(): void
}

/** A queue in the memory of this process. */
export function createMemoryQueue(): JobQueue {
  let waiting: Job[] = []
  const running = new Map<string, Job>()
  let wake: (() => void) | undefined
  let closed = false

  const next = (): Job | undefined => {
    const job = waiting.reduce<Job | undefined>((first, job) => (first && first.number <= job.number ? first : job), undefined)
    if (job) waiting = waiting.filter(other => other !== job)
    return job
  }
  return {
    add: async job => {
      waiting.push(job)
      wake?.()
    },
    take: async () => {
      while (!closed) {
        const job = next()
        if (job) {
          running.set(job.promptId, job)
          return job
        }
        await new Promise<void>(resolve => (wake = resolve))
      }
      return undefined
    },
    finish: async promptId => void running.delete(promptId),
    pending: async () => [...waiting],
    running: async () => [...running.values()],
    remove: async ids => {
      const taken = waiting.filter(job => !ids || ids.includes(job.promptId))
      waiting = waiting.filter(job => !taken.includes(job))
      return taken
    },
    close: () => {
      closed = true
      wake?.()
    },
  }
}
