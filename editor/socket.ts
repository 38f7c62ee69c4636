/** The live line to the server: reconnects by itself, decodes previews, hands on one message after the other. */
import type { ServerMessage } from '../server/protocol.ts'
import { readFrame } from './frame.ts'
import type { Live, Picture } from './state.ts'

export type Listeners = {
  readonly message: (message: ServerMessage) => void
  readonly preview: (node: string, run: string, picture: Picture) => void
  readonly connection: (connection: Live['connection']) => void
  readonly trouble: (error: Error) => void
}

/** First retry after 300 ms, as ComfyUI's page does; then slower, at most every 5 s. */
const retryAfter = (attempt: number): number => Math.min(5000, 300 * 1.6 ** attempt)

/** Opens the line to the server at `base` as `clientId` and keeps it open. Returns how to close it. */
export function openSocket(clientId: string, listeners: Listeners, base: string = location.href, token?: string): () => void {
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  let closed = false
  const decode = createDecoder(listeners)

  const connect = () => {
    const url = new URL(`ws?clientId=${encodeURIComponent(clientId)}`, base)
    if (token !== undefined) url.searchParams.set('token', token)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      attempt = 0
      socket?.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }))
      listeners.connection('open')
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      try {
        if (data instanceof ArrayBuffer) decode(data)
        else listeners.message(parseMessage(String(data)))
      } catch (error) {
        listeners.trouble(error instanceof Error ? error : new Error(String(error)))
      }
    }
    socket.onclose = () => {
      if (closed) return
      listeners.connection('lost')
      timer = setTimeout(connect, retryAfter(attempt++))
    }
  }
  connect()
  return () => {
    closed = true
    clearTimeout(timer)
    socket?.close()
  }
}

function parseMessage(text: string): ServerMessage {
  const message: unknown = JSON.parse(text)
  if (typeof message !== 'object' || message === null || !('type' in message) || !('data' in message))
    throw new Error('message without type or data')
  return message as ServerMessage
}

/** Decodes frames in their order; while one is being decoded, only the newest waiting frame of a node is kept. */
function createDecoder({ preview, trouble }: Listeners): (data: ArrayBuffer) => void {
  const waiting = new Map<string, NonNullable<ReturnType<typeof readFrame>>>()
  let busy = false
  const next = async () => {
    for (;;) {
      const [entry] = waiting
      if (!entry) break
      const [node, frame] = entry
      waiting.delete(node)
      try {
        preview(node, frame.run, await createImageBitmap(new Blob([frame.bytes], { type: frame.type })))
      } catch (error) {
        trouble(error instanceof Error ? error : new Error(String(error)))
      }
    }
    busy = false
  }
  return data => {
    const frame = readFrame(data)
    if (!frame) return
    waiting.set(frame.node, frame)
    if (busy) return
    busy = true
    void next()
  }
}
