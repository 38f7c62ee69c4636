import { setTimeout as sleep } from 'node:timers/promises'
import { isDiskFault } from './disk.ts'
import type { NodeProgress, ServerMessage } from './protocol.ts'
import type { Job, JobQueue } from './queue.ts'
import type { Runner, RunEvent } from './runner.ts'
import type { PreviewFrame } from './frames.ts'
import type { Sockets } from './socket.ts'
import type { HistoryEntry } from './store.ts'

export type Runs = {
  submit(job: Job): Promise<void>
  /** Ends the running job: any, or only that of this id. True when there was one. */
  interrupt(promptId?: string): Promise<boolean>
  /** Takes waiting jobs out of the queue, all of them without ids; how many there were. */
  remove(promptIds?: readonly string[]): Promise<number>
  remaining(): Promise<number>
  /** What a client that comes back missed of its running job. */
  resume(clientId: string): { messages: readonly ServerMessage[]; frame?: PreviewFrame } | undefined
  /**
   * Takes nothing new and gives the running job `grace` ms to end. One that has not ended then goes back to where it waited, and
   * the next start runs it under the same id: whoever waits for it still gets it. Resolves when nothing runs.
   */
  close(how?: { readonly grace?: number }): Promise<void>
}

type Parts = {
  readonly queue: JobQueue
  readonly runner: Runner
  sockets(): Sockets
  log(message: string, data?: object): void
  warn(message: string, data?: object): void
}
type Current = {
  readonly job: Job
  readonly messages: [string, Record<string, unknown>][]
  /** The node that was last announced. */
  executing?: Extract<ServerMessage, { type: 'executing' }>
  nodes?: Record<string, NodeProgress>
  frame?: PreviewFrame
  /** To be ended, be it before it was handed to the runner. */
  isStopped?: boolean
  /** Ended by us, not by anybody who asked for that: it is to go on later. */
  isPutOff?: boolean
}

