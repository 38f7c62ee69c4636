import { mkdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { pino, type Logger } from 'pino'
import type { Catalog } from '../nodes/node.ts'
import { createApp, type Parts } from './app.ts'
import { createAtlases } from './atlas.ts'
import { limits as defaultLimits } from './body.ts'
import { createCheckpoints } from './checkpoints.ts'
import { limitConnections } from './connections.ts'
import { createDisk } from './disk.ts'
import { createFiles, type Files, type Roots } from './files.ts'
import { createHealth } from './health.ts'
import { checkBinding, createGuard, isLoopback, type GuardOptions } from './guard.ts'
import { createLogs, heardBy } from './logs.ts'
import { createNames, shownNames } from './names.ts'
import { createMetrics } from './metrics.ts'
import { createObjectInfo } from './object-info.ts'
import { observed } from './observe.ts'
import type { Keeper } from './output-names.ts'
import { checkFrontEnd } from './page.ts'
import { features } from './routes/info.ts'
import type { Runner } from './runner.ts'
import { createRuns, type Runs } from './runs.ts'
import { createSockets, refuseUpgrade, type SocketLimits, type Sockets } from './socket.ts'
import { openStorage, type Storage } from './storage.ts'
import { sweepDrafts } from './whole-files.ts'

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
  /** The built module for ComfyUI's page (editor/extension). */
  readonly extension?: string
  /** A built ComfyUI front end to serve at `/` in place of our page, which is then at `/patronus/editor/`. */
  readonly frontEndRoot?: string
  /** The built module that brings our nodes into other pages. */
  readonly register?: string
  readonly log?: Logger
  /** Free bytes below which new graphs are refused; default 512 MB. */
  readonly minimumFreeDisk?: number
  /** Ended jobs that are remembered; default 10,000. */
  readonly historyCapacity?: number
  /** Queue, history, settings and names end with the process. */
  readonly inMemory?: boolean
  readonly socketLimits?: Partial<SocketLimits>
  /** Jobs that may wait at once; default 1000. */
  readonly queueLimit?: number
  /** Bytes an upload may have; default 100 MiB. */
  readonly uploadLimit?: number
}

/** What runs the graphs; made once the folders are known. */
export type MakeRunner = (parts: { files: Files; log: Logger; keeper: Keeper }) => Runner

export type RunningServer = {
  /** What to open in a browser; holds the token when there is one. */
  readonly url: string
  readonly port: number
  /** Takes no new jobs, gives the running one `grace` ms (default 0), then ends everything. */
  close(options?: { readonly grace?: number }): Promise<void>
}

/** Puts the parts together and opens the port. The one place where they meet; `main.ts` says which they are. */
export async function serve(catalog: Catalog, makeRunner: MakeRunner, options: ServeOptions): Promise<RunningServer> {
  const host = options.host ?? '127.0.0.1'
  checkBinding({ ...options, host })
  if (options.frontEndRoot !== undefined) checkFrontEnd(options.frontEndRoot)
  const log = options.log ?? pino({ level: 'silent' })
  const storage = await openStorage({ ...options, data: path.resolve(options.data), tell: problem => log.warn(problem) })
  try {
    return await serveFrom(storage, catalog, makeRunner, { ...options, host, log })
  } catch (error) {
    await storage.close()
    throw error
  }
}

async function serveFrom(
  storage: Storage,
  catalog: Catalog,
  makeRunner: MakeRunner,
  { host, log: ownLog, ...options }: ServeOptions & { readonly host: string; readonly log: Logger },
): Promise<RunningServer> {
  const { store, queue } = storage
  let sockets: Sockets | undefined = undefined
  const logs = createLogs({
    tell: (line, clientId) => sockets?.sendIfIdle({ type: 'logs', data: { entries: [line] } }, clientId),
    secrets: options.token ? [options.token] : [],
  })
  const log = heardBy(ownLog, logs)
  const roots = await prepareFolders(options)
  const files = createFiles(roots)
  // Not waited for: a folder of a hundred thousand pictures must not keep the server from answering.
  void sweepDrafts([roots.output[0], roots.input[0], roots.user[0], roots.artefacts[0]], Date.now()).catch(() => {})
  const names = createNames(store.names, files)
  const keeper: Keeper = { shownNames: id => shownNames(names, id), claim: store.outputs.claim }
  const limits = { queue: options.queueLimit ?? 1000, upload: options.uploadLimit ?? defaultLimits.upload }
  const metrics = createMetrics({ queue, sockets: () => sockets! })
  const runner = observed(makeRunner({ files, log, keeper }), { log, metrics, isKnown: type => catalog.has(type) })
  const disk = createDisk([path.resolve(options.data), roots.output[0]], options.minimumFreeDisk)
  const health = createHealth({ folder: path.resolve(options.data), reserve: disk.minimum, runner, store })
  const runs = createRuns({
    queue,
    runner,
    sockets: () => sockets!,
    log: (message, data) => log.info(data, message),
    warn: (message, data) => log.warn(data, message),
  })
  sockets = createSockets(
    { queueRemaining: runs.remaining, resume: runs.resume, features: features(limits) },
    options.socketLimits,
  )
  const objectInfo = createObjectInfo(catalog, files)
  const checkpoints = createCheckpoints({
    files,
    names,
    atlases: createAtlases(files),
    suggest: name => runner.suggest(name),
  })
  const validatorOf: Parts['validatorOf'] = type => catalog.get(type)?.validate
  const parts: Parts = { runs, queue, store, files, disk, runner, checkpoints, logs, objectInfo, validatorOf, limits }

  const guard = createGuard({ ...options, host })
  const openGuard = createGuard({ ...options, host, token: undefined })
  const app = createApp(parts, { ...options, origins: options.allowedOrigins, guard, openGuard, health, metrics, log })
  const server = createServer(
    { headersTimeout: 15_000, requestTimeout: 120_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 5_000 },
    app,
  )
  limitConnections(server)
  server.on('upgrade', (request, socket, head) => {
    const verdict = guard({ method: 'GET', url: request.url ?? '', headers: request.headers, upgrade: true })
    if (!verdict.ok) {
      metrics.refused(verdict.why)
      return refuseUpgrade(socket, verdict.status, verdict.reason)
    }
    if (!/^(\/patronus\/editor)?(\/api)?\/ws(\?|$)/.test(request.url ?? '')) return refuseUpgrade(socket, 404, 'Not found')
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
    close: async ({ grace = 0 } = {}) => {
      health.drain()
      // It goes on answering while the last job runs: whoever waits for that asks here.
      await stop({ runs, runner, sockets, temp: roots.temp[0], grace })
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      setTimeout(() => server.closeAllConnections(), 500).unref()
      server.closeIdleConnections()
      await closed
      await storage.close()
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

/** The running job is interrupted when its time is up and gets its last word; then the worker, then the sockets. */
async function stop({
  runs,
  runner,
  sockets,
  temp,
  grace = 0,
}: {
  runs: Runs
  runner: Runner
  sockets: Sockets
  temp: string
  grace?: number
}): Promise<void> {
  const ended = runs.close({ grace })
  await Promise.race([ended, new Promise(resolve => setTimeout(resolve, grace + 3000).unref())])
  await runner.close()
  await ended
  sockets.close()
  await rm(temp, { recursive: true, force: true })
}
