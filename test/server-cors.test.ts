import { testServer, type TestServer } from './server-parts.ts'

const lab = 'https://lab.example'

describe('a page of another origin', () => {
  let server: TestServer
  beforeAll(async () => void (server = await testServer({ allowedOrigins: [lab], token: 'sesame' })))
  afterAll(() => server.clean())

  const ask = (path: string, init: RequestInit) => fetch(server.origin + path, init)
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }

  test('reads answers when its origin is listed and it knows the token', async () => {
    const response = await ask('/queue', { headers: { origin: lab, authorization: 'Bearer sesame' } })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, lab])
    expect(response.headers.get('vary')).toMatch(/origin/i)
  })

  test('may read why it was refused when its token is wrong, and gets nothing else', async () => {
    const response = await ask('/queue', { headers: { origin: lab, authorization: 'Bearer wrong' } })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([401, lab])
  })

  test('is told beforehand what it may send, though that question carries no token', async () => {
    const response = await ask('/prompt', { method: 'OPTIONS', headers: { origin: lab, ...preflight } })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-headers')).toMatch(/Authorization, Content-Type/)
    expect(await response.text()).toBe('')
    expect((await ask('/prompt', { method: 'OPTIONS', headers: { origin: lab } })).status).toBe(401)
  })

  test.each(['https://evil.example', 'http://lab.example', 'https://lab.example.evil.example', 'null'])(
    'reads nothing when it comes from %s',
    async origin => {
      const inits: RequestInit[] = [
        { headers: { origin, authorization: 'Bearer sesame' } },
        { method: 'OPTIONS', headers: { origin, ...preflight } },
      ]
      for (const init of inits) {
        const response = await ask('/queue', init)
        expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null])
      }
    },
  )

  test('never sends cookies along', async () => {
    const response = await ask('/queue', { headers: { origin: lab, authorization: 'Bearer sesame' } })
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
  })
})

test('without a list no answer speaks of other origins', async () => {
  const server = await testServer()
  const { headers } = await fetch(`${server.origin}/queue`)
  expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([null, null])
  await server.clean()
})
