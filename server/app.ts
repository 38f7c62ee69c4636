import { existsSync } from 'node:fs'
import path from 'node:path'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import type { Logger } from 'pino'
import { GraphError, type ObjectInfo } from '../workflows/graph.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Files } from './files.ts'
import { allowOrigins } from './cors.ts'
import { cookieName, type GuardRequest, type Verdict } from './guard.ts'
import { answerFor } from './problem.ts'
import type { JobQueue } from './queue.ts'
import { fileRoutes } from './routes/files.ts'
import { infoRoutes } from './routes/info.ts'
import { jobRoutes } from './routes/jobs.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { patronusRoutes } from './routes/patronus.ts'
import { graphAnswer, promptRoutes } from './routes/prompt.ts'
import { registerRoute } from './routes/register.ts'
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
  readonly runner: Runner
  readonly checkpoints: Checkpoints
  /** The catalog as `/object_info` says it, with the files that lie in the folders now. */
  objectInfo(): Promise<ObjectInfo>
}

export type AppOptions = {
  readonly guard: (request: GuardRequest) => Verdict
  /** The built page. */
  readonly editor: string
  /** The built module for other pages. */
  readonly register?: string
  /** Pages of other origins that may read its answers; the guard has its own list of them. */
  readonly origins?: readonly string[]
  readonly log: Logger
}

/** Everything the server can be asked: the guard, the routes (bare and under /api), the page. Made from parts, so a test makes it from others. */
export function createApp(parts: Parts, { guard, editor, register, origins, log }: AppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.set('etag', false)
  app.use(logged(log), allowOrigins(origins), guarded(guard), safeHeaders)

  const router = express.Router()
  router.options('/{*any}', (_, response) => void response.end())
  for (const routes of [promptRoutes, fileRoutes, userRoutes, infoRoutes, jobRoutes, patronusRoutes, openApiRoutes])
    routes(router, parts)
  registerRoute(router, register)
  app.use('/api', router)
  app.use(router)
  app.use(pageFrom(editor))
  app.use((_, response) => void response.status(404).type('text/plain').send('404: Not Found'))
  app.use(answerErrors(log))
  return app
}

/** One line a request, without its query: that may hold the token. */
const logged =
  (log: Logger): RequestHandler =>
  (request, response, next) => {
    const began = performance.now()
    const { method, path } = request
    response.once('finish', () =>
      log.info({ method, path, status: response.statusCode, ms: Math.round(performance.now() - began) }, 'request'),
    )
    next()
  }

const guarded =
  (guard: AppOptions['guard']): RequestHandler =>
  (request, response, next) => {
    const verdict = guard({ method: request.method, url: request.originalUrl, headers: request.headers })
    if (!verdict.ok) {
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
    response.redirect(303, url.pathname + url.search)
  }

/** Scripts, styles and connections of our own origin only; nothing inline but styles, which litegraph and preact set. */
const pagePolicy = (host: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    // Some browsers do not count ws: as 'self'. The guard has checked the host name.
    `connect-src 'self' ws://${host} wss://${host}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const safeHeaders: RequestHandler = (request, response, next) => {
  response.set({
    'Content-Security-Policy': pagePolicy(request.headers.host!),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  })
  next()
}

/** The built page. Files under /assets have their content in their name and never change. */
function pageFrom(folder: string): RequestHandler {
  const files = express.static(folder, {
    index: 'index.html',
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders: (response, file) => {
      const isHashed = path.relative(folder, file).startsWith(`assets${path.sep}`)
      response.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  return (request, response, next) => {
    if (request.path === '/' && !existsSync(path.join(folder, 'index.html')))
      return void response
        .status(503)
        .type('text/plain')
        .send('The page is not built yet: run `npm run build` and reload. The server itself works.')
    files(request, response, next)
  }
}

const answerErrors =
  (log: Logger): ErrorRequestHandler =>
  (error, request, response, next) => {
    if (response.headersSent) return next(error)
    const { status, body } = error instanceof GraphError ? { status: 400, body: graphAnswer(error) } : answerFor(error)
    if (status >= 500) log.error({ err: error, method: request.method, path: request.path }, 'request failed')
    response.status(status).json(body)
  }
