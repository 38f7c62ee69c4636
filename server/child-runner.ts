import { fork, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import type { CatalogOptions } from '../nodes/index.ts'
import { reply, type Question, type Reply } from './ask.ts'
import type { Figures } from './figures.ts'
import type { Outcome } from './executor.ts'
import type { Roots } from './files.ts'
import type { Floating } from './floating.ts'
import { noKeeper, type Keeper } from './output-names.ts'
import { BadRequest } from './problem.ts'
import type { DeviceReport, ServerMessage } from './protocol.ts'
import type { Job } from './queue.ts'
import type { Runner, RunEvent } from './runner.ts'

/** All that crosses between the server and its worker. Plain data, by structured clone. */
export type ToWorker =
  | {
      readonly type: 'start'
      readonly roots: Roots
      readonly device: string
      readonly warm: string | boolean
      readonly nodes: CatalogOptions
    }
  | { readonly type: 'run'; readonly job: Job }
  | { readonly type: 'suggest'; readonly id: number; readonly checkpoint: string }
  | { readonly type: 'cancel'; readonly promptId: string }
  | { readonly type: 'taken'; readonly batch: number }
  | { readonly type: 'told'; readonly id: number; readonly reply: Reply }
  | { readonly type: 'free'; readonly what: { readonly models?: boolean; readonly results?: boolean } }
  | { readonly type: 'stop' }
export type FromWorker =
  | { readonly type: 'device'; readonly report: DeviceReport }
  | {
      /** What happened since the last message, in order (outbox.ts). */
      readonly type: 'events'
      readonly events: readonly RunEvent[]
      /** When there are previews among them: to be answered with `taken`. */
      readonly batch?: number
    }
  | { readonly type: 'figures'; readonly figures: Figures }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'done'; readonly promptId: string; readonly outcome: Outcome }
  | { readonly type: 'suggested'; readonly id: number; readonly answer: Answer }
  | {
      /** An error that no node caught. Of a run that goes on: the process ends right after. */
      readonly type: 'fault'
      readonly promptId?: string
      readonly fault: Floating
    }
  /** The process ends by itself, and has run nothing that it did not say `done` of. */
  | { readonly type: 'spent' }
/** `type` and `status` where the one who asked is told why (problem.ts). */
type Answer =
  | { readonly found: NameSuggestions }
  | { readonly problem: { readonly message: string; readonly type?: string; readonly status?: number } }

export type ChildOptions = {
  /** The compiled worker-main.js. */
  readonly script: string
  /** Arguments of that script: the plugins it loads. */
  readonly args?: readonly string[]
  readonly roots: Roots
  readonly device: string
  /** Checkpoint to load ahead of the first run: that one, the first there is, or none. */
  readonly warm: string | boolean
  /** Which nodes it has besides ours: those the server has. */
  readonly nodes?: CatalogOptions
  /** How long a cancelled job may go on before its process is ended, ms. */
  readonly grace?: number
  /** Whom the worker asks for names; by default nobody. */
  readonly keeper?: Keeper
  readonly log?: (text: string) => void
  /** Told of every process that is started. */
  readonly onStart?: (pid: number) => void
}

type Asked = {
  readonly checkpoint: string
  readonly resolve: (found: NameSuggestions) => void
  readonly reject: (error: Error) => void
}

type Running = {
  readonly job: Job
  readonly on: (event: RunEvent) => Promise<void> | void
  readonly finish: (outcome: Outcome) => void
  /** The node that was last said to be executing, and the ones that came out of it: what is told if the process dies. */
  node?: string
  readonly executed: string[]
  cancelled: boolean
  /** What its process said it dies of. */
  fault?: Floating
  timer?: NodeJS.Timeout
}

/**
 * The worker in a process of its own: a step of the network blocks the thread it runs on, and a graph that takes all the
 * memory takes only that process with it. It is started again when it ends; the job that ran then fails and says why.
 */
