import { setImmediate as turn } from 'node:timers/promises'
import { blocked, type Blocker } from '../../nodes/blocker.ts'
import type { Ui } from '../../nodes/node.ts'
import { asLink, type NodeId } from '../../workflows/graph.ts'
import type { Result } from '../cache.ts'
import { blockerIn, callsOf, itemsOf, merged, mergedUi, readResult, type Called, type Lists } from './calls.ts'
import type { Run } from './execute.ts'
import type { Source } from './run-graph.ts'

/** What came out of a node whose outputs come from nodes it expanded to. */
export type Grown = { readonly calls: readonly Ready[]; readonly ui?: Ui }
/** A call that is over but for what its outputs are linked to. */
type Ready = Exclude<Called, { readonly expand: unknown }> | { readonly sources: Readonly<Record<string, Source>> }

/** What a node threw, and what it was given. */
export class NodeFailure extends Error {
  readonly lists: Lists
  constructor(cause: unknown, lists: Lists) {
    super('a node failed', { cause })
    this.lists = lists
  }
}

/** Takes a node whose inputs are there as far as it can get: to its end, or to what else it needs. Throws NodeFailure. */
export async function visit(run: Run, id: NodeId): Promise<void> {
  const { results, graph, keys, host } = run
  let lists: Lists = {}
  try {
    const grown = run.grown.get(id)
    if (grown) return finish(run, id, { ...resultOf(run, id, grown), inner: run.inner.get(id) })
    // A node just like an earlier one of this run finds that one's result.
    const known = results.get(id) ?? host.cache.get(keys.of(id))
    if (known) return recalled(run, id, known)
    // A cancel can only be heard in a turn of the event loop, and nodes that are quick never give one.
    await turn()
    run.signal.throwIfAborted()
    run.progress.start(id)
    host.tell({
      type: 'executing',
      data: { node: id, display_node: graph.identity(id).display_node_id, prompt_id: run.promptId },
    })
    lists = gather(run, id)
    let calls = callsOf(graph.spec(id), lists)
    for (let more = await newlyWanted(run, id, calls); more.length > 0; more = await newlyWanted(run, id, calls)) {
      const missing = more.filter(from => !results.has(from))
      if (missing.length > 0) {
        run.want(missing)
        return run.await(id, missing)
      }
      lists = gather(run, id)
      calls = callsOf(graph.spec(id), lists)
    }
    const called = await callAll(run, id, calls)
    run.signal.throwIfAborted()
    const ui = mergedUi(called.map(call => ('ui' in call ? call.ui : undefined)))
    if (called.some(call => 'expand' in call)) await grow(run, id, called, ui)
    else {
      if (ui) tellExecuted(run, id, ui)
      finish(run, id, resultOf(run, id, { calls: called as Ready[], ui }))
    }
  } catch (cause) {
    throw new NodeFailure(cause, lists)
  }
}

function recalled(run: Run, id: NodeId, known: Result): void {
  const isNew = !run.results.has(id)
  run.results.set(id, known)
  if (isNew) retellInner(run, id)
  if (run.graph.spec(id).output) tellExecuted(run, id, known.ui ?? null)
  // It may have begun and waited for a lazy input while one just like it ran.
  run.progress.finish(id, 'finished')
  run.done(id)
}

/** Nodes that a remembered one once expanded to are not there to tell what they show, so it is told for them. */
export function retellInner(run: Run, id: NodeId): void {
  const { ui, inner = {} } = run.results.get(id)!
  if (ui) noteInside(run, id, ui)
  for (const [behind, ui] of Object.entries(inner)) {
    noteInside(run, id + behind, ui)
    tellExecuted(run, id + behind, ui)
  }
}

/** Keeps what a node shows with all those that it came out of. */
function noteInside({ graph, inner }: Run, id: NodeId, ui: Ui): void {
  for (let parent = graph.identity(id).parent_node_id; parent !== null; parent = graph.identity(parent).parent_node_id) {
    const shown = inner.get(parent) ?? {}
    shown[id.slice(parent.length)] = ui
    inner.set(parent, shown)
  }
}

function finish(run: Run, id: NodeId, result: Result): void {
  run.results.set(id, result)
  if (result.ui) noteInside(run, id, result.ui)
  run.host.cache.set(run.keys.of(id), result)
  run.executed.push(id)
  run.progress.finish(id, 'finished')
  run.done(id)
}

const tellExecuted = ({ host, graph, promptId }: Run, id: NodeId, output: Ui | null) =>
  host.tell({
    type: 'executed',
    data: { node: id, display_node: graph.identity(id).display_node_id, output, prompt_id: promptId },
  })

