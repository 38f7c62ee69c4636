import type { Prompt } from '../workflows/types.ts'
import { BadRequest } from './problem.ts'
import type { HistoryEntry, Store } from './store.ts'

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
  /** The next of the numbers that jobs are ordered by: 0, 1, 2 …, going on where they ended before a restart. */
  nextNumber(): Promise<number>
  /**
   * Once this resolves the job is not lost any more, whatever happens to this process. Refuses the id of one that is there, and
   * what finds no room: that is looked at in the moment of adding, so that of many that come at once not one too many is taken.
   */
  add(job: Job): Promise<void>
  /** Throws what `add` would if nothing more finds room: a look before the work of making a job. */
  checkRoom(): Promise<void>
  /** The next job, which then counts as running until `finish`; waits for one; undefined once the queue is closed. */
  take(): Promise<Job | undefined>
  /** Ends a running job and remembers how, both or neither. */
  finish(promptId: string, entry?: HistoryEntry): Promise<void>
  /** Puts a running job back to where it waited, as if it had not been begun. */
  release(promptId: string): Promise<void>
  /** In no particular order. */
  pending(): Promise<readonly Job[]>
  running(): Promise<readonly Job[]>
  /** Jobs that were running when the process before this one died. */
  readonly stalled: number
  /** How many there are, without reading them. */
  count(): Promise<{ readonly pending: number; readonly running: number }>
  /** Whether a job of that id waits or runs. */
  has(promptId: string): Promise<boolean>
  /** Takes those of `ids` that still wait out of the queue, all of them without `ids`; returns the jobs it took. */
  remove(ids?: readonly string[]): Promise<readonly Job[]>
  /** Nothing is taken any more. */
  close(): void
}

/** What may wait: jobs, and bytes of them as JSON. What is put back is not counted anew: it was acknowledged. */
export type Room = { readonly jobs: number; readonly bytes: number }
export const defaultRoom: Room = { jobs: 1000, bytes: 256 << 20 }

/** Throws unless a job of `bytes` finds room beside what waits. */
export function checkRoom(room: Room, waiting: Room, bytes: number): void {
  const megabytes = (count: number) => `${Math.ceil(count / (1 << 20))} MB`
  if (bytes > room.bytes)
    throw new BadRequest(
      'graph_too_large',
      `The graph has ${megabytes(bytes)}, and all that wait together may have ${megabytes(room.bytes)}; make it smaller, or start the server with a larger --queue-size-limit`,
      413,
    )
  if (waiting.jobs >= room.jobs)
    throw new BadRequest('queue_full', `${room.jobs} jobs wait already; try again when some are done`, 429)
  if (waiting.bytes + bytes > room.bytes)
    throw new BadRequest(
      'queue_full',
      `The graphs that wait have ${megabytes(waiting.bytes)} of the ${megabytes(room.bytes)} they may have; try again when some are done`,
      429,
    )
}

export const usedBefore = (promptId: string) =>
  new BadRequest('invalid_prompt_id', `prompt_id ${promptId} was used before; leave it out to get a new one`)

/** A queue in the memory of this process. */
export function createMemoryQueue(store: Pick<Store, 'add'>, room = defaultRoom): JobQueue {
  let waiting: Job[] = []
  const running = new Map<string, Job>()
  const bell = createBell()
  let counter = 0
  const sizes = new WeakMap<Job, number>()
  const taken = (): Room => ({ jobs: waiting.length, bytes: waiting.reduce((sum, job) => sum + sizes.get(job)!, 0) })

  const next = (): Job | undefined => {
    const job = waiting.reduce<Job | undefined>((first, job) => (first && first.number <= job.number ? first : job), undefined)
    if (job) waiting = waiting.filter(other => other !== job)
    return job
  }
  return {
    nextNumber: async () => counter++,
    add: async job => {
      if (running.has(job.promptId) || waiting.some(({ promptId }) => promptId === job.promptId)) throw usedBefore(job.promptId)
      sizes.set(job, Buffer.byteLength(JSON.stringify(job)))
      checkRoom(room, taken(), sizes.get(job)!)
      waiting.push(job)
      bell.ring()
    },
    checkRoom: async () => checkRoom(room, taken(), 1),
    take: () =>
      bell.wait(() => {
        const job = next()
        if (job) running.set(job.promptId, job)
        return job
      }),
    finish: async (promptId, entry) => {
      if (entry) await store.add(entry)
      running.delete(promptId)
    },
    release: async promptId => {
      const job = running.get(promptId)
      running.delete(promptId)
      if (job) waiting.unshift(job)
      bell.ring()
    },
    stalled: 0,
    pending: async () => [...waiting],
    running: async () => [...running.values()],
    count: async () => ({ pending: waiting.length, running: running.size }),
    has: async promptId => running.has(promptId) || waiting.some(job => job.promptId === promptId),
    remove: async ids => {
      const taken = waiting.filter(job => !ids || ids.includes(job.promptId))
      waiting = waiting.filter(job => !taken.includes(job))
      return taken
    },
    close: bell.close,
  }
}

/** Lets one reader wait for what somebody else brings. */
export function createBell() {
  let wake: (() => void) | undefined
  let closed = false
  return {
    ring: () => wake?.(),
    /** What `look` finds, now or after a ring; undefined once closed. */
    wait: async <T>(look: () => T | undefined): Promise<T | undefined> => {
      while (!closed) {
        const found = look()
        if (found !== undefined) return found
        await new Promise<void>(resolve => (wake = resolve))
      }
      return undefined
    },
    close: () => {
      closed = true
      wake?.()
    },
  }
}
