/** Runs that were sent from this page: what their nodes show, and how they end. */
import type { Ui } from '../../nodes/node.ts'
import type { ServerMessage } from '../../server/protocol.ts'
import type { Picture } from '../state.ts'
import type { HostGraph, HostNode } from './host.ts'
import type { Shown } from './node-class.ts'
import type { Server } from './server.ts'

export type Outcome = { readonly status: 'success' | 'interrupted'; readonly outputs: Readonly<Record<string, Ui>> }
export type Run = {
  readonly id: string
  /** Rejects with what the node said when one failed. */
  readonly done: Promise<Outcome>
}
type Open = {
  readonly graph: HostGraph
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: Error) => void
}

export type Runs = ReturnType<typeof createRuns>

export function createRuns(server: Server) {
  const open = new Map<string, Open>()
  const shown = new WeakMap<HostGraph, Map<string, Shown>>()

  const show = (graph: HostGraph, node: string, change: Partial<Shown>) => {
    const views = shown.get(graph) ?? new Map<string, Shown>()
    shown.set(graph, views.set(node, { ...views.get(node), ...change }))
    graph.setDirtyCanvas(true, false)
  }
  const rest = (graph: HostGraph) => {
    for (const node of shown.get(graph)?.keys() ?? []) show(graph, node, { running: false, progress: undefined })
  }
  /** What nodes gave; pictures appear when they have come. */
  const output = async (graph: HostGraph, node: string, { images = [], text }: Ui): Promise<void> => {
    if (text) show(graph, node, { text: text.join('\n') })
    if (images.length > 0) show(graph, node, { pictures: await Promise.all(images.map(server.picture)) })
  }
  const end = async (id: string, status: 'success' | 'interrupted'): Promise<void> => {
    const run = open.get(id)
    if (!run || !open.delete(id)) return
    rest(run.graph)
    try {
      const outputs = (await server.past(id))?.outputs ?? {}
      await Promise.all(Object.entries(outputs).map(([node, ui]) => output(run.graph, node, ui)))
      run.resolve({ status, outputs })
    } catch (error) {
      run.reject(error as Error)
    }
  }
  const fail = (id: string, message: string, node?: string) => {
    const run = open.get(id)
    if (!run || !open.delete(id)) return
    rest(run.graph)
    if (node !== undefined) show(run.graph, node, { error: message, pictures: [] })
    run.reject(new Error(message))
  }

  return {
    shownOf: ({ graph, id }: HostNode): Shown | undefined => (graph ? shown.get(graph)?.get(String(id)) : undefined),
    fault: (graph: HostGraph, node: string, error: string) => show(graph, node, { error, pictures: [] }),
    /** Called before the graph is sent, so that no message comes too early. */
    begin: (id: string, graph: HostGraph): Promise<Outcome> => {
      for (const node of shown.get(graph)?.keys() ?? []) show(graph, node, { error: undefined })
      return new Promise((resolve, reject) => open.set(id, { graph, resolve, reject }))
    },
    fail,
    hear: ({ type, data }: ServerMessage) => {
      const id = 'prompt_id' in data && typeof data.prompt_id === 'string' ? data.prompt_id : undefined
      const graph = id === undefined ? undefined : open.get(id)?.graph
      if (!graph || id === undefined) return
      if (type === 'executing' && data.node !== null) {
        rest(graph)
        show(graph, data.node, { running: true })
      } else if (type === 'progress') show(graph, data.node, { progress: { value: data.value, max: data.max } })
      // A picture that cannot be fetched now is tried again with the history, whose error is told.
      else if (type === 'executed') void output(graph, data.node, data.output ?? {}).catch(() => {})
      else if (type === 'execution_success') void end(id, 'success')
      else if (type === 'execution_interrupted') void end(id, 'interrupted')
      else if (type === 'execution_error') fail(id, data.exception_message, data.node_id)
    },
    preview: (node: string, id: string, picture: Picture) => {
      const graph = open.get(id)?.graph
      if (graph) show(graph, node, { pictures: [picture] })
    },
    /** After a gap in the line: what has ended meanwhile. */
    catchUp: async (): Promise<void> => {
      for (const id of [...open.keys()]) {
        const past = await server.past(id).catch(() => undefined)
        if (past?.status.completed) await end(id, 'success')
        else if (past) fail(id, 'The run ended while the line to the server was down; its history says why')
      }
    },
  }
}
