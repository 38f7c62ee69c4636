import { get, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { Logger } from 'pino'
import type { CheckpointSummary, DeviceReport } from '../server/protocol.ts'
import type { RunningServer } from '../server/serve.ts'
import { readConfiguration, withConfiguration } from './configuration.ts'
import type { Settings } from './configuration-list.ts'
import { openPage } from './open-page.ts'
import { onStopSignals } from './signals.ts'
import { workerScript } from './worker-script.ts'

/** `patronus serve`: the editor and its server, until Ctrl-C. */
export const serveCommand = (): Command =>
  withConfiguration(new Command('serve').description('start the server with the editor page')).action(serve)

async function serve(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const { settings, strangers } = await readConfiguration(flags)
  const [{ startServer }, { createLog }] = await Promise.all([import('../server/main.ts'), import('../server/log.ts')])
  const { token, grace } = settings
  const log = createLog(logLevel(settings))
  dieOf(log)
  for (const name of strangers) log.warn({ name }, 'this variable is no option; `patronus doctor` says which are')
  const server = await startServer({ worker: workerScript, ...serverOptions(settings), log })
  // Told first, so that a person can open the page while the device and the networks are being made ready.
  process.stdout.write(`Patronus Nodes is at ${shownAddress(server.url, token)}\n`)
  const stopped = new Promise<void>(resolve => {
    onStopSignals(() => {
      process.stderr.write(`\nStopping… a graph that runs has ${grace} s; Ctrl-C again stops at once.\n`)
      resolve()
    }, 1)
  })
  const closePage = settings.open ? await openPage(server.url, settings.data) : async () => {}
  await Promise.race([stopped, introduce(server, token).catch((error: Error) => process.stderr.write(`${error.message}\n`))])
  await stopped
  // What hangs in spite of everything must not keep a supervisor waiting.
  setTimeout(() => process.exit(1), (grace + 20) * 1000).unref()
  await closePage().catch(() => {})
  await server.close({ grace: grace * 1000 })
  // A fetch of `introduce` or a page that is being opened may still hold the event loop.
  process.exit(0)
}

const logLevel = ({ logLevel, verbose }: Settings): Settings['logLevel'] =>
  verbose && ['silent', 'error', 'warn'].includes(logLevel) ? 'info' : logLevel

const mebi = 1 << 20

/** The settings as the server takes them. */
const serverOptions = (settings: Settings) => ({
  port: settings.port,
  host: settings.host,
  data: settings.data,
  checkpoints: settings.checkpoints,
  device: settings.device,
  token: settings.token,
  allowedHosts: settings.allowHost,
  allowedOrigins: settings.allowOrigin,
  queueLimit: settings.queueLimit,
  queueSizeLimit: settings.queueSizeLimit * mebi,
  historyCapacity: settings.historyLimit,
  uploadLimit: settings.uploadLimit * mebi,
  minimumFreeDisk: settings.minimumFreeDisk * mebi,
  plugins: settings.plugin,
  conformanceNodes: settings.conformanceNodes,
  frontEndRoot: settings.frontEndRoot,
})

/** A process whose state nobody knows any more must not go on: whoever started it starts it again, and the queue with it. */
function dieOf(log: Logger): void {
  process.on('uncaughtException', error => {
    log.fatal({ err: error }, 'something went wrong in the server itself; it ends')
    if (log.level === 'silent') process.stderr.write(`${error.stack ?? String(error)}\n`)
    process.exit(1)
  })
}

/** With its token only on a terminal: what is written elsewhere is kept, and a log is no place for it. */
const shownAddress = (url: string, token: string | undefined): string =>
  token === undefined || process.stdout.isTTY ? url : `${new URL('/', url).href} (it asks for its token)`

/** Which checkpoints there are, where networks run and why; then, when the first checkpoint is warm, that. */
async function introduce(server: RunningServer, token: string | undefined): Promise<void> {
  const ask = <T>(route: string) => getJson<T>(new URL(route, server.url), token)
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

/** Not by fetch: Node loads that when it is first used, and whoever is waiting for the server would wait for it. */
function getJson<T>(url: URL, token: string | undefined): Promise<T> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const answered = async (response: IncomingMessage) => {
      if (response.statusCode === 200) return (await json(response)) as T
      response.resume()
      throw new Error(`${url.pathname}: ${response.statusCode} ${response.statusMessage}`)
    }
    get(url, { headers }, response => answered(response).then(resolve, reject)).on('error', reject)
  })
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
