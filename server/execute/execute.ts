import type { Catalog, Context, FileKind, Ui } from '../../nodes/node.ts'
import { linksInto, walkSources, type Identity, type NodeId } from '../../workflows/graph.ts'
import type { Cache, Result } from '../cache.ts'
import type { ServerMessage } from '../protocol.ts'
import type { Job } from '../queue.ts'
import { explain } from './explain.ts'
import { createKeys, type Keys } from './keys.ts'
import { progressOf, type Progress } from './progress.ts'
import { createRunGraph, type RunGraph } from './run-graph.ts'
import { createStage } from './stage.ts'
import { NodeFailure, retellInner, visit, type Grown } from './visit.ts'

/** What a run needs from outside. The worker has one kind, a test has another. */
export type Host = {
  tell(message: ServerMessage): void
  /** What the node may ask of the world until `close`; `progress` moves its bar, `signal` is the run's. */
  contextFor(
    node: Identity,
    progress: (value: number, max: number) => void,
    signal: AbortSignal,
  ): { readonly context: Context; close(): void }
  hash(kind: FileKind, name: string): Promise<string>
  readonly cache: Cache
  readonly signal: AbortSignal
}

/** How a run ended, and what its nodes show: of cached ones too. */
export type Outcome = { readonly status: 'success' | 'error' | 'interrupted'; readonly outputs: Readonly<Record<NodeId, Ui>> }

/** What all that happens in one run shares. */
export type Run = {
  readonly promptId: string
  readonly graph: RunGraph
  readonly keys: Keys
  readonly progress: Progress
  readonly host: Host
  /** Ends with the host's, and when a node failed while others run. */
  readonly signal: AbortSignal
  readonly results: Map<NodeId, Result>
  readonly executed: NodeId[]
  /** Lazy inputs that nodes asked for. */
  readonly asked: Map<NodeId, Set<string>>
  /** What nodes expanded to, while they wait for it. */
  readonly grown: Map<NodeId, Grown>
  /** What shows inside of nodes that expanded (cache.ts); filled until the run ends, as what shows need not be waited for. */
  readonly inner: Map<NodeId, Record<string, Ui>>
  /** Signs new nodes, and takes from the cache what it knows of them: those are given. */
  recall(ids: readonly NodeId[]): Promise<NodeId[]>
  /** Has nodes run, with all they need and that is not there. */
  want(ids: readonly NodeId[]): void
  /** Has a node looked at again when these are done. */
  await(id: NodeId, sources: readonly NodeId[]): void
  /** What waited for this node goes on. */
  done(id: NodeId): void
}

/**
 * Runs a checked graph and tells of it in ComfyUI's order (spec/comfyui.md 2.4, 3.3 to 3.6). Knows nodes, order and keys; knows
 * nothing of pixels or diffusion. Never throws: what a node throws becomes the run's `execution_error`.
 */
export async function execute(job: Job, catalog: Catalog, host: Host): Promise<Outcome> {
  const { promptId: prompt_id, outputs } = job
  const { tell } = host
  const abort = new AbortController()
  const stage = createStage()
  const graph = createRunGraph(job.prompt, catalog)
  const feeders = new Set(outputs.flatMap(id => linksInto(graph.node(id)).map(([, [from]]) => from)))
  const wanted = new Set<NodeId>()
  const missing = (ids: readonly NodeId[]) => ids.filter(id => !run.results.has(id))

  const run: Run = {
    promptId: prompt_id,
    graph,
    keys: createKeys(graph, host.hash),
    progress: progressOf(prompt_id, tell, graph.identity),
    host,
    signal: AbortSignal.any([host.signal, abort.signal]),
    results: new Map(),
    executed: [],
    asked: new Map(),
    grown: new Map(),
    inner: new Map(),
    recall: async ids => {
      const found: NodeId[] = []
      for (const id of await run.keys.sign(ids)) {
        const known = host.cache.get(run.keys.of(id))
        if (!known) continue
        run.results.set(id, known)
        found.push(id)
      }
      return found
    },
    want: ids => {
      const sourcesOf = (id: NodeId) => (run.results.has(id) || wanted.has(id) ? [] : missing(graph.strong(id)))
      for (const id of walkSources(sourcesOf, ids).order) {
        if (wanted.has(id)) continue
        stage.add(id, sourcesOf(id), rankOf(id))
        wanted.add(id)
      }
    },
    await: (id, sources) => stage.add(id, missing(sources), rankOf(id)),
    done: stage.done,
  }
  /** So that pictures appear early: what shows and what only waits, then what feeds those, then the rest. */
  const rankOf = (id: NodeId) => (graph.spec(id).output || graph.spec(id).concurrent ? 0 : feeders.has(id) ? 1 : 2)

  tell({ type: 'execution_start', data: { prompt_id, timestamp: Date.now() } })
  const cached = await run.recall(outputs)
  tell({ type: 'execution_cached', data: { nodes: cached, prompt_id, timestamp: Date.now() } })
  for (const id of cached) retellInner(run, id)
  run.want(outputs)

  const waiting = new Map<NodeId, Promise<void>>()
  let failed = false
  const fail = (id: NodeId, cause: unknown) => {
    if (!failed) tellFailure(run, id, cause)
    failed = true
    abort.abort(new Error('Another node of this run failed'))
  }
  for (;;) {
    const id = failed ? undefined : stage.take()
    if (id !== undefined) {
      const visiting = visit(run, id).catch(cause => fail(id, cause))
      if (graph.spec(id).concurrent)
        waiting.set(
          id,
          visiting.finally(() => waiting.delete(id)),
        )
      else await visiting
    } else if (waiting.size > 0) await Promise.race(waiting.values())
    else break
  }
  const [stuck] = failed ? [] : stage.left()
  if (stuck !== undefined) fail(stuck, new Error(`Node ${stuck} waits for nodes that wait for it`))
  const shown = Object.fromEntries([...run.results].flatMap(([id, result]) => shownBy(id, result)))
  if (failed) return { status: host.signal.aborted ? 'interrupted' : 'error', outputs: shown }
  tell({ type: 'execution_success', data: { prompt_id, timestamp: Date.now() } })
  return { status: 'success', outputs: shown }
}

/** What a node shows, and those that it expanded to. */
const shownBy = (id: NodeId, { ui, inner = {} }: Result): [NodeId, Ui][] => [
  ...(ui ? [[id, ui] as [NodeId, Ui]] : []),
  ...Object.entries(inner).map(([behind, ui]): [NodeId, Ui] => [id + behind, ui]),
]

/** A fault is told of the node that stands in the graph; which of those it expanded to had it, the message says. */
function tellFailure({ promptId, graph, progress, executed, results, host }: Run, id: NodeId, failure: unknown): void {
  const { cause, lists } = failure instanceof NodeFailure ? failure : new NodeFailure(failure, {})
  const { real_node_id } = graph.identity(id)
  const node_type = graph.spec(real_node_id).type
  const where = { prompt_id: promptId, node_id: real_node_id, node_type, executed: [...executed], timestamp: Date.now() }
  progress.finish(id, 'error')
  if (host.signal.aborted) return host.tell({ type: 'execution_interrupted', data: where })
  const what = explain(cause, lists)
  const inside = id === real_node_id ? '' : ` (in node ${id}, ${graph.spec(id).type}, which it expanded to)`
  const exception_message = what.exception_message + inside
  host.tell({
    type: 'execution_error',
    data: { ...where, ...what, exception_message, current_outputs: [...results.keys()] },
  })
}
