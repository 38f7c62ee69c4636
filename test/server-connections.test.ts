/** Who holds connections open without a word gives way to who asks (server/connections.ts). */
import { createServer, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { limitConnections, type ConnectionLimits } from '../server/connections.ts'

let server: Server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function listening(limits: Partial<ConnectionLimits>): Promise<number> {
  server = createServer((request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 5500)
    else request.resume().on('end', () => response.end('quick'))
  })
  limitConnections(server, limits)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** On a connection of its own: one kept from before may have given way. */
const ask = async (port: number, url = '/') =>
  (await fetch(`http://127.0.0.1:${port}${url}`, { headers: { connection: 'close' } })).text()

/** Connections that send `text` and then nothing; `closed` counts those the server ended. */
async function held(port: number, count: number, text: string) {
  const state = { closed: 0, sockets: [] as net.Socket[] }
  for (let i = 0; i < count; i++) {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => state.closed++)
    socket.resume()
    socket.write(text)
    state.sockets.push(socket)
  }
  await sleep(300)
  return state
}
const openBody = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{'

test('silent connections of one address are cut down to their number within two seconds, and not before they had a second', async () => {
  const port = await listening({ silent: 10 })
  const state = await held(port, 40, 'GET / HT')
  expect(state.closed).toBe(0)
  await sleep(1700)
  expect(state.closed).toBe(30)
  expect(await ask(port)).toBe('quick')
})

test('what many said while the server was busy is read before anybody counts as silent', async () => {
  const port = await listening({ silent: 10 })
  const state = await held(port, 40, '')
  let answers = 0
  for (const socket of state.sockets) {
    socket.on('data', () => answers++)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  }
  for (const end = performance.now() + 1500; performance.now() < end;);
  await sleep(500)
  expect(answers).toBe(40)
})

test('when all places are taken, silence and unfinished bodies give way to the newest; what is being answered does not', async () => {
  const port = await listening({ total: 20 })
  const answered = ask(port, '/slow')
  await sleep(100)
  const bodies = await held(port, 15, openBody)
  const silent = await held(port, 30, '')
  // Twice as many for a moment, then as many as there are places.
  expect(silent.closed).toBe(6)
  await sleep(1500)
  expect(bodies.closed + silent.closed).toBe(26)
  expect(await ask(port)).toBe('quick')
  const more = await held(port, 40, openBody)
  await sleep(1500)
  expect(15 + 30 + 40 - bodies.closed - silent.closed - more.closed).toBe(19)
  expect(await ask(port)).toBe('quick')
  expect(await answered).toBe('slow')
})

test('a connection that is used again and again stays', async () => {
  const port = await listening({ silent: 1 })
  const socket = net.connect(port, '127.0.0.1')
  let answers = 0
  socket.on('data', data => (answers += data.toString().split('quick').length - 1))
  for (let i = 0; i < 12; i++) {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await sleep(200)
  }
  expect(answers).toBe(12)
  socket.destroy()
})
