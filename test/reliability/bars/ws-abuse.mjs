import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { healthDuring, isWell, megabytes, withServer } from '../house.mjs'

/** A socket that remembers how it ended. */
function open(server) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`)
  socket.on('error', () => {})
  socket.on('unexpected-response', (request, response) => {
    socket.refusal = response.statusCode
    request.destroy()
    socket.emit('ended')
  })
  const ready = new Promise(resolve => socket.once('open', resolve).once('close', resolve).once('ended', resolve))
  const closed = new Promise(resolve => socket.once('close', resolve))
  return { socket, ready, closed }
}

async function fragments(server) {
  const one = open(server)
  await one.ready
  for (let i = 0; i < 16_000 && one.socket.readyState === WebSocket.OPEN; i++) {
    one.socket.send('x', { fin: false })
    if (i % 200 === 0) await sleep(0)
  }
  return Promise.race([one.closed, sleep(10_000, 'open')])
}

async function enormous(server, bytes) {
  const one = open(server)
  await one.ready
  one.socket.send(bytes, () => {})
  return Promise.race([one.closed, sleep(10_000, 'open')])
}

export default {
  number: 12,
  name: 'socket abuse',
  wanted: '50 × 16,000 fragments, messages of 100 MB, 1,000 connects: closed 1008/1009, heap +< 32 MB, healthz p99 < 100 ms',
  run: ({ quick, slack }) =>
    withServer({}, async server => {
      const before = (await server.ask('facts')).memory
      const health = await healthDuring(server, async () => {
        const cut = await Promise.all(Array.from({ length: quick ? 10 : 50 }, () => fragments(server)))
        const large = Buffer.alloc(100 << 20)
        const refused = []
        for (let i = 0; i < (quick ? 2 : 10); i++) refused.push(await enormous(server, large))
        const crowd = Array.from({ length: quick ? 400 : 1000 }, () => open(server))
        await Promise.all(crowd.map(({ ready }) => ready))
        const standing = crowd.filter(({ socket }) => socket.readyState === WebSocket.OPEN).length
        crowd.forEach(({ socket }) => socket.terminate())
        return { cut, refused, standing, crowd: crowd.length }
      })
      await sleep(500)
      const after = (await server.ask('facts')).memory
      const heap = after.heapUsed + after.external - before.heapUsed - before.external
      const { cut, refused, standing, crowd } = health.value
      const isClosed = [...cut, ...refused].every(code => [1006, 1008, 1009].includes(code))
      const codes = [...new Set([...cut, ...refused])].join(', ')
      const trouble = await isWell(server)
      return {
        ok: !trouble && isClosed && heap < 32 << 20 && health.p99 < 100 * slack && health.failed === 0 && standing <= 256,
        figure:
          trouble ??
          `all closed with ${codes}, ${standing} of ${crowd} sockets let in, heap +${megabytes(heap)} MB, healthz p50 ${health.p50} p99 ${health.p99} ms (${health.failed} failed)`,
        heap: megabytes(heap),
        p99: health.p99,
      }
    }),
}
