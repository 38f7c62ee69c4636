import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { ServerMessage } from '../server/protocol.ts'
import type { Prompt } from '../workflows/graph.ts'

/** One thing heard from the server and when, ms; frames are counted, not kept. */
export type Heard = { readonly at: number; readonly message: ServerMessage | { readonly type: 'frame' } }

/** What one run looked like from a page: when it was sent, and all that was heard of it. */
export type Seen = { readonly sent: number; readonly heard: readonly Heard[] }

export type Client = { run(prompt: Prompt): Promise<Seen>; close(): void }

/** A page's connection, which takes every preview at once. */
export async function connect(origin: string): Promise<Client> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws?clientId=bench`)
  let heard: Heard[] = []
  let ended: (() => void) | undefined
  socket.on('message', (data: Buffer, isBinary) => {
    const message = isBinary ? ({ type: 'frame' } as const) : (JSON.parse(data.toString()) as ServerMessage)
    heard.push({ at: performance.now(), message })
    if (message.type === 'executing' && message.data.node === null) ended?.()
  })
  await once(socket, 'open')
  return {
    run: async prompt => {
      heard = []
      const done = new Promise<void>(resolve => (ended = resolve))
      const sent = performance.now()
      const response = await fetch(`${origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt, client_id: 'bench' }) })
      if (!response.ok) throw new Error(`bench: the server refused the graph: ${await response.text()}`)
      await done
      const failed = heard.find(({ message }) => message.type === 'execution_error')?.message
      if (failed?.type === 'execution_error')
        throw new Error(`bench: node ${failed.data.node_id}: ${failed.data.exception_message}`)
      return { sent, heard }
    },
    close: () => socket.close(),
  }
}

/** Nodes that were really run, in order. */
export const executed = ({ heard }: Seen): string[] =>
  heard.flatMap(({ message }) => (message.type === 'executing' && message.data.node !== null ? [message.data.node] : []))

/** ms from when a node began to when the next one did. */
export function durationOf(node: string, { heard }: Seen): number {
  const begins = heard.filter(({ message }) => message.type === 'executing')
  const at = begins.findIndex(({ message }) => message.type === 'executing' && message.data.node === node)
  return begins[at + 1].at - begins[at].at
}

/** ms from the click to the first preview. */
export const firstFrame = ({ sent, heard }: Seen): number => heard.find(({ message }) => message.type === 'frame')!.at - sent
