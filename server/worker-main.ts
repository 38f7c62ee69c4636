import { loadPatronus } from '../engine/load.ts'
import { chooseDevice, type DeviceName } from '../engine/device.ts'
import { catalog } from '../nodes/index.ts'
import type { FromWorker, ToWorker } from './child-runner.ts'
import { createFiles } from './files.ts'
import type { Runner } from './runner.ts'
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

async function run({ job }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  const outcome = await worker!.run(job, event => {
    if (event.kind === 'message') return say({ type: 'event', event })
    const frame = ++frames
    say({ type: 'event', event, frame })
    return new Promise(resolve => unanswered.set(frame, resolve))
  })
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
