import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalogOf } from '../nodes/index.ts'
import type { AnyNode, Catalog, Ui } from '../nodes/node.ts'
import { createFiles } from '../server/files.ts'
import type { ServerMessage } from '../server/protocol.ts'
import { createWorker } from '../server/worker.ts'
import { parsePrompt, problemsWith } from '../workflows/graph.ts'
import { workerParts } from './server-parts.ts'

/** The real worker over the conformance nodes, in this process: graphs in, messages out. */

/** A graph in short: `id: [class, inputs]`. */
export type Short = Readonly<Record<string, readonly [type: string, inputs?: Readonly<Record<string, unknown>>]>>

export const promptOf = (graph: Short) =>
  Object.fromEntries(Object.entries(graph).map(([id, [type, inputs = {}]]) => [id, { class_type: `Conform${type}`, inputs }]))

export type Told = {
  readonly status: string
  readonly outputs: Readonly<Record<string, Ui>>
  readonly messages: readonly ServerMessage[]
  /** Nodes that were said to be executing, in order. */
  readonly ran: readonly string[]
  readonly cached: readonly string[]
  /** What each node shows. */
  readonly texts: Readonly<Record<string, readonly string[]>>
}

export type Bench = {
  run(
    graph: Short,
    more?: { targets?: readonly string[]; on?: (message: ServerMessage, cancel: () => void) => void },
  ): Promise<Told>
  /** How often nodes of each class really ran. */
  readonly counts: Record<string, number>
  /** The node of every call, in order: that one is said to be executing is not yet a call. */
  readonly called: readonly string[]
  close(): Promise<void>
}

/** The catalog, counting the runs of its nodes and noting which they were. */
export function counting(catalog: Catalog, counts: Record<string, number>, called: string[] = []): Catalog {
  const counted = ([type, node]: [string, AnyNode]): [string, AnyNode] => [
    type,
    {
      ...node,
      run: (inputs, context) => {
        counts[type] = (counts[type] ?? 0) + 1
        called.push(context.node)
        return node.run(inputs, context)
      },
    },
  ]
  return new Map([...catalog].map(counted))
}

export async function createBench(extra: readonly AnyNode[] = []): Promise<Bench> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-executor-'))
  const own = (name: string) => [path.join(folder, name)]
  const roots = {
    ...{ input: own('input'), output: own('output'), temp: own('temp'), user: own('user'), checkpoints: own('checkpoints') },
    ...{ workflows: own('workflows'), datasets: own('datasets'), artefacts: own('artefacts'), inception: own('inception') },
  }
  const counts: Record<string, number> = {}
  const called: string[] = []
  const all = new Map([...catalogOf({ conformance: true }), ...extra.map(node => [node.type, node] as const)])
  const catalog = counting(all, counts, called)
  const worker = createWorker(workerParts({ catalog, files: createFiles(roots) }))
  const info = describeCatalog(catalog)
  return {
    counts,
    called,
    run: async (graph, { targets, on } = {}) => {
      const checked = await problemsWith(type => catalog.get(type)?.validate, parsePrompt(promptOf(graph)), info, { targets })
      if (checked.error) throw new Error(JSON.stringify([checked.error, checked.nodeErrors]))
      const messages: ServerMessage[] = []
      const promptId = randomUUID()
      const job = { number: 0, promptId, prompt: checked.prompt, outputs: checked.roots, extraData: {} }
      const { status, outputs } = await worker.run(job, event => {
        if (event.kind !== 'message') return
        messages.push(structuredClone(event.message))
        on?.(event.message, () => worker.cancel(promptId))
      })
      return {
        ...{ status, outputs, messages },
        ran: messages.flatMap(one => (one.type === 'executing' ? [String(one.data.node)] : [])),
        cached: messages.flatMap(one => (one.type === 'execution_cached' ? one.data.nodes : [])),
        texts: Object.fromEntries(Object.entries(outputs).map(([id, ui]) => [id, ui.text ?? []])),
      }
    },
    close: async () => {
      await worker.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type DataOf<T> = ServerMessage extends infer M ? (M extends { type: T; data: infer D } ? D : never) : never

/** The data of all messages of a type. */
export const dataOf = <T extends ServerMessage['type']>(
  { messages }: { readonly messages: readonly ServerMessage[] },
  type: T,
): DataOf<T>[] => messages.filter(one => one.type === type).map(one => one.data as DataOf<T>)
