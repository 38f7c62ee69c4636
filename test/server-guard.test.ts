import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { createGuard, checkBinding, cookieName, type GuardOptions } from '../server/guard.ts'
import { testServer, type TestServer } from './server-parts.ts'

type Headers = Record<string, string>
const P = 'PORT'
const host = `127.0.0.1:${P}`

/** Name of the case, its headers, and what an HTTP GET, a POST and a WebSocket upgrade with them are answered. */
const table = JSON.parse(readFileSync(path.join(__dirname, 'reliability/headers.json'), 'utf8')) as [
  string,
  Headers,
  get: number,
  post: number,
  upgrade: number,
][]

/** Status of a request with exactly these headers. fetch would not let us lie about them. */
function ask(server: TestServer, method: string, path: string, headers: Headers): Promise<number> {
  const filled = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll(P, String(server.port))]),
  )
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: server.port, method, path, headers: filled, setHost: false })
    request.on('response', response => (response.resume(), resolve(response.statusCode!)))
    request.on('upgrade', (response, socket) => (socket.destroy(), resolve(response.statusCode!)))
    request.on('error', reject)
    request.end(method === 'POST' ? '{}' : undefined)
  })
}
const upgrade: Headers = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

describe('on this machine', () => {
  let server: TestServer
  beforeAll(async () => void (server = await testServer()))
  afterAll(() => server.clean())

  test.each(table)('%s', async (_, headers, get, post, socket) => {
    expect(await ask(server, 'GET', '/api/queue', headers)).toBe(get)
    expect(await ask(server, 'POST', '/interrupt', headers)).toBe(post)
    expect(await ask(server, 'GET', '/ws', { ...headers, ...upgrade })).toBe(socket)
  })

  const routes = [
    '/',
    '/prompt',
    '/queue',
    '/history',
    '/object_info',
    '/view?filename=a.png',
    '/system_stats',
    '/users',
    '/settings',
    '/userdata?dir=workflows',
    '/patronus/workflows',
    '/patronus/checkpoints',
    '/patronus/saved/a.json/versions',
    '/patronus/device',
    '/jobs',
    '/healthz',
    '/no/such/thing',
  ]
  test.each(routes.flatMap(route => (route === '/' ? [route] : [route, `/api${route}`])))(
    '%s refuses a hostile page and a rebound name',
    async route => {
      expect(await ask(server, 'GET', route, { Host: host, Origin: 'https://evil.example' })).toBe(403)
      expect(await ask(server, 'GET', route, { Host: 'evil.example' })).toBe(403)
    },
  )

  test('only /ws and /api/ws are sockets', async () => {
    expect(await ask(server, 'GET', '/api/ws?clientId=a', { Host: host, ...upgrade })).toBe(101)
    expect(await ask(server, 'GET', '/socket', { Host: host, ...upgrade })).toBe(404)
  })
})

describe('with a token', () => {
  let server: TestServer
  beforeAll(async () => void (server = await testServer({ token: 'open sesame' })))
  afterAll(() => server.clean())

  test('nothing but the token opens a route or a socket', async () => {
    for (const [headers, status, socket] of [
      [{}, 401, 401],
      [{ Authorization: 'Bearer open' }, 401, 401],
      [{ Authorization: 'Bearer open sesame' }, 200, 101],
      [{ Cookie: `a=b; ${cookieName}=open%20sesame` }, 200, 101],
      [{ Cookie: `${cookieName}=%E0%A4%A` }, 401, 401],
    ] as [Headers, number, number][]) {
      expect(await ask(server, 'GET', '/queue', { Host: host, ...headers })).toBe(status)
      expect(await ask(server, 'GET', '/ws', { Host: host, ...headers, ...upgrade })).toBe(socket)
    }
    expect(await ask(server, 'GET', '/queue?token=open%20sesame', { Host: host })).toBe(200)
    expect(await ask(server, 'GET', '/ws?token=open%20sesame', { Host: host, ...upgrade })).toBe(101)
  })

  test('opening the printed address gives a cookie that scripts cannot read, and takes the token out of the address', async () => {
    const response = await fetch(server.url, { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    expect(response.headers.get('set-cookie')).toMatch(/patronus_token=open%20sesame; Path=\/; HttpOnly; SameSite=Strict/)
  })
})

test('beyond this machine the server does not start without a token; with one, any address but no foreign name reaches it', () => {
  expect(() => checkBinding({ host: '0.0.0.0' })).toThrow(/--token/)
  expect(() => checkBinding({ host: '0.0.0.0', token: 'x' })).not.toThrow()
  const judge = (options: GuardOptions, headers: Headers) => createGuard(options)({ method: 'GET', url: '/', headers }).ok
  const everywhere = { host: '0.0.0.0', token: 'x', allowedHosts: ['lab.example'] }
  const authorization = 'Bearer x'
  expect(judge(everywhere, { host: '192.168.1.5:8188', authorization })).toBe(true)
  expect(judge(everywhere, { host: 'LAB.example', authorization })).toBe(true)
  expect(judge(everywhere, { host: 'evil.example', authorization })).toBe(false)
  expect(
    judge(
      { host: '127.0.0.1', allowedOrigins: ['https://lab.example'] },
      { host: 'localhost', origin: 'https://lab.example', 'sec-fetch-site': 'cross-site' },
    ),
  ).toBe(true)
})
