// The socket hub alone, pushed from inside: 30 pictures a second to some clients, ten status messages a second to all.
import { createServer } from 'node:http'
import { createSockets } from '../../dist/server/socket.js'

const { viewers, bytes, limits } = JSON.parse(process.argv[2])
const sockets = createSockets({ queueRemaining: async () => 0, resume: () => undefined, features: {} }, limits)
const server = createServer()
server.on('upgrade', (request, socket, head) => sockets.accept(request, socket, head))
const frame = { promptId: 'p', node: 'n', mime: 'image/png', image: Buffer.alloc(bytes) }
let sent = 0
let most = 0
let began = 0
// The first viewer is the frozen one: what waits for it is gone when it is.
let cutAfter = 0
const timers = []
process.on('message', what => {
  if (what === 'begin') {
    began = performance.now()
    timers.push(
      setInterval(() => viewers.forEach(id => sockets.preview(frame, id)), 33),
      setInterval(() => {
        sockets.send({ type: 'status', data: { status: { exec_info: { queue_remaining: ++sent } }, at: Date.now() } })
        if (sockets.buffered(viewers[0]) > 0) cutAfter = performance.now() - began
        most = Math.max(most, ...viewers.map(id => sockets.buffered(id)))
      }, 100),
    )
  } else {
    timers.forEach(clearInterval)
    process.send({ sent, most, cutAfter })
  }
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
