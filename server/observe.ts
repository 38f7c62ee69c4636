import type { Logger } from 'pino'
import type { Prompt } from '../workflows/types.ts'
import type { Metrics } from './metrics.ts'
import type { ServerMessage } from './protocol.ts'
import type { Job } from './queue.ts'
import type { Runner } from './runner.ts'

type Observer = {
  readonly log: Logger
  readonly metrics: Metrics
  /** Whether the catalog has that class: no other name becomes a label. */
  isKnown(classType: string): boolean
}

/**
 * The same runner, watched: every run has its logger, which names the prompt in each line, and its times are counted. It sees
 * what clients are told, so it needs nothing of those who run or of those who tell.
 */
export const observed = (runner: Runner, { log, metrics, isKnown }: Observer): Runner => ({
  ...runner,
  run: async (job, on) => {
    const began = performance.now()
    const mine = log.child({ prompt_id: job.promptId, ...(job.clientId !== undefined && { client_id: job.clientId }) })
    const waited = waitedFor(job)
    metrics.jobBegan(waited / 1000)
    mine.info({ nodes: Object.keys(job.prompt).length, waited_ms: waited }, 'job began')
    mine.debug({ prompt: job.prompt }, 'what it runs')
    const nodes = watchNodes((node_id, ms) => {
      const classType = classOf(job.prompt, node_id)
      metrics.nodeRan(isKnown(classType) ? classType : 'other', ms / 1000)
      mine.debug({ node_id, class_type: classType, ms: Math.round(ms) }, 'node ran')
    })
    const steps = countSteps()
    const { status, outputs } = await runner.run(job, event => {
      if (event.kind === 'message') {
        nodes.hear(event.message)
        metrics.stepped(steps(event.message))
        if (event.message.type === 'execution_error' && event.message.data.exception_type === 'WorkerLost') metrics.jobStalled()
        if (event.message.type === 'execution_error') mine.info(errorFields(event.message.data), 'job failed')
      }
      return on(event)
    })
    nodes.end()
    const ms = performance.now() - began
    metrics.jobEnded(status, ms / 1000)
    mine.info({ status, ms: Math.round(ms) }, 'job ended')
    return { status, outputs }
  },
})

/** From its acknowledgement to now, ms; a clock that was set back counts as no wait. */
const waitedFor = ({ extraData }: Job): number => {
  const since = Number(extraData.create_time)
  return Number.isFinite(since) ? Math.max(0, Date.now() - since) : 0
}

/** Nodes that a node put in place of itself are in no prompt. */
const classOf = (prompt: Prompt, id: string): string => (Object.hasOwn(prompt, id) ? prompt[id].class_type : '')

const errorFields = ({ node_id, node_type, exception_type, exception_message }: Record<string, unknown>) => ({
  node_id,
  class_type: node_type,
  exception_type,
  exception_message,
})

/** How many steps each message tells of; bars say how far they are. One that begins again is at its first steps. */
function countSteps(): (message: ServerMessage) => number {
  const reached = new Map<string, number>()
  return message => {
    if (message.type !== 'progress') return 0
    const { node, value } = message.data
    const before = reached.get(node) ?? 0
    reached.set(node, value)
    return value >= before ? value - before : value
  }
}

/** A node runs from its `executing` until a `progress_state` says otherwise, at the latest until the run ends. */
function watchNodes(ran: (id: string, ms: number) => void) {
  const running = new Map<string, number>()
  const finish = (id: string) => {
    ran(id, performance.now() - running.get(id)!)
    running.delete(id)
  }
  return {
    hear: (message: ServerMessage) => {
      if (message.type === 'executing' && message.data.node !== null) running.set(message.data.node, performance.now())
      else if (message.type === 'executed' && running.has(message.data.node)) finish(message.data.node)
      else if (message.type === 'progress_state')
        for (const id of [...running.keys()]) if (message.data.nodes[id]?.state !== 'running') finish(id)
    },
    end: () => [...running.keys()].forEach(finish),
  }
}
