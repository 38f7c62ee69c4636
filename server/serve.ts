import { mkdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { pino, type Logger } from 'pino'
import { describe } from '../nodes/describe.ts'
import type { Catalog } from '../nodes/node.ts'
import { createApp, type Parts } from './app.ts'
import { createAtlases } from './atlas.ts'
import { createCheckpoints } from './checkpoints.ts'
import { limitConnections } from './connections.ts'
import { createFiles, type Files, type Roots } from './files.ts'
import { checkBinding, createGuard, isLoopback, type GuardOptions } from './guard.ts'
import { createNames } from './names.ts'
import { createMemoryQueue } from './queue.ts'
import { features } from './routes/info.ts'
import type { Runner } from './runner.ts'
import { createRuns, type Runs } from './runs.ts'
import { createSockets, refuseUpgrade, type SocketLimits, type Sockets } from './socket.ts'
import { createMemoryStore } from './store.ts'
import { isInception } from './context.ts'
import { isCheckpoint } from './worker.ts'

export type ServeOptions = Partial<GuardOptions> & {
  /** 0 takes any free port. */
  readonly port?: number
  /** Folder for input, output, temp and user files; made when missing. */
  readonly data: string
  /** Folders of checkpoints, the first one wins. */
  readonly checkpoints: readonly string[]
  /** The shipped workflows; their `images/` show up as input files. */
  readonly workflows: string
  /** The built page. */
  readonly editor: string
  readonly log?: Logger
  readonly socketLimits?: Partial<SocketLimits>
}

/** What runs the graphs; made once the folders are known. */
export type MakeRunner = (parts: { files: Files; log: Logger }) => Runner

export type RunningServer = {
  /** What to open in a browser; holds the token when there is one. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const isImage = (name: string) => /\.(png|jpe?g|webp)$/i.test(name)

/** Puts the parts together and opens the port. The one place where they meet; `main.ts` says which they are. */
export async function serve(catalog: Catalog, makeRunner: MakeRunner, options: ServeOptions): Promise<RunningServer> {
  const host = options.host ?? '127.0.0.1'
  checkBinding({ ...options, host })
  const log = options.log ?? pino({ level: 'silent' })
  const roots = await prepareFolders(options)
  const files = createFiles(roots)
  const runner = makeRunner({ files, log })
  const queue = createMemoryQueue()
  const store = createMemoryStore()
  let sockets: Sockets | undefined = undefined
  const runs = createRuns({ queue, store, runner, sockets: () => sockets!, log: (message, data) => log.info(data, message) })
  sockets = createSockets({ queueRemaining: runs.remaining, resume: runs.resume, features }, options.socketLimits)
  const objectInfo: Parts['objectInfo'] = async () =>
    describe(catalog, {
      input: await files.list('input', isImage),
      checkpoints: await files.list('checkpoints', isCheckpoint),
      datasets: await files.folders('datasets'),
      inception: await files.list('inception', isInception),
    })
  const checkpoints = createCheckpoints({
    files,
    names: createNames(files),
    atlases: createAtlases(files),
    suggest: name => runner.suggest(name),
  })
  const parts: Parts = { runs, queue, store, files, runner, checkpoints, objectInfo }

  const guard = createGuard({ ...options, host })
  const app = createApp(parts, { guard, editor: options.editor, log })
  const server = createServer(
    { headersTimeout: 15_000, requestTimeout: 120_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 5_000 },
    app,
  )
  limitConnections(server)
  server.on('upgrade', (request, socket, head) => {
    const verdict = guard({ method: 'GET', url: request.url ?? '', headers: request.headers, upgrade: true })
    if (!verdict.ok) return refuseUpgrade(socket, verdict.status, verdict.reason)
    if (!/^(\/api)?\/ws(\?|$)/.test(request.url ?? '')) return refuseUpgrade(socket, 404, 'Not found')
    sockets.accept(request, socket, head)
  })
  const port = await listen(server, options.port ?? 8188, host).catch(async error => {
    await stop({ runs, runner, sockets, temp: roots.temp[0] })
    throw error
  })
  const shownHost = isLoopback(host) || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return {
    port,
    url: `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}/${options.token ? `?token=${encodeURIComponent(options.token)}` : ''}`,
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await stop({ runs, runner, sockets, temp: roots.temp[0] })
      setTimeout(() => server.closeAllConnections(), 500).unref()
      server.closeIdleConnections()
      await closed
    },
  }
}

async function prepareFolders({ data, checkpoints, workflows }: ServeOptions): Promise<Roots> {
  const names = ['input', 'output', 'temp', 'user', 'datasets', 'artefacts', 'inception']
  const [input, output, temp, user, datasets, artefacts, inception] = names.map(name => path.resolve(data, name))
  await rm(temp, { recursive: true, force: true })
  await Promise.all([input, output, temp, user, datasets, artefacts, inception].map(folder => mkdir(folder, { recursive: true })))
  const shipped = path.resolve(workflows)
  return {
    input: [input, path.join(shipped, 'images')],
    output: [output],
    temp: [temp],
    user: [user],
    checkpoints: checkpoints.map(folder => path.resolve(folder)),
    workflows: [shipped],
    datasets: [datasets],
    artefacts: [artefacts],
    inception: [inception],
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${port} on ${host} is taken; is the server running already? Choose another with --port`)
          : error,
      ),
    )
    server.listen(port, host.replace(/^\[|\]$/g, ''), () => resolve((server.address() as AddressInfo).port))
  })
}

/** The running job is interrupted and gets its last word; then the worker, then the sockets. */
async function stop({
  runs,
  runner,
  sockets,
  temp,
}: {
  runs: Runs
  runner: Runner
  sockets: Sockets
  temp: string
}): Promise<void> {
  const ended = runs.close()
  await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 3000).unref())])
  await runner.close()
  await ended
  sockets.close()
  await rm(temp, { recursive: true, force: true })
}