/**
 * Literals as they stand, links by what they read. Lazy ones only if they were asked for, even where their value is known: what a
 * node gives must not hang on what else ran before it.
 */
function gather(run: Run, id: NodeId): Lists {
  const { graph, asked } = run
  const lists = Object.entries(graph.node(id).inputs).flatMap(([name, value]) => {
    const link = asLink(value)
    if (!link) return [[name, [value]] as const]
    return graph.isLazy(id, name) && !asked.get(id)?.has(name) ? [] : [[name, itemsAt(run, link)!] as const]
  })
  return Object.fromEntries(lists)
}

const itemsAt = ({ graph, results }: Run, [from, slot]: readonly [NodeId, number]) =>
  results.get(from)?.outputs[graph.outputName(from, slot)]

/** The nodes behind lazy inputs that one of the calls asks for and that were not asked for before. */
async function newlyWanted(run: Run, id: NodeId, calls: readonly Readonly<Record<string, unknown>>[]): Promise<NodeId[]> {
  const spec = run.graph.spec(id)
  if (!spec.needs) return []
  const { inputs } = run.graph.node(id)
  const asked = run.asked.get(id) ?? new Set()
  run.asked.set(id, asked)
  const wanted = new Set<NodeId>()
  for (const call of calls) {
    if (blockerIn(spec, call)) continue
    for (const name of await spec.needs(call)) {
      const link = asLink(inputs[name])
      if (!link || !run.graph.isLazy(id, name) || asked.has(name)) continue
      asked.add(name)
      wanted.add(link[0])
    }
  }
  return [...wanted]
}

/** One call after the other, or all at once for a node that only waits. */
async function callAll(run: Run, id: NodeId, calls: readonly Readonly<Record<string, unknown>>[]): Promise<Called[]> {
  const { graph, host, signal } = run
  const spec = graph.spec(id)
  const progress = (value: number, max: number) => run.progress.update(id, value, max)
  const { context, close } = host.contextFor(graph.identity(id), progress, signal)
  const call = async (inputs: Readonly<Record<string, unknown>>): Promise<Called> => {
    const blocker = blockerIn(spec, inputs)
    if (blocker) return { blocker: silenced(run, id, blocker) }
    return readResult(spec, await spec.run(inputs, context))
  }
  try {
    if (spec.concurrent) return await Promise.all(calls.map(call))
    const called: Called[] = []
    for (const inputs of calls) {
      if (called.length > 0) await turn()
      signal.throwIfAborted()
      called.push(await call(inputs))
    }
    return called
  } finally {
    // A picture that still waits to be sent would be taken for one of the next node's.
    close()
  }
}

/** Its message is told once, of the first node it stops. */
function silenced({ host, graph, promptId, executed }: Run, id: NodeId, { message }: Blocker): Blocker {
  if (message !== undefined)
    host.tell({
      type: 'execution_error',
      data: {
        ...{ prompt_id: promptId, node_id: id, node_type: graph.spec(id).type, executed: [...executed] },
        ...{ exception_message: `Execution Blocked: ${message}`, exception_type: 'ExecutionBlocked' },
        ...{ traceback: [], current_inputs: [], current_outputs: [] },
      },
    })
  return blocked()
}

/** Puts in what the calls expanded to, and has the node looked at again when that is done. */
async function grow(run: Run, id: NodeId, called: readonly Called[], ui: Ui | undefined): Promise<void> {
  const { graph, results } = run
  const ids: NodeId[] = []
  const calls = called.map((call, i): Ready => {
    if (!('expand' in call)) return call
    const expanded = graph.expand(id, i, call.expand)
    ids.push(...expanded.ids)
    return { sources: expanded.outputs }
  })
  graph.refuseCycle(id, other => results.has(other))
  if (ui) tellExecuted(run, id, ui)
  run.grown.set(id, { calls, ui })
  run.inner.set(id, {})
  const links = calls.flatMap(call =>
    'sources' in call ? Object.values(call.sources).flatMap(source => ('link' in source ? [source.link[0]] : [])) : [],
  )
  for (const known of await run.recall([...ids, ...links])) retellInner(run, known)
  run.want([...ids.filter(child => graph.spec(child).output), ...links.filter(from => !results.has(from))])
  run.await(id, links)
}

function resultOf(run: Run, id: NodeId, { calls, ui }: Grown): Result {
  const spec = run.graph.spec(id)
  const readers = calls.map(call => (name: string): readonly unknown[] => {
    if ('blocker' in call) return [call.blocker]
    if ('outputs' in call) return itemsOf(spec, name, call.outputs[name])
    const source = call.sources[name]
    return 'link' in source ? itemsAt(run, source.link)! : itemsOf(spec, name, source.value)
  })
  return merged(spec, readers, ui)
}
