import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import type { Logger } from 'pino'
import { GraphError, type ObjectInfo, type Validator } from '../workflows/graph.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Disk } from './disk.ts'
import type { Files } from './files.ts'
import { allowOrigins } from './cors.ts'
import { cookieName, type GuardRequest, type Verdict } from './guard.ts'
import { alive, ready, refusedWhileDraining, scraped, type Health } from './health.ts'
import type { Metrics } from './metrics.ts'
import { foreignPage, pageFrom, strictPolicy } from './page.ts'
import { answerFor } from './problem.ts'
import type { Logs } from './logs.ts'
import type { JobQueue } from './queue.ts'
import { countProblem, logged } from './requests.ts'
import { extensionRoutes } from './routes/extensions.ts'
import { fileRoutes } from './routes/files.ts'
import { infoRoutes } from './routes/info.ts'
import { internalRoutes } from './routes/internal.ts'
import { jobRoutes } from './routes/jobs.ts'
import { modelRoutes } from './routes/models.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { patronusRoutes } from './routes/patronus.ts'
import { graphAnswer, promptRoutes } from './routes/prompt.ts'
import { registerRoute } from './routes/register.ts'
import { savedRoutes } from './routes/saved.ts'
import { templateRoutes } from './routes/templates.ts'
import { userRoutes } from './routes/userdata.ts'
import type { Runner } from './runner.ts'
import type { Runs } from './runs.ts'
import type { Store } from './store.ts'

/** What the routes work with. */
export type Parts = {
  readonly runs: Runs
  readonly queue: JobQueue
  readonly store: Store
  readonly files: Files
  readonly disk: Disk
  readonly runner: Runner
  readonly checkpoints: Checkpoints
  readonly logs: Logs
  /** How many bytes an upload may have. */
  readonly limits: { readonly upload: number }
  /** The catalog as `/object_info` says it, with the files that lie in the folders now; or some of its classes. */
  objectInfo(types?: Iterable<string>): Promise<ObjectInfo>
  /** The check of a node class of its own values, where it has one. */
  validatorOf(type: string): Validator | undefined
}

type Guard = (request: GuardRequest) => Verdict
export type AppOptions = {
  readonly guard: Guard
  /** The same rules without the token, for `/healthz`. */
  readonly openGuard: Guard
  readonly health: Health
  readonly metrics: Metrics
  /** The built page. */
  readonly editor: string
  /** The built module for ComfyUI's page. */
  readonly extension?: string
  /** Another front end, served at `/`; ours is then at `/patronus/editor/`. */
  readonly frontEndRoot?: string
  /** The built module for other pages. */
  readonly register?: string
  /** Pages of other origins that may read its answers; the guard has its own list of them. */
  readonly origins?: readonly string[]
  readonly log: Logger
}

/** Everything the server can be asked: the guard, the routes (bare and under /api), the page. Made from parts, so a test makes it from others. */
export function createApp(
  parts: Parts,
  { guard, openGuard, health, metrics, editor, extension, frontEndRoot, register, origins, log }: AppOptions,
): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.set('etag', false)
  app.use(logged(log), allowOrigins(origins))
  app.get('/healthz', guarded(openGuard, metrics), safeHeaders, alive)
  app.use(guarded(guard, metrics), safeHeaders)
  app.get('/readyz', ready(health))
  app.get('/metrics', scraped(metrics))
  app.post(['/prompt', '/api/prompt'], refusedWhileDraining(health, metrics))

  const router = express.Router()
  router.options('/{*any}', (_, response) => void response.end())
  const comfy = [promptRoutes, fileRoutes, userRoutes, infoRoutes, modelRoutes, templateRoutes, internalRoutes, jobRoutes]
  for (const routes of [...comfy, patronusRoutes, savedRoutes, openApiRoutes]) routes(router, parts)
  extensionRoutes(router, extension)
  registerRoute(router, register)
  const house = express.Router().use('/api', router).use(router).use(pageFrom(editor))
  // Our page asks for everything beside itself, so the whole house stands behind its address.
  if (frontEndRoot !== undefined)
    app.use(ownHome, withSlash, house).use('/api', router).use(router).use(foreignPage(frontEndRoot))
  else app.use(house)
  app.use((_, response) => void response.status(404).type('text/plain').send('404: Not Found'))
  app.use(answerErrors(log, metrics))
  return app
}

/** Where our page lives when another one is at `/`. */
export const ownHome = '/patronus/editor'

/** Addresses in a page are read from its last slash on. */
const withSlash: RequestHandler = (request, response, next) =>
  request.originalUrl.split('?')[0] === ownHome ? response.redirect(308, `${ownHome}/`) : next()

const guarded =
  (guard: Guard, metrics: Metrics): RequestHandler =>
  (request, response, next) => {
    const verdict = guard({ method: request.method, url: request.originalUrl, headers: request.headers })
    if (!verdict.ok) {
      metrics.refused(verdict.why)
      if (verdict.status === 401) response.set('WWW-Authenticate', 'Bearer')
      return void response.status(verdict.status).type('text/plain').send(verdict.reason)
    }
    if (!verdict.byQuery || request.method !== 'GET') return next()
    // The address with the token was opened in a browser: a cookie carries it from here on, and it leaves the address bar.
    const url = new URL(request.originalUrl, 'http://server')
    const token = url.searchParams.get('token')!
    url.searchParams.delete('token')
    response.cookie(cookieName, token, { httpOnly: true, sameSite: 'strict', path: '/' })
    if (url.pathname !== '/') return next()
    const rest = url.pathname + url.search
    if (request.headers['sec-fetch-site'] !== 'cross-site') return response.redirect(303, rest)
    // A strict cookie does not go along when a page of elsewhere, as a file on the disk, led here; from a page of ours it does.
    safeHeaders(request, response, () => {})
    response.type('html').send(`<!doctype html><meta http-equiv="refresh" content="0;url=${rest.replaceAll('&', '&amp;')}">\n`)
  }

const safeHeaders: RequestHandler = (request, response, next) => {
  response.set({
    'Content-Security-Policy': strictPolicy(request.headers.host!),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  })
  next()
}

/** How soon asking again may help: a queue empties slowly, a decoder or a lost process is there again at once. */
const secondsToWait: Readonly<Record<number, number>> = { 429: 10, 503: 2 }

const answerErrors =
  (log: Logger, metrics: Metrics): ErrorRequestHandler =>
  (error, request, response, next) => {
    if (response.headersSent) return next(error)
    const { status, body } = error instanceof GraphError ? { status: 400, body: graphAnswer(error) } : answerFor(error)
    countProblem(metrics, request.path, status, body.error.type)
    const wait = secondsToWait[status]
    if (wait !== undefined) response.set('Retry-After', String(wait))
    if (status >= 500) log.error({ err: error, method: request.method, path: request.path }, 'request failed')
    response.status(status).json(body)
  }
