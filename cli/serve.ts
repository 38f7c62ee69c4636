import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { DeviceName } from '../engine/device.ts'
import type { CheckpointSummary, DeviceReport } from '../server/protocol.ts'
import type { RunningServer } from '../server/serve.ts'
import { collected, deviceOption, pluginOption, whole } from './options.ts'
import { onStopSignals } from './signals.ts'
import { workerScript } from './worker-script.ts'

type ServeOptions = {
  readonly port: number
  readonly host: string
  readonly data: string
  readonly checkpoints?: readonly string[]
  readonly device: DeviceName
  readonly plugin?: readonly string[]
  readonly token?: string
  readonly allowHost?: readonly string[]
  readonly allowOrigin?: readonly string[]
  readonly open?: boolean
  readonly verbose?: boolean
}

/** `patronus serve`: the editor and its server, until Ctrl-C. */
export const serveCommand = (): Command =>
  new Command('serve')
    .description('start the server with the editor page')
    .option('-p, --port <number>', 'port; 0 takes any free one', whole(0, 65_535), 8188)
    .option('--host <address>', 'address to listen on; anything beyond this machine wants a token', '127.0.0.1')
    .option('--data <folder>', 'folder for input, output and user files', 'data')
    .option('--checkpoints <folder>', 'folder of checkpoints besides the shipped ones; repeatable', collected)
    .addOption(deviceOption())
    .addOption(pluginOption())
    .option('--token <secret>', 'ask every client for this (default: $PATRONUS_TOKEN)')
    .option('--allow-host <name>', 'another name the server answers to, as behind a proxy; repeatable', collected)
    .option('--allow-origin <origin>', 'another page that may use it, such as https://lab.example; repeatable', collected)
    .option('--open', 'open the page in a browser')
    .option('--verbose', 'log every request and job, as JSON lines on stderr')
    .action(serve)

async function serve(options: ServeOptions): Promise<void> {
  const [{ startServer }, { pino }] = await Promise.all([import('../server/main.ts'), import('pino')])
  const { port, host, data, checkpoints, device, token = process.env.PATRONUS_TOKEN || undefined } = options
  const log = pino({ level: options.verbose ? 'info' : 'warn' }, pino.destination(2))
  const server = await startServer({
    worker: workerScript,
    port,
    host,
    data,
    checkpoints,
    device,
    plugins: options.plugin,
    token,
    allowedHosts: options.allowHost,
    allowedOrigins: options.allowOrigin,
    log,
  })
  // Told first, so that a person can open the page while the device and the networks are being made ready.
  process.stdout.write(`Patronus Nodes is at ${server.url}\n`)
  const stopped = new Promise<void>(resolve => {
    onStopSignals(() => {
      process.stderr.write('\nStopping…\n')
      resolve()
    })
  })
  if (options.open) openPage(server.url)
  await Promise.race([stopped, introduce(server, token).catch((error: Error) => process.stderr.write(`${error.message}\n`))])
  await stopped
  await server.close()
}

/** Which checkpoints there are, where networks run and why; then, when the first checkpoint is warm, that. */
async function introduce(server: RunningServer, token: string | undefined): Promise<void> {
  const ask = async <T>(route: string): Promise<T> => {
    const response = await fetch(new URL(route, server.url), { headers: token ? { authorization: `Bearer ${token}` } : {} })
    if (!response.ok) throw new Error(`${route}: ${response.status} ${response.statusText}`)
    return (await response.json()) as T
  }
  const found = await ask<CheckpointSummary[]>('/patronus/checkpoints')
  process.stdout.write(found.length ? `Checkpoints:\n${found.map(line).join('')}` : noCheckpoints)
  const device = await becomes(
    () => ask<DeviceReport>('/patronus/device'),
    ({ worker }) => worker === 'ready',
  )
  process.stdout.write(
    `Device: ${device.device}\n${device.report
      .split('\n')
      .map(text => `  ${text}\n`)
      .join('')}`,
  )
  const { warm } = await becomes(
    () => ask<DeviceReport>('/patronus/device'),
    ({ warm }) => warm?.state !== 'loading' && (warm !== undefined || found.length === 0),
  )
  if (warm)
    process.stdout.write(
      warm.state === 'ready'
        ? `Ready: ${warm.checkpoint} is loaded. Ctrl-C stops.\n`
        : `${warm.checkpoint} could not be loaded: ${warm.error}\n`,
    )
  else process.stdout.write('Ready. Ctrl-C stops.\n')
}

const noCheckpoints =
  'No checkpoints were found. Name a folder with --checkpoints, bring one over with `patronus import`, or train one with `patronus train tiny`.\n'

const line = ({ name, description, dataset, prototypes, hasPrior, error }: CheckpointSummary): string =>
  error
    ? `  ${name}: cannot be read (${error})\n`
    : `  ${name}: ${prototypes} prototypes${hasPrior ? ', prior' : ''}, ${dataset}. ${description}\n`

async function becomes<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (holds(value)) return value
    await sleep(100, undefined, { ref: false })
  }
}

/** The system's own way to open a page; where there is none, the address has been printed. */
function openPage(url: string): void {
  const [program, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', '""'] }[process.platform as string] ?? ['xdg-open']
  spawn(program, [...args, url], { stdio: 'ignore', detached: true })
    .on('error', () => process.stderr.write(`--open: ${program} could not be started; open the address yourself\n`))
    .unref()
}
