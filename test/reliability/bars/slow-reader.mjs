import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { growth, megabytes, percentile, round } from '../house.mjs'

const script = fileURLToPath(new URL('../hub.mjs', import.meta.url))

function connect(port, id) {
  const client = { id, statuses: [], late: [], frames: 0, closedAt: undefined }
  client.socket = new WebSocket(`ws://127.0.0.1:${port}/ws?clientId=${id}`)
  client.socket.on('error', () => {})
  client.socket.on('close', () => (client.closedAt = performance.now()))
  client.socket.on('message', (data, isBinary) => {
    if (isBinary) return void client.frames++
    const { data: body } = JSON.parse(data)
    if (body?.at === undefined) return
    client.statuses.push(body.status.exec_info.queue_remaining)
    client.late.push(Date.now() - body.at)
  })
  return new Promise((resolve, reject) => client.socket.once('open', () => resolve(client)).once('error', reject))
}

export default {
  number: 11,
  name: 'slow reader',
  wanted:
    '200 sockets, 20 get 30 × 50 kB a second, 1 of these frozen, 60 s: memory +< 64 MB, frozen one closed in <= 60 s, others lose 0 status messages, p99 < 500 ms',
  async run({ quick, slack }) {
    const [count, seconds] = quick ? [40, 8] : [200, 62]
    const viewers = Array.from({ length: quick ? 5 : 20 }, (_, i) => `c${i}`)
    // The quick run asks for answers more often; the long one has the times of the real server.
    const limits = quick ? { pingEvery: 1500 } : {}
    const hub = fork(script, [JSON.stringify({ viewers, bytes: 50_000, limits })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const [{ port }] = await once(hub, 'message')
    const clients = []
    for (let i = 0; i < count; i++) clients.push(await connect(port, `c${i}`))
    const [frozen, ...others] = clients
    frozen.socket.pause()
    const { grown } = await growth({ pid: hub.pid }, async () => {
      hub.send('begin')
      await sleep(seconds * 1000)
    })
    hub.send('end')
    const [{ sent, most, cutAfter }] = await once(hub, 'message')
    await sleep(1000)
    // A paused socket does not hear that it was closed until it reads on; what it then reads is what had been sent.
    frozen.socket.resume()
    await sleep(500)
    const isCut = frozen.closedAt !== undefined && Math.max(0, ...frozen.statuses) < sent
    const lost = others.reduce((sum, { statuses }) => sum + (sent - new Set(statuses).size), 0)
    const late = others.flatMap(({ late }) => late)
    const frames = others.reduce((sum, { frames }) => sum + frames, 0)
    clients.forEach(({ socket }) => socket.terminate())
    hub.disconnect()
    await once(hub, 'exit')
    const p99 = round(percentile(late, 99))
    return {
      ok: isCut && cutAfter <= 60_000 && lost === 0 && grown < 64 << 20 && p99 < 500 * slack,
      figure: `memory +${megabytes(grown)} MB, most waiting for one client ${megabytes(most)} MB, the frozen one ${isCut ? `was cut off after ${round(cutAfter / 1000)} s` : 'was NOT cut off'}, ${lost} of ${sent * others.length} status messages lost, p99 ${p99} ms, ${frames} frames seen`,
      grown: megabytes(grown),
      lost,
      p99,
    }
  },
}