export function createChildRunner({
  script,
  args = [],
  roots,
  device,
  warm,
  nodes = {},
  grace = 10_000,
  keeper = noKeeper,
  log = () => {},
  onStart = () => {},
}: ChildOptions): Runner {
  let child: ChildProcess | undefined
  let running: Running | undefined
  let closing = false
  let quickDeaths = 0
  let questions = 0
  /** Suggestions that are waited for. */
  const asked = new Map<number, Asked>()
  let report: DeviceReport = { device: 'unknown', report: '', worker: 'starting' }
  let figures: Figures | undefined
  let readiness = createGate()

  const post = (message: ToWorker) => {
    if (child?.connected) child.send(message, () => {})
  }
  let began = 0
  const start = () => {
    began = Date.now()
    const mine = fork(script, args, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--disable-proto=delete'],
    })
    child = mine
    if (mine.pid !== undefined) onStart(mine.pid)
    mine.on('message', message => child === mine && hear(message as FromWorker))
    mine.on('error', error => log(`worker: ${error.message}`))
    mine.on('exit', (code, signal) => void ended(mine, signal ?? `exit code ${code}`))
    post({ type: 'start', roots, device, warm, nodes })
    if (readiness.isOpen) readiness = createGate()
    if (running) post({ type: 'run', job: running.job })
    if (running?.cancelled) post({ type: 'cancel', promptId: running.job.promptId })
    for (const [id, { checkpoint }] of asked) post({ type: 'suggest', id, checkpoint })
  }
  const ended = async (which: ChildProcess, how: string) => {
    if (child !== which) return
    child = figures = undefined
    // A worker that cannot even start must not let jobs wait for ever: the next one is given to it, fails and says why.
    readiness.open()
    forsake(how)
    const lost = running
    if (lost) lose(lost, how)
    if (closing) return
    log(`The worker process ended (${how}); starting another`)
    await startAgain(Date.now() - began < 2000 && !lost)
  }
  const startAgain = async (isQuickDeath: boolean) => {
    report = { ...report, worker: 'restarting' }
    // One that cannot even start would otherwise be started a hundred times a second.
    quickDeaths = isQuickDeath ? quickDeaths + 1 : 0
    await sleep(Math.min(30_000, quickDeaths && 250 * 2 ** quickDeaths))
    if (!closing && !child) start()
  }
  const settle = (outcome: Outcome) => {
    clearTimeout(running?.timer)
    const { finish } = running!
    running = undefined
    finish(outcome)
  }
  /** The job whose process is gone still gets its last word. */
  const lose = ({ job, node = Object.keys(job.prompt)[0] ?? '', executed, cancelled, fault, on }: Running, how: string) => {
    const where = {
      prompt_id: job.promptId,
      node_id: node,
      node_type: job.prompt[node]?.class_type ?? '',
      executed,
      timestamp: Date.now(),
    }
    const message: ServerMessage = cancelled
      ? { type: 'execution_interrupted', data: where }
      : { type: 'execution_error', data: { ...where, ...(fault ?? deathOf(how)), current_inputs: {}, current_outputs: executed } }
    void on({ kind: 'message', message })
    settle({ status: cancelled ? 'interrupted' : 'error', outputs: {} })
  }
  const forsake = (how: string) => {
    for (const { reject } of asked.values())
      reject(new BadRequest('worker_lost', `The process that looks for names ended (${how}); ask again`, 503))
    asked.clear()
  }
  const answer = ({ id, answer }: Extract<FromWorker, { type: 'suggested' }>) => {
    const one = asked.get(id)
    asked.delete(id)
    if ('found' in answer) return one?.resolve(answer.found)
    const { type, message, status } = answer.problem
    one?.reject(type === undefined ? new Error(message) : new BadRequest(type, message, status))
  }
  const heardDevice = (now: DeviceReport) => {
    report = now
    if (now.worker === 'ready') readiness.open()
  }
  const heardFault = ({ promptId, fault }: Extract<FromWorker, { type: 'fault' }>) => {
    log(`worker: ${fault.exception_message}`)
    if (running && running.job.promptId === promptId) running.fault = fault
  }
  /** What was posted to the one that leaves, the next one is given. */
  const replace = () => {
    child = undefined
    if (closing) return
    log('The worker process ends after an error that no node caught; starting another')
    void startAgain(Date.now() - began < 2000)
  }
  const answerQuestion = async ({ id, question }: Extract<FromWorker, { type: 'ask' }>) =>
    post({ type: 'told', id, reply: await reply(keeper, question) })
  const hear = (message: FromWorker) => {
    if (message.type === 'device') heardDevice(message.report)
    else if (message.type === 'figures') figures = message.figures
    else if (message.type === 'ask') void answerQuestion(message)
    else if (message.type === 'suggested') answer(message)
    else if (message.type === 'fault') heardFault(message)
    else if (message.type === 'spent') replace()
    else if (message.type === 'done') running?.job.promptId === message.promptId && settle(message.outcome)
    else {
      if (message.batch !== undefined) post({ type: 'taken', batch: message.batch })
      for (const event of message.events) {
        if (!running) return
        if (event.kind === 'message') remember(running, event.message)
        void running.on(event)
      }
    }
  }
  const stop = async (mine: ChildProcess, within: number) => {
    const gone = new Promise<void>(resolve => mine.once('exit', () => resolve()))
    if (mine.connected) mine.send({ type: 'stop' } satisfies ToWorker, () => {})
    const timer = setTimeout(() => mine.kill('SIGKILL'), within)
    await gone
    clearTimeout(timer)
  }
  start()

  return {
    ready: () => readiness.opened,
    run: (job, on) =>
      new Promise(finish => {
        running = { job, on, finish, executed: [], cancelled: false }
        post({ type: 'run', job })
      }),
    cancel: promptId => {
      if (running?.job.promptId !== promptId || running.cancelled) return
      running.cancelled = true
      post({ type: 'cancel', promptId })
      running.timer = setTimeout(() => child?.kill('SIGKILL'), grace)
    },
    suggest: checkpoint =>
      new Promise((resolve, reject) => {
        const id = questions++
        asked.set(id, { checkpoint, resolve, reject })
        post({ type: 'suggest', id, checkpoint })
      }),
    free: what => post({ type: 'free', what }),
    device: () => report,
    figures: () => figures,
    close: async () => {
      closing = true
      readiness.open()
      forsake('the server stops')
      if (child) await stop(child, 3000)
    },
  }
}

function remember(running: Running, message: ServerMessage): void {
  if (message.type !== 'executing' || message.data.node === null) return
  if (running.node !== undefined) running.executed.push(running.node)
  running.node = message.data.display_node ?? message.data.node
}

const deathOf = (how: string) => ({
  exception_type: 'WorkerLost',
  exception_message:
    `The process that runs graphs ended (${how}) while this node ran` +
    (how === 'SIGKILL'
      ? '; most likely the memory ran out. Try a smaller image, batch or number of steps'
      : '; the log of the server may say why'),
  traceback: [],
})

/** Closed until it is opened, once. */
function createGate() {
  let open = () => {}
  const gate = {
    isOpen: false,
    opened: new Promise<void>(resolve => (open = resolve)),
    open: () => ((gate.isOpen = true), open()),
  }
  return gate
}
