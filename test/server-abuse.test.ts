import net from 'node:net'
import fc from 'fast-check'
import { WebSocket } from 'ws'
import { connect, getJson, submit, testServer, type TestServer } from './server-parts.ts'

let server: TestServer
beforeAll(async () => void (server = await testServer({ socketLimits: { pingEvery: 100, connections: 20 } })))
afterAll(() => server.clean())

const isWell = async () => expect((await fetch(`${server.origin}/healthz`)).status).toBe(200)
const closed = (socket: WebSocket) =>
  new Promise<number>(resolve => {
    socket.on('error', () => {})
    socket.once('close', code => resolve(code))
  })

test('any JSON in the place of a graph is accepted or refused with a reason, never a failure of the server', async () => {
  const ids = fc.constantFrom('1', '2', '3', '__proto__', 'constructor', 'toString', '')
  const value = fc.oneof(
    fc.tuple(ids, fc.oneof(fc.integer({ min: -2, max: 3 }), fc.double())),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.object({ maxDepth: 2 }),
    fc.array(fc.integer()),
  )
  const node = fc.record(
    {
      class_type: fc.oneof(
        fc.constantFrom('Constant', 'Add', 'Show', 'SaveImage', 'LoadImage', 'constructor'),
        fc.anything({ maxDepth: 1 }),
      ),
      inputs: fc.oneof(
        fc.dictionary(fc.constantFrom('value', 'a', 'b', 'images', 'image', 'prefix', '__proto__'), value),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: [] },
  )
  const graph = fc.oneof(
    fc.dictionary(ids, fc.oneof({ weight: 9, arbitrary: node }, { weight: 1, arbitrary: fc.jsonValue() })),
    fc.jsonValue(),
  )
  await fc.assert(
    fc.asyncProperty(graph, async prompt => {
      const { status, body } = await submit(server, prompt)
      expect([200, 400]).toContain(status)
      if (status === 400)
        expect(body.error).toMatchObject({ type: expect.any(String), message: expect.any(String), details: expect.any(String) })
    }),
    { numRuns: 400 },
  )
  await isWell()
  expect(Object.keys(Object.prototype)).toEqual([])
}, 120_000)

test('a chain of thousands of nodes is checked and run in its order, in a second or two', async () => {
  const length = 3000
  const link = (i: number) =>
    i === 0 ? { class_type: 'Constant', inputs: { value: 1 } } : { class_type: 'Add', inputs: { a: [String(i - 1), 0], b: 1 } }
  const chain: Record<string, object> = Object.fromEntries(Array.from({ length }, (_, i) => [i, link(i)]))
  chain.end = { class_type: 'Show', inputs: { value: [String(length - 1), 0] } }
  const began = Date.now()
  const { status, body } = await submit(server, chain)
  expect(status).toBe(200)
  expect(Date.now() - began).toBeLessThan(2000)
  let history: Record<string, { outputs: object }> = {}
  while (!history[body.prompt_id]) {
    await new Promise(resolve => setTimeout(resolve, 50))
    history = await getJson(server, `/history/${body.prompt_id}`)
  }
  expect(history[body.prompt_id].outputs).toEqual({ end: { text: [String(length)] } })
}, 60_000)

test('a client that sends too much, in one piece or in thousands, is cut off; others notice nothing', async () => {
  const other = await connect(server)
  const large = (await connect(server)).socket
  const largeClosed = closed(large)
  large.send(Buffer.alloc(2 << 20))
  expect(await largeClosed).toBe(1009)
  const pieces = (await connect(server)).socket
  const piecesClosed = closed(pieces)
  for (let i = 0; i < 500 && pieces.readyState === WebSocket.OPEN; i++) pieces.send('x', { fin: false })
  expect(await piecesClosed).toBeGreaterThan(1000)
  for (const junk of ['', '{', '[]', 'null', '{"type":"feature_flags","data":5}', '\u0000']) {
    const { socket, close } = await connect(server, { metadata: false })
    socket.send(junk)
    await close()
  }
  expect(other.socket.readyState).toBe(WebSocket.OPEN)
  await other.close()
  await isWell()
})

test('connections beyond the limit are refused, and there is room again when some leave', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(server)))
  const refused = new WebSocket(`ws://127.0.0.1:${server.port}/ws`)
  expect(await new Promise(resolve => refused.once('unexpected-response', (_, response) => resolve(response.statusCode)))).toBe(
    503,
  )
  await Promise.all(clients.map(client => client.close()))
  await new Promise(resolve => setTimeout(resolve, 50))
  await (await connect(server)).close()
})

test('a peer that stopped answering is dropped after a few pings', async () => {
  const socket = net.connect(server.port, '127.0.0.1')
  socket.write(
    `GET /ws?clientId=dead HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  socket.resume()
  const began = Date.now()
  await new Promise(resolve => socket.once('close', resolve))
  expect(Date.now() - began).toBeLessThan(3000)
})

test('a server that stops in the middle of a run puts the run off, says goodbye to its clients and lets go of its port', async () => {
  const stopping = await testServer()
  const client = await connect(stopping)
  await submit(
    stopping,
    {
      s: { class_type: 'Steps', inputs: { count: 10_000, wait: 5, size: 8 } },
      t: { class_type: 'Show', inputs: { value: ['s', 0] } },
    },
    { client_id: client.id },
  )
  await client.until(one => one.type === 'frame')
  const goodbye = closed(client.socket)
  const began = Date.now()
  await stopping.clean()
  expect(Date.now() - began).toBeLessThan(3000)
  expect(await goodbye).toBe(1001)
  // Who hears of an interruption takes the run for ended (test/server-restart.test.ts: it goes on at the next start).
  expect(client.heard.some(one => one.type === 'execution_interrupted')).toBe(false)
  const again = await testServer({ port: stopping.port })
  await again.clean()
})
