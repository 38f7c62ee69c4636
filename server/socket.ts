import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { frameWithMetadata, plainFrame, type PreviewFrame } from './frames.ts'
import type { ServerMessage } from './protocol.ts'

/** Bytes and times that keep one bad client from costing the others anything (spec/reliability.md, section 0 line 8). */
export type SocketLimits = {
  /** Above this many unsent bytes a client gets no more previews. */
  readonly skipAbove: number
  /** Above this many it is cut off. */
  readonly cutAbove: number
  readonly pingEvery: number
  readonly connections: number
  /** Of one address. */
  readonly perAddress: number
}
const defaults: SocketLimits = {
  skipAbove: 2 << 20,
  cutAbove: 16 << 20,
  pingEvery: 15_000,
  connections: 512,
  perAddress: 256,
}

/** Messages kept for a client that was not greeted yet; a greeting takes milliseconds. */
const mostHeld = 1000

/** What the hub asks of the rest of the server when somebody connects. */
export type Greeting = {
  queueRemaining(): Promise<number>
  /** What a client that comes back should see, if the running job is its own. */
  resume(clientId: string): { messages: readonly ServerMessage[]; frame?: PreviewFrame } | undefined
  features: Readonly<Record<string, unknown>>
}

export type Sockets = {
  /** Takes an upgrade that the guard has passed. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** To one client, or to all. Never skipped. */
  send(message: ServerMessage, clientId?: string): void
  /** Something that only the newest of matters: skipped when the client is behind. */
  sendIfIdle(message: ServerMessage, clientId: string): void
  preview(frame: PreviewFrame, clientId: string): void
  /** Unsent bytes of a client; for tests and metrics. */
  buffered(clientId: string): number
  /** For metrics. */
  stats(): { readonly clients: number; readonly buffered: number; readonly droppedPreviews: number }
  close(): void
}

type Client = {
  readonly id: string
  readonly socket: WebSocket
  /** The connection under the socket. */
  readonly wire: Duplex
  readonly address: string
  metadata: boolean
  missed: number
  late?: () => void
  /** What is to be said once the greeting is said, which comes first; undefined from then on. */
  held?: (string | Buffer)[]
}

const featureFlags = z.object({
  type: z.literal('feature_flags'),
  // A flag that is not true is not there, whatever else it is.
  data: z.object({ supports_preview_metadata: z.unknown() }).catch({ supports_preview_metadata: false }),
})

