import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { pino, type Logger } from 'pino'
import type { Catalog } from '../nodes/node.ts'
import { createApp } from './app.ts'
import { assemble, type House, type MakeRunner } from './assemble.ts'
import { limitConnections } from './connections.ts'
import { checkBinding, createGuard, isLoopback, type GuardOptions } from './guard.ts'
import { checkFrontEnd } from './page.ts'
import { refuseUpgrade, type SocketLimits } from './socket.ts'
import { openStorage } from './storage.ts'

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
  /** Bytes of all jobs that wait, as JSON; default 256 MiB. */
  readonly queueSizeLimit?: number
  /** Bytes an upload may have; default 100 MiB. */
  readonly uploadLimit?: number
}

export type RunningServer = {
  /** What to open in a browser; holds the token when there is one. */
  readonly url: string
  readonly port: number
  /** Takes no new jobs, gives the running one `grace` ms (default 0), then ends everything. */
  close(options?: { readonly grace?: number }): Promise<void>
}

/** Opens the folders, puts the parts together and opens the port; `main.ts` says which parts they are. */
export async function serve(catalog: Catalog, makeRunner: MakeRunner, options: ServeOptions): Promise<RunningServer> {
  const host = options.host ?? '127.0.0.1'
  checkBinding({ ...options, host })
  if (options.frontEndRoot !== undefined) checkFrontEnd(options.frontEndRoot)
  const log = options.log ?? pino({ level: 'silent' })
  const storage = await openStorage({ ...options, data: path.resolve(options.data), tell: problem => log.warn(problem) })
  try {
    const house = await assemble(storage, catalog, makeRunner, { ...options, log })
    return await openPort(house, host, options).catch(async error => {
      await house.close()
      throw error
    })
  } catch (error) {
    await storage.close()
    throw error
  }
}

async function openPort(house: House, host: string, options: ServeOptions): Promise<RunningServer> {
  const { parts, health, metrics, log } = house
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
    house.sockets.accept(request, socket, head)
  })
  const port = await listen(server, options.port ?? 8188, host)
  return {
    port,
    url: addressOf(host, port, options.token),
    close: async ({ grace = 0 } = {}) => {
      health.drain()
      // It goes on answering while the last job runs: whoever waits for that asks here.
      await house.close(grace)
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      setTimeout(() => server.closeAllConnections(), 500).unref()
      server.closeIdleConnections()
      await closed
      await house.storage.close()
    },
  }
}

/** What a person opens: this machine by its loopback address, whatever the server listens on besides. */
function addressOf(host: string, port: number, token: string | undefined): string {
  const shown = isLoopback(host) || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const query = token ? `?token=${encodeURIComponent(token)}` : ''
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}/${query}`
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
