import type { NodeProgress, ServerMessage } from './protocol.ts'
import type { Job, JobQueue } from './queue.ts'
import type { Runner, RunEvent } from './runner.ts'
import type { PreviewFrame } from './frames.ts'
import type { Sockets } from './socket.ts'
import type { Store } from './store.ts'

export type Runs = {
  submit(job: Job): Promise<void>
  /** Ends the running job: any, or only that of this id. True when there was one. */
  interrupt(promptId?: string): Promise<boolean>
  /** Takes waiting jobs out of the queue, all of them without ids; how many there were. */
  remove(promptIds?: readonly string[]): Promise<number>
  remaining(): Promise<number>
  /** What a client that comes back missed of its running job. */
  resume(clientId: string): { messages: readonly ServerMessage[]; frame?: PreviewFrame } | undefined
  /** Takes nothing new, and interrupts what still runs after `grace` ms (default 0); resolves when the last job has ended. */
  close(options?: { readonly grace?: number }): Promise<void>
}

type Parts = {
  readonly queue: JobQueue
  readonly store: Store
  readonly runner: Runner
  sockets(): Sockets
  log(message: string, data?: object): void
}
type Current = {
  readonly job: Job
  readonly messages: [string, Record<string, unknown>][]
  node?: string
  nodes?: Record<string, NodeProgress>
  frame?: PreviewFrame
}

/** Takes jobs from the queue one after the other, has them run, and tells those who asked for them. */
export function createRuns({ queue, store, runner, sockets, log }: Parts): Runs {
  let current: Current | undefined
  let closed = false

  const remaining = async () => (await queue.pending()).length + (await queue.running()).length
  const announce = async (coming = 0) =>
    sockets().send({ type: 'status', data: { status: { exec_info: { queue_remaining: (await remaining()) + coming } } } })

  /** ComfyUI's rule: a job's messages go to its client; only an interruption is told to everybody when there is none. */
  const tell = (run: Current, message: ServerMessage) => {
    if (message.type.startsWith('execution_')) run.messages.push([message.type, message.data as Record<string, unknown>])
    if (message.type === 'executing' && message.data.node !== null) run.node = message.data.node
    if (message.type === 'progress_state') run.nodes = message.data.nodes
    const { clientId } = run.job
    if (clientId === undefined) return message.type === 'execution_interrupted' ? sockets().send(message) : undefined
    if (message.type === 'patronus.activations') sockets().sendIfIdle(message, clientId)
    else sockets().send(message, clientId)
  }
  const hear = (run: Current, event: RunEvent) => {
    if (event.kind === 'message') return tell(run, event.message)
    run.frame = event.frame
    if (run.job.clientId !== undefined) sockets().preview(event.frame, run.job.clientId)
  }

  const runOne = async (job: Job) => {
    const run: Current = { job, messages: [] }
    current = run
    const { status, outputs } = await runner.run(job, event => hear(run, event))
    const completed = status === 'success'
    await store.add({ job, outputs, status: { status_str: completed ? 'success' : 'error', completed, messages: run.messages } })
    current = undefined
    await queue.finish(job.promptId)
    await announce()
    // Clients ask for the history the moment they see this.
    if (job.clientId !== undefined)
      sockets().send({ type: 'executing', data: { node: null, prompt_id: job.promptId } }, job.clientId)
  }
  const loop = async () => {
    for (let job = await queue.take(); job && !closed; job = await queue.take())
      // A full disk or a lost store costs this job its history, never the jobs after it.
      await runOne(job).catch(async error => {
        log('job could not be finished', { prompt_id: job.promptId, error: String(error) })
        current = undefined
        await queue.finish(job.promptId)
      })
  }
  const looping = loop()

  return {
    submit: async job => {
      // Told first: the job may begin the moment it is in the queue.
      await announce(1)
      await queue.add(job)
    },
    interrupt: async promptId => {
      if (!current || (promptId !== undefined && current.job.promptId !== promptId)) return false
      runner.cancel(current.job.promptId)
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
      const { job, node, nodes, frame } = current
      const messages: ServerMessage[] = []
      if (nodes) messages.push({ type: 'progress_state', data: { prompt_id: job.promptId, nodes } })
      if (node !== undefined) messages.push({ type: 'executing', data: { node, display_node: node, prompt_id: job.promptId } })
      return { messages, frame }
    },
    close: async ({ grace = 0 } = {}) => {
      closed = true
      queue.close()
      const interrupt = () => current && runner.cancel(current.job.promptId)
      const timer = grace > 0 ? setTimeout(interrupt, grace) : void interrupt()
      await looping
      clearTimeout(timer)
    },
  }
}
