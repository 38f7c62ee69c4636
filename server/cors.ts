import type { RequestHandler } from 'express'

/**
 * Lets pages of the listed origins read what the server answers, and nobody else: without these headers a browser hands no
 * answer of ours to another page. Cookies are not part of it; where there is a token, the page has to know it.
 */
export function allowOrigins(origins: readonly string[] = []): RequestHandler {
  const listed = new Set(origins.map(origin => new URL(origin).origin))
  return (request, response, next) => {
    // Caches must not give one origin the answer that another one may read.
    if (listed.size > 0) response.vary('Origin')
    const { origin } = request.headers
    if (origin === undefined || !listed.has(origin)) return next()
    response.set('Access-Control-Allow-Origin', origin)
    if (isPreflight(request))
      response.set({
        'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE',
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, Comfy-User',
        'Access-Control-Max-Age': '600',
      })
    next()
  }
}

/** The question a browser asks before a request that a plain form could not have made. */
export const isPreflight = ({
  method,
  headers,
}: {
  readonly method: string
  readonly headers: { readonly 'access-control-request-method'?: string }
}): boolean => method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
