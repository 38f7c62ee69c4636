import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import os from 'node:os'
import { isPreflight } from './cors.ts'

/** Who may talk to this server. One rule for every HTTP route and for the WebSocket upgrade (spec/reliability.md 1.3). */
export type GuardOptions = {
  /** The address the server is bound to. */
  readonly host: string
  /** More names by which people reach it: behind a proxy, in a local network. */
  readonly allowedHosts?: readonly string[]
  /** Pages of other origins that may use it, e.g. `https://lab.example`. */
  readonly allowedOrigins?: readonly string[]
  /** Needed to bind beyond this machine. */
  readonly token?: string
}

export type GuardRequest = {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly upgrade?: boolean
}
export type Verdict =
  | { readonly ok: true; readonly byQuery?: boolean }
  | { readonly ok: false; readonly status: 401 | 403; readonly why: 'host' | 'origin' | 'token'; readonly reason: string }

export const cookieName = 'patronus_token'

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)

/** `Host` header to host name: lower case, no port, no brackets; undefined when it is not a plain host. */
export function hostName(header: string | undefined): string | undefined {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (parts?.[1] ?? parts?.[2])?.toLowerCase()
}

/**
 * Judges a request by its headers alone. A page of another site can reach a server on this machine in four ways: by its
 * address (Origin tells), by a name that was rebound to 127.0.0.1 (Host tells), by a form or an image (Origin or
 * Sec-Fetch-Site tells), by a socket (the same three). Programs send none of these headers and pass.
 */
export function createGuard({
  host,
  allowedHosts = [],
  allowedOrigins = [],
  token,
}: GuardOptions): (request: GuardRequest) => Verdict {
  const bound = host.replace(/^\[|\]$/g, '').toLowerCase()
  const everywhere = !isLoopback(bound)
  const names = new Set([
    'localhost',
    '127.0.0.1',
    '::1',
    bound,
    ...(everywhere ? [os.hostname().toLowerCase()] : []),
    ...allowedHosts.map(name => name.toLowerCase()),
  ])
  const origins = new Set(allowedOrigins.map(origin => new URL(origin).origin))
  // An address cannot be rebound, only a name can; beyond loopback the token decides.
  const hostAllowed = (name: string | undefined) => name !== undefined && (names.has(name) || (everywhere && isIP(name) > 0))

  const refusal = (why: 'host' | 'origin' | 'token', reason: string): Verdict => ({
    ok: false,
    status: why === 'token' ? 401 : 403,
    why,
    reason,
  })
  return request => {
    const { headers } = request
    if (!hostAllowed(hostName(headers.host)))
      return refusal('host', 'This host name is not one the server answers to; start it with --allow-host NAME')
    if (headers.origin !== undefined && !originAllowed(headers.origin, headers.host!, origins))
      return refusal('origin', 'Requests from pages of another origin are refused; start the server with --allow-origin ORIGIN')
    const listed = headers.origin !== undefined && origins.has(originOf(headers.origin) ?? '')
    if (!listed && !siteAllowed(request)) return refusal('origin', 'Requests made by pages of another site are refused')
    // A preflight cannot carry the token, and its answer holds nothing.
    if (!token || (listed && isPreflight(request))) return { ok: true }
    const given = givenTokens(request)
    if (given.header.some(text => same(text, token))) return { ok: true }
    if (given.query !== undefined && same(given.query, token)) return { ok: true, byQuery: true }
    return refusal('token', 'This server wants its token: open the address it printed, or send Authorization: Bearer TOKEN')
  }
}

function originOf(text: string): string | undefined {
  try {
    const url = new URL(text)
    return url.origin !== 'null' && url.origin === text.toLowerCase() ? url.origin : undefined
  } catch {
    return undefined
  }
}

/** Present and equal to Host, or listed. `null` and what cannot be read are refused. */
function originAllowed(header: string, host: string, listed: ReadonlySet<string>): boolean {
  const origin = originOf(header)
  if (origin === undefined) return false
  if (listed.has(origin)) return true
  try {
    return origin === new URL(`http://${host}`).origin || origin === new URL(`https://${host}`).origin
  } catch {
    return false
  }
}

/** A browser says here from where a request comes; a link that a person clicked on another site may open the page, no more. */
function siteAllowed({ method, headers, upgrade }: GuardRequest): boolean {
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') return true
  return !upgrade && method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b))

function givenTokens({ headers, url }: GuardRequest): { header: string[]; query?: string } {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  const cookies = (headers.cookie ?? '').split(';').map(part => part.trim().split('='))
  const cookie = cookies.find(([name]) => name === cookieName)?.[1]
  const query = new URLSearchParams(url.split('?')[1] ?? '').get('token') ?? undefined
  const decoded = cookie === undefined ? undefined : safeDecode(cookie)
  return { header: [bearer, decoded].filter(text => text !== undefined), query }
}

function safeDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Throws unless the server may be bound to `host` with these options. */
export function checkBinding({ host, token }: GuardOptions): void {
  if (!isLoopback(host.replace(/^\[|\]$/g, '')) && !token)
    throw new Error(
      `Refusing to listen on ${host} without a token: whoever reaches the port could run graphs and read files. Add --token SECRET, or listen on 127.0.0.1`,
    )
}
