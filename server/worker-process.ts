import { openInception } from '../engine/inception.ts'
import { loadPatronus } from '../engine/load.ts'
import { chooseDevice, type DeviceName } from '../engine/device.ts'
import { catalogOf } from '../nodes/index.ts'
import type { FromWorker, ToWorker } from './child-runner.ts'
import { createAsker } from './ask.ts'
import { createFiles } from './files.ts'
import { watchFloating, type Floating } from './floating.ts'
import { createOutbox } from './outbox.ts'
import { withPlugins, type Plugin } from './plugins.ts'
import { BadRequest } from './problem.ts'
import type { Runner } from './runner.ts'
import type { Sources } from './sources.ts'
import { createWorker } from './worker.ts'

/** While a graph runs for long, and after what ran between graphs, ms. */
const figuresEvery = 5000

/** The worker process: hears jobs over IPC, runs them, tells what happens. Ends with its parent. Called once, by the program's own entry. */
export function runWorkerProcess(sources: Sources, plugins: readonly Plugin[] = []): void {
  let worker: Runner | undefined

  const say = (message: FromWorker) => {
    if (process.connected) process.send!(message, undefined, undefined, () => {})
  }

  const asker = createAsker((id, question) => say({ type: 'ask', id, question }))

  function begin({ roots, device, warm, nodes }: Extract<ToWorker, { type: 'start' }>): Runner {
    return createWorker({
      catalog: withPlugins(catalogOf(nodes), plugins),
      files: createFiles(roots),
      warm,
      sources,
      keeper: asker.keeper,
      load: file => loadPatronus(file, { device: device as DeviceName }),
      inception: file => openInception(file, device as DeviceName),
      findDevice: async () => {
        const choice = await chooseDevice(device as DeviceName)
        return {
          device: choice.device,
          report: [choice.reason, ...choice.found.map(found => `${found.device}: ${found.detail}`)].join('\n'),
        }
      },
      onDevice: report => say({ type: 'device', report }),
    })
  }

  let told = ''
  /** What they were is not told again. */
  const tellFigures = () => {
    const figures = worker?.figures()
    const now = JSON.stringify(figures)
    if (!figures || now === told) return
    told = now
    say({ type: 'figures', figures })
  }
  setInterval(tellFigures, figuresEvery).unref()

  const outbox = createOutbox((events, batch) => say({ type: 'events', events, ...(batch !== undefined && { batch }) }))

  let running = 0
  /** Why this process is to be replaced, once what runs is done. */
  let spent: Floating | undefined
  let isLeaving = false

  const inRun = watchFloating({
    ofRun: (promptId, fault) => leave({ type: 'fault', promptId, fault }),
    elsewhere: (fault, isThrow) => {
      say({ type: 'fault', fault })
      if (isThrow) spent = fault
      leaveIfSpent()
    },
  })

  /** The last word of this process; what it is given afterwards, another one runs. */
  function leave(message: FromWorker): void {
    if (isLeaving) return
    outbox.flush()
    isLeaving = true
    process.send?.(message, undefined, undefined, () => process.exit(1))
  }
  const leaveIfSpent = () => void (spent && running === 0 && leave({ type: 'spent' }))

  async function run({ job }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
    if (isLeaving) return
    running++
    const outcome = await inRun(job.promptId, () => worker!.run(job, outbox.put))
    running--
    if (isLeaving) return
    outbox.flush()
    tellFigures()
    say({ type: 'done', promptId: job.promptId, outcome })
    leaveIfSpent()
  }

  async function suggest({ id, checkpoint }: Extract<ToWorker, { type: 'suggest' }>): Promise<void> {
    const answer = await worker!.suggest(checkpoint).then(
      found => ({ found }),
      (error: Error) => ({
        problem: { message: error.message, ...(error instanceof BadRequest && { type: error.type, status: error.status }) },
      }),
    )
    say({ type: 'suggested', id, answer })
  }

  process.on('message', (message: ToWorker) => {
    if (message.type === 'start') worker = begin(message)
    else if (message.type === 'run') void run(message)
    else if (message.type === 'suggest') void suggest(message)
    else if (message.type === 'cancel') worker?.cancel(message.promptId)
    else if (message.type === 'free') worker?.free(message.what)
    else if (message.type === 'stop') process.exit(0)
    else if (message.type === 'told') asker.told(message.id, message.reply)
    else if (message.type === 'taken') outbox.taken(message.batch)
  })
  process.on('disconnect', () => process.exit(0))
  // The terminal sends Ctrl-C to the whole group, systemd SIGTERM to all processes of a unit; the parent decides when this one ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
}
