import { parseArgs } from 'node:util'
import { readConfig } from './configs.ts'
import { runTraining, Stopped } from './main.ts'
import { reporter } from './progress.ts'

/**
 * `node dist/train/run.js <config> [--out runs/x] [--resume] [--steps n] [--freeze-at n] [--finish-by hh:mm] [--stop-after s]`:
 * training without the rest of the command line. Ctrl-C saves and stops; a second one stops at once.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    resume: { type: 'boolean', default: false },
    steps: { type: 'string' },
    'freeze-at': { type: 'string' },
    'finish-by': { type: 'string' },
    'stop-after': { type: 'string' },
  },
})

/** The next time the clock shows hh:mm, in ms since 1970. */
function nextTime(text: string): number {
  const [hours, minutes] = text.split(':').map(Number),
    at = new Date()
  if (!(hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60)) throw new Error(`--finish-by: wanted hh:mm, got ${text}`)
  at.setHours(hours, minutes, 0, 0)
  return at.getTime() + (at.getTime() < Date.now() ? 86_400_000 : 0)
}

const whole = (name: 'steps' | 'freeze-at' | 'stop-after'): number | undefined => {
  const text = values[name]
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new Error(`--${name}: wanted a whole number, got ${text}`)
  return Number(text)
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

try {
  const base = await readConfig(positionals[0] ?? 'tiny')
  const config = { ...base, steps: whole('steps') ?? base.steps, freezeEncoderAt: whole('freeze-at') ?? base.freezeEncoderAt }
  const result = await runTraining(config, {
    out: values.out ?? `runs/${config.name}`,
    resume: values.resume,
    signal: stop.signal,
    stopAfterSeconds: whole('stop-after'),
    finishBy: values['finish-by'] === undefined ? undefined : nextTime(values['finish-by']),
    reporter: reporter(process.stderr, config.every.log),
    command: `patronus train ${process.argv.slice(2).join(' ')}`,
  })
  process.stdout.write(`${result.checkpoint}\n`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = error instanceof Stopped ? 130 : 1
}
