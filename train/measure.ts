import { parseArgs } from 'node:util'
import { DEVICE_NAMES, type DeviceName } from '../engine/device.ts'
import { readConfig } from './configs.ts'
import { reporter } from './progress.ts'
import { qualityReport } from './quality.ts'

/**
 * `node dist/train/measure.js <checkpoint> [--data config] [--samples n] [--latents n] [--reconstructions n] [--steps K]
 * [--seed n] [--device auto] [--out docs/results]`: the quality report without the rest of the command line. `--data` names a
 * training config (shipped or a file) whose data set is used, for a checkpoint that does not say its own.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    samples: { type: 'string' },
    latents: { type: 'string' },
    reconstructions: { type: 'string' },
    steps: { type: 'string' },
    seed: { type: 'string' },
    device: { type: 'string' },
    out: { type: 'string' },
  },
})

function whole(name: 'samples' | 'latents' | 'reconstructions' | 'steps' | 'seed'): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text) || (name !== 'seed' && Number(text) < 1))
    throw new Error(`--${name}: wanted a whole number of at least 1, got ${text}`)
  return Number(text)
}

function device(): DeviceName | undefined {
  const known = DEVICE_NAMES.find(name => name === values.device)
  if (values.device !== undefined && !known)
    throw new Error(`--device: wanted one of ${DEVICE_NAMES.join(', ')}, got ${values.device}`)
  return known
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

try {
  const [path] = positionals
  if (!path) throw new Error('measure: wanted the path of a checkpoint, got none')
  const { out, data } = values
  const report = await qualityReport(path, {
    data: data === undefined ? undefined : (await readConfig(data)).data,
    samples: whole('samples'),
    latents: whole('latents'),
    reconstructions: whole('reconstructions'),
    steps: whole('steps'),
    seed: whole('seed'),
    device: device(),
    output: out,
    command: `node dist/train/measure.js ${process.argv.slice(2).join(' ')}`,
    reporter: reporter(process.stderr, 20),
    signal: stop.signal,
  })
  process.stdout.write(`${JSON.stringify(report.settings)}\n`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
