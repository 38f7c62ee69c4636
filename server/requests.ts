import { randomUUID } from 'node:crypto'
import type { RequestHandler } from 'express'
import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'

/** A name for a request that a proxy or a client gave it: short and plain, or it is not taken over. */
const isRequestId = (text: string | undefined): text is string => text !== undefined && /^[\w.:+/=-]{1,128}$/.test(text)

/** Gives every request its id, which the answer and the log repeat; one line a request, without its query: that may hold the token. */
export const logged =
  (log: Logger): RequestHandler =>
  (request, response, next) => {
    const began = performance.now()
    const { method, path } = request
    const given = request.get('x-request-id')
    const id = isRequestId(given) ? given : randomUUID()
    response.set('X-Request-Id', id)
    response.once('finish', () =>
      log.info(
        { request_id: id, method, path, status: response.statusCode, ms: Math.round(performance.now() - began) },
        'request',
      ),
    )
    next()
  }

/** Counts what was answered with an error; `type` as problem.ts has it. */
export function countProblem(metrics: Metrics, path: string, status: number, type: string): void {
  if (/^(\/api)?\/upload\//i.test(path) && status < 500) metrics.uploadRejected(type)
  if (status === 413 || status === 429) metrics.refused('limit')
  else if (type === 'bad_file_name') metrics.refused('path')
}
