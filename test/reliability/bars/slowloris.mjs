import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { healthDuring, isWell, round, withServer } from '../house.mjs'

/** A connection that sends a little and then a letter now and then. */
function hold(server, head) {
  const began = performance.now()
  const socket = net.connect(server.port, '127.0.0.1')
  const one = { lived: undefined }
  socket.on('error', () => {})
  socket.on('close', () => (one.lived = (performance.now() - began) / 1000))
  // One that is never read does not notice that it was closed.
  socket.resume()
  socket.write(head)
  one.timer = setInterval(() => socket.writable && socket.write('x'), 4000)
  one.drop = () => (clearInterval(one.timer), socket.destroy())
  return one
}

export default {
  number: 13,
  name: 'slowloris',
  wanted: '2,000 half-open connections: healthz p99 < 50 ms and none failed, all closed in <= 20 s',
  run: ({ quick, slack }) =>
    withServer({}, async server => {
      const count = quick ? 500 : 2000
      const health = await healthDuring(server, async () => {
        const held = []
        for (let i = 0; i < count; i++) {
          held.push(hold(server, ['', 'G', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: '][i % 3]))
          if (i % 50 === 0) await sleep(5)
        }
        for (let waited = 0; waited < 30_000 && held.some(({ lived }) => lived === undefined); waited += 100) await sleep(100)
        return held
      })
      const held = health.value
      const open = held.filter(({ lived }) => lived === undefined).length
      const longest = Math.max(...held.map(({ lived }) => lived ?? Infinity))
      held.forEach(one => one.drop())
      // Those that begin a body and never end it hold what is answered, not the door.
      const bodies = await healthDuring(server, async () => {
        const slow = Array.from({ length: quick ? 300 : 1500 }, () =>
          hold(server, 'POST /prompt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{'),
        )
        await sleep(3000)
        slow.forEach(one => one.drop())
      })
      const trouble = await isWell(server)
      return {
        ok:
          !trouble &&
          open === 0 &&
          longest <= 20 + slack / 2 &&
          health.p99 < 50 * slack &&
          health.failed === 0 &&
          bodies.failed === 0,
        figure:
          trouble ??
          `${count} held, all but ${open} closed, the last after ${round(longest)} s; healthz p50 ${health.p50} p99 ${health.p99} ms, ${health.failed} of ${health.asked} failed; beside slow bodies p99 ${bodies.p99} ms, ${bodies.failed} failed`,
        p99: health.p99,
        longest: round(longest),
      }
    }),
}