export function createSockets(greeting: Greeting, options: Partial<SocketLimits> = {}): Sockets {
  const limits = { ...defaults, ...options }
  const server = new WebSocketServer({ noServer: true, maxPayload: 1 << 20, maxFragments: 64, maxBufferedChunks: 1024 })
  const clients = new Map<string, Client>()
  const open = new Set<Client>()
  let droppedPreviews = 0

  const countOf = (address: string) => [...open].filter(client => client.address === address).length
  const write = (client: Client, data: string | Buffer) => {
    if (client.socket.readyState !== WebSocket.OPEN) return
    // A queue that takes so long is stuck; the client comes back and is greeted again.
    if (client.held && client.held.length >= mostHeld) return client.socket.terminate()
    if (client.held) return void client.held.push(data)
    if (client.socket.bufferedAmount > limits.cutAbove) return client.socket.terminate()
    // A step's bars and picture are several messages and one system call.
    if (client.wire.writableCorked === 0) {
      client.wire.cork()
      process.nextTick(() => client.wire.uncork())
    }
    client.socket.send(data)
  }
  const tell = (client: Client, message: ServerMessage) => write(client, JSON.stringify(message))
  const show = (client: Client, frame: PreviewFrame) => {
    if (client.held && !frame.isResult) return
    if (client.socket.bufferedAmount > limits.skipAbove && !frame.isResult) return void droppedPreviews++
    write(client, client.metadata ? frameWithMetadata(frame) : plainFrame(frame))
  }

  /** The first message may say what the client understands; everything else it says is ignored, as ComfyUI does. */
  const listenFor = (client: Client, data: RawData, isBinary: boolean) => {
    const flags = isBinary ? undefined : readFlags(data)
    if (flags) {
      client.metadata = flags.supports_preview_metadata === true
      tell(client, { type: 'feature_flags', data: { ...greeting.features } })
    }
    client.late?.()
  }

  const greet = async (client: Client) => {
    const queue_remaining = await greeting.queueRemaining()
    const held = client.held ?? []
    client.held = undefined
    tell(client, { type: 'status', data: { status: { exec_info: { queue_remaining } }, sid: client.id } })
    for (const data of held) write(client, data)
    const running = greeting.resume(client.id)
    if (!running) return
    running.messages.forEach(message => tell(client, message))
    // The frame waits for the client's first word, which says in what form it wants it; old clients never speak.
    client.late = () => {
      clearTimeout(timer)
      client.late = undefined
      const frame = greeting.resume(client.id)?.frame
      if (frame) show(client, frame)
    }
    const timer = setTimeout(() => client.late?.(), 300)
  }

  const welcome = (socket: WebSocket, request: IncomingMessage, wire: Duplex) => {
    const asked = new URLSearchParams(request.url?.split('?')[1] ?? '').get('clientId')
    const client: Client = {
      id: asked?.slice(0, 200) || randomUUID().replaceAll('-', ''),
      socket,
      wire,
      address: addressOf(request),
      metadata: false,
      missed: 0,
      held: [],
    }
    // A client that comes back takes its name over; its old socket may still be closing.
    clients.set(client.id, client)
    open.add(client)
    socket.once('message', (data, isBinary) => listenFor(client, data, isBinary))
    socket.on('pong', () => (client.missed = 0))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      open.delete(client)
      client.late = undefined
      if (clients.get(client.id) === client) clients.delete(client.id)
    })
    // A queue that cannot be read is told in the log by whoever runs jobs; here it costs one connection, not the server.
    greet(client).catch(() => socket.close(1011, 'The queue cannot be read'))
  }

  const beat = setInterval(() => {
    for (const client of open)
      if (client.missed >= 2 || client.socket.bufferedAmount > limits.cutAbove) client.socket.terminate()
      else (client.missed++, client.socket.ping())
  }, limits.pingEvery)
  beat.unref()

  return {
    accept: (request, socket, head) => {
      if (open.size >= limits.connections || countOf(addressOf(request)) >= limits.perAddress)
        return refuseUpgrade(socket, 503, 'Too many connections')
      server.handleUpgrade(request, socket, head, (webSocket, request) => welcome(webSocket, request, socket))
    },
    send: (message, clientId) => {
      const text = JSON.stringify(message)
      const client = clientId === undefined ? undefined : clients.get(clientId)
      for (const other of clientId === undefined ? open : client ? [client] : []) write(other, text)
    },
    sendIfIdle: (message, clientId) => {
      const client = clients.get(clientId)
      if (client && client.socket.bufferedAmount <= limits.skipAbove) tell(client, message)
    },
    preview: (frame, clientId) => {
      const client = clients.get(clientId)
      if (client) show(client, frame)
    },
    buffered: clientId => clients.get(clientId)?.socket.bufferedAmount ?? 0,
    stats: () => ({
      clients: open.size,
      buffered: [...open].reduce((sum, { socket }) => sum + socket.bufferedAmount, 0),
      droppedPreviews,
    }),
    close: () => {
      clearInterval(beat)
      for (const { socket } of open) socket.close(1001, 'The server stops')
      setTimeout(() => open.forEach(({ socket }) => socket.terminate()), 500).unref()
    },
  }
}

const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? ''

function readFlags(data: RawData): { supports_preview_metadata?: unknown } | undefined {
  try {
    return featureFlags.safeParse(JSON.parse(data.toString())).data?.data
  } catch {
    return undefined
  }
}

/** Answers an upgrade with a plain HTTP error and hangs up. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on('error', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  )
}