/** Takes jobs from the queue one after the other, has them run, and tells those who asked for them. */
export function createRuns({ queue, runner, sockets, log, warn }: Parts): Runs {
  let current: Current | undefined
  let closed = false
  let shut = () => {}
  /** `work`, or nothing once this is closed. No race with a promise that stays: that one would remember every job there ever was. */
  const unlessClosed = <T>(work: Promise<T>): Promise<T | void> =>
    new Promise((resolve, reject) => {
      if (closed) return resolve()
      shut = resolve
      work.then(resolve, reject)
    })

  const remaining = async () => {
    const { pending, running } = await queue.count()
    return pending + running
  }
  const announce = async (coming = 0) =>
    sockets().send({ type: 'status', data: { status: { exec_info: { queue_remaining: (await remaining()) + coming } } } })

  /** ComfyUI's rule: a job's messages go to its client; only an interruption is told to everybody when there is none. */
  const tell = (run: Current, message: ServerMessage) => {
    // What was blocked on purpose is told, but is no part of how the job went.
    const isBlocked = message.type === 'execution_error' && message.data.exception_type === 'ExecutionBlocked'
    if (message.type.startsWith('execution_') && !isBlocked)
      run.messages.push([message.type, message.data as Record<string, unknown>])
    if (message.type === 'executing' && message.data.node !== null) run.executing = message
    if (message.type === 'progress_state') run.nodes = message.data.nodes
    const { clientId } = run.job
    if (clientId === undefined) return message.type === 'execution_interrupted' ? sockets().send(message) : undefined
    if (message.type === 'patronus.activations') sockets().sendIfIdle(message, clientId)
    else sockets().send(message, clientId)
  }
  const hear = (run: Current, event: RunEvent) => {
    // Who hears of an interruption takes the job for ended; this one will go on.
    if (event.kind === 'message') return isLastWord(run, event.message) ? undefined : tell(run, event.message)
    run.frame = event.frame
    if (run.job.clientId !== undefined) sockets().preview(event.frame, run.job.clientId)
  }

  const runOne = async (job: Job) => {
    const run: Current = { job, messages: [] }
    current = run
    // As many as before, but one of them runs now: pages read their lists anew when they hear it.
    await announce().catch(error => warn('that a job began could not be told', { error: String(error) }))
    const running = runner.run(job, event => hear(run, event))
    if (run.isStopped) runner.cancel(job.promptId)
    const { status, outputs } = await running
    if (run.isPutOff && status === 'interrupted') {
      await insist('putting off a job', () => queue.release(job.promptId))
      return log('job waits for the next start', { prompt_id: job.promptId })
    }
    const completed = status === 'success'
    await finish({ job, outputs, status: { status_str: completed ? 'success' : 'error', completed, messages: run.messages } })
    current = undefined
    await announce()
    // Clients ask for the history the moment they see this.
    if (job.clientId !== undefined)
      sockets().send({ type: 'executing', data: { node: null, prompt_id: job.promptId } }, job.clientId)
  }
  const stop = (run: Current) => {
    run.isStopped = true
    runner.cancel(run.job.promptId)
  }
  /** A disk that is full now has space later: what must be written is tried until it is, or the server stops. */
  const insist = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries++)
      try {
        return await work()
      } catch (error) {
        if (!isDiskFault(error) || closed) throw error
        if (tries === 0) warn(`${what} failed; it is tried again until it works`, { error: String(error) })
        await sleep(Math.min(1000, 50 * 2 ** tries))
      }
  }
  /** What cannot be written down for another reason costs this job its history, never the jobs after it. */
  const finish = async (entry: HistoryEntry): Promise<void> => {
    const { promptId } = entry.job
    await insist('finishing a job', () => queue.finish(promptId, entry)).catch(async (error: unknown) => {
      warn('how a job ended could not be kept', { prompt_id: promptId, error: String(error) })
      if (!isDiskFault(error)) await queue.finish(promptId)
    })
  }
  const next = async (): Promise<Job | undefined> => {
    await unlessClosed(runner.ready())
    return closed ? undefined : insist('taking a job', () => queue.take())
  }
  const loop = async () => {
    while (!closed)
      try {
        const job = await next()
        if (job && closed) await queue.release(job.promptId)
        else if (job) await runOne(job)
      } catch (error) {
        warn('a job could not be run to its end', { prompt_id: current?.job.promptId, error: String(error) })
        await unlessClosed(sleep(1000, undefined, { ref: false }))
      } finally {
        current = undefined
      }
  }
  const looping = loop()

  return {
    submit: async job => {
      // Told first: the job may begin the moment it is in the queue.
      await announce(1)
      try {
        await queue.add(job)
      } catch (error) {
        await announce()
        throw error
      }
    },
    interrupt: async promptId => {
      if (!current || (promptId !== undefined && current.job.promptId !== promptId)) return false
      current.isPutOff = false
      stop(current)
      return true
    },
    remove: async promptIds => {
      const removed = await queue.remove(promptIds)
      if (removed.length > 0) await announce()
      return removed.length
    },
    remaining,
    resume: clientId => {
      if (!current || current.job.clientId !== clientId) return undefined
      const { job, executing, nodes, frame } = current
      const messages: ServerMessage[] = []
      if (nodes) messages.push({ type: 'progress_state', data: { prompt_id: job.promptId, nodes } })
      if (executing) messages.push(executing)
      return { messages, frame }
    },
    close: async ({ grace = 0 } = {}) => {
      closed = true
      shut()
      queue.close()
      if (current && grace > 0) await Promise.race([looping, sleep(grace, undefined, { ref: false })])
      if (current) {
        current.isPutOff = true
        stop(current)
      }
      await looping
    },
  }
}

const isLastWord = (run: Current, message: ServerMessage): boolean =>
  run.isPutOff === true && message.type === 'execution_interrupted'
