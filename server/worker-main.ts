import { loadPatronus } from '../engine/load.ts'
import { chooseDevice, type DeviceName } from '../engine/device.ts'
import { catalog } from '../nodes/index.ts'
import type { FromWorker, ToWorker } from './child-runner.ts'
import { createFiles } from './files.ts'
import type { Runner, RunEvent } from './runner.ts'
import { createWorker } from './worker.ts'

/** The worker process: hears jobs over IPC, runs them, tells what happens. Ends with its parent. */
const unanswered = new Map<number, () => void>()
let frames = 0
let worker: Runner | undefined

const say = (message: FromWorker) => {
  if (process.connected) process.send!(message, undefined, undefined, () => {})
}

function begin({ roots, device, warm }: Extract<ToWorker, { type: 'start' }>): Runner {
  return createWorker({
    catalog,
    files: createFiles(roots),
    warm,
    load: file => loadPatronus(file, { device: device as DeviceName }),
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

/** Events not yet told. They go with the next picture, or at the next turn of the event loop: every message costs both sides time. */
let events: RunEvent[] = []
const tellEvents = (frame?: number) => {
  if (events.length) say({ type: 'events', events, ...(frame !== undefined && { frame }) })
  events = []
}

async function run({ job }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  const outcome = await worker!.run(job, event => {
    if (events.push(event) === 1) setImmediate(tellEvents)
    if (event.kind === 'message') return
    const frame = ++frames
    tellEvents(frame)
    return new Promise(resolve => unanswered.set(frame, resolve))
  })
  tellEvents()
  say({ type: 'done', promptId: job.promptId, outcome })
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'start') worker = begin(message)
  else if (message.type === 'run') void run(message)
  else if (message.type === 'cancel') worker?.cancel(message.promptId)
  else if (message.type === 'free') worker?.free(message.what)
  else if (message.type === 'stop') process.exit(0)
  else if (message.type === 'taken') {
    unanswered.get(message.frame)?.()
    unanswered.delete(message.frame)
  }
})
process.on('disconnect', () => process.exit(0))
// The terminal sends Ctrl-C to the whole group; the parent decides when this process ends.
process.on('SIGINT', () => {})
