import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { AnyNode, Catalog, Context, FileKind, Ui } from '../nodes/node.ts'
import { asLink, runOrder, signatures, type NodeId, type Prompt } from '../workflows/graph.ts'
import type { Cache, Result } from './cache.ts'
import type { ExecutionError, NodeProgress, ServerMessage } from './protocol.ts'
import type { Job } from './queue.ts'

/** What a run needs from outside. The worker has one kind, a test has another. */
export type Host = {
  tell(message: ServerMessage): void
  /** What the node may ask of the world; `progress` moves its bar. */
  contextFor(node: NodeId, progress: (value: number, max: number) => void): Context
  hash(kind: FileKind, name: string): Promise<string>
  readonly cache: Cache
  readonly signal: AbortSignal
}

/** How a run ended, and what its nodes show: of cached ones too. */
export type Outcome = { readonly status: 'success' | 'error' | 'interrupted'; readonly outputs: Readonly<Record<NodeId, Ui>> }

/**
 * Runs a checked graph and tells of it in ComfyUI's order (spec/comfyui.md 2.4). Knows nodes, order and signatures; knows
 * nothing of pixels or diffusion. Never throws: what a node throws becomes the run's `execution_error`.
 */
export async function execute(job: Job, catalog: Catalog, host: Host): Promise<Outcome> {
  const { promptId: prompt_id, prompt } = job
  const { tell, cache, signal } = host
  const results = new Map<NodeId, Result>()
  const executed: NodeId[] = []
  const progress = progressOf(prompt_id, tell)
  const shown = () => Object.fromEntries([...results].flatMap(([id, { ui }]) => (ui ? [[id, ui]] : [])))

  tell({ type: 'execution_start', data: { prompt_id, timestamp: Date.now() } })
  const order = runOrder(prompt, job.outputs)
  const signature = await signatures(prompt, job.outputs, await fingerprints(prompt, order, catalog, host))
  for (const id of order) {
    const known = cache.get(signature.get(id)!)
    if (known) results.set(id, known)
  }
  tell({ type: 'execution_cached', data: { nodes: [...results.keys()], prompt_id, timestamp: Date.now() } })

  for (const id of wanted(prompt, order, job.outputs, results)) {
    const spec = catalog.get(prompt[id].class_type)!
    // A node just like an earlier one of this graph finds that one's result.
    const known = results.get(id) ?? cache.get(signature.get(id)!)
    if (known) {
      results.set(id, known)
      if (spec.output) tell({ type: 'executed', data: { node: id, display_node: id, output: known.ui ?? null, prompt_id } })
      continue
    }
    let inputs: Record<string, unknown> = {}
    try {
      // A cancel can only be heard in a turn of the event loop, and nodes that are quick never give one.
      await turn()
      signal.throwIfAborted()
      progress.start(id)
      tell({ type: 'executing', data: { node: id, display_node: id, prompt_id } })
      inputs = gather(prompt, id, catalog, results)
      const { ui, ...outputs } = await spec.run(
        inputs,
        host.contextFor(id, (value, max) => progress.update(id, value, max)),
      )
      signal.throwIfAborted()
      const result: Result = { outputs: complete(spec, outputs), ui }
      results.set(id, result)
      cache.set(signature.get(id)!, result)
      executed.push(id)
      if (ui) tell({ type: 'executed', data: { node: id, display_node: id, output: ui, prompt_id } })
      progress.finish(id, 'finished')
    } catch (cause) {
      const where = { prompt_id, node_id: id, node_type: spec.type, executed, timestamp: Date.now() }
      progress.finish(id, 'error')
      if (signal.aborted) tell({ type: 'execution_interrupted', data: where })
      else tell({ type: 'execution_error', data: { ...where, ...explain(cause, inputs), current_outputs: [...results.keys()] } })
      return { status: signal.aborted ? 'interrupted' : 'error', outputs: shown() }
    }
  }
  tell({ type: 'execution_success', data: { prompt_id, timestamp: Date.now() } })
  return { status: 'success', outputs: shown() }
}

/** What nodes depend on besides their inputs. One that cannot say is never taken from the cache. */
async function fingerprints(
  prompt: Prompt,
  order: readonly NodeId[],
  catalog: Catalog,
  { hash }: Host,
): Promise<Map<NodeId, string>> {
  const found = new Map<NodeId, string>()
  for (const id of order) {
    const spec = catalog.get(prompt[id].class_type)!
    if (!spec.fingerprint) continue
    const literals = Object.fromEntries(Object.entries(prompt[id].inputs).filter(([, value]) => !asLink(value)))
    found.set(id, await spec.fingerprint(literals, { hash }).catch(randomUUID))
  }
  return found
}

/** The outputs, and what they need that is not known yet; in order. What only known nodes read from is left out. */
function wanted(
  prompt: Prompt,
  order: readonly NodeId[],
  outputs: readonly NodeId[],
  known: ReadonlyMap<NodeId, Result>,
): NodeId[] {
  const needed = new Set(outputs)
  for (const id of order.toReversed())
    if (needed.has(id) && !known.has(id))
      for (const value of Object.values(prompt[id].inputs)) needed.add(asLink(value)?.[0] ?? id)
  return order.filter(id => needed.has(id) && (!known.has(id) || outputs.includes(id)))
}

/** The values of a node's inputs: literals as they stand, links from the results of the nodes they come from. */
function gather(prompt: Prompt, id: NodeId, catalog: Catalog, results: ReadonlyMap<NodeId, Result>): Record<string, unknown> {
  const valueOf = (value: unknown) => {
    const link = asLink(value)
    if (!link) return value
    const [from, slot] = link
    const names = Object.keys(catalog.get(prompt[from].class_type)!.outputs)
    return results.get(from)!.outputs[names[slot]]
  }
  return Object.fromEntries(Object.entries(prompt[id].inputs).map(([name, value]) => [name, valueOf(value)]))
}

function complete(spec: AnyNode, outputs: Record<string, unknown>): Record<string, unknown> {
  const missing = Object.keys(spec.outputs).find(name => outputs[name] === undefined)
  if (missing) throw new Error(`${spec.title} gave no "${missing}"; this is a fault of the node, not of the graph`)
  return outputs
}

/** Every change tells all bars; without a bound, thousands of nodes would tell millions. */
const mostBars = 200

/** The bars of a run: every change is told with the state of all nodes that were begun, as ComfyUI does. */
function progressOf(prompt_id: string, tell: Host['tell']) {
  const nodes: Record<NodeId, NodeProgress> = {}
  const set = (id: NodeId, change: Partial<NodeProgress>) => {
    nodes[id] = { ...nodes[id], ...change }
    const [oldest] =
      Object.keys(nodes).length > mostBars ? Object.keys(nodes).filter(other => nodes[other].state === 'finished') : []
    if (oldest !== undefined) delete nodes[oldest]
    tell({ type: 'progress_state', data: { prompt_id, nodes: { ...nodes } } })
  }
  return {
    start: (id: NodeId) => {
      const ids = { node_id: id, prompt_id, display_node_id: id, parent_node_id: null, real_node_id: id }
      set(id, { value: 0, max: 1, state: 'running', ...ids })
    },
    update: (id: NodeId, value: number, max: number) => {
      set(id, { value, max })
      tell({ type: 'progress', data: { value, max, prompt_id, node: id } })
    },
    finish: (id: NodeId, state: 'finished' | 'error') => {
      if (nodes[id]) set(id, { state, ...(state === 'finished' && { value: nodes[id].max }) })
    },
  }
}

/** Characters of a message that are told. */
const longestMessage = 20_000

/** What failed and with what: enough to act on without a debugger. Anything may be thrown, even nothing. */
export function explain(
  cause: unknown,
  inputs: Record<string, unknown>,
): Pick<ExecutionError, 'exception_message' | 'exception_type' | 'traceback' | 'current_inputs'> {
  const { message, name, stack } = wordsOf(cause)
  return {
    // A message may quote what it is about.
    exception_message: message.slice(0, longestMessage),
    exception_type: name,
    traceback: traceback(stack),
    current_inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, [describeValue(value)]])),
  }
}

/** What was thrown, as text. It may throw in turn when it is looked at. */
function wordsOf(cause: unknown): { message: string; name: string; stack: string } {
  try {
    if (typeof cause !== 'object' || cause === null || !('message' in cause))
      return { message: `The node threw ${String(cause)}`, name: typeof cause, stack: '' }
    const { message, name, stack } = cause as Partial<Error>
    return { message: String(message), name: String(name ?? typeof cause), stack: String(stack ?? '') }
  } catch {
    return { message: 'The node threw something that cannot be put into words', name: typeof cause, stack: '' }
  }
}

/** Stack lines with each path cut down to its last folder: where the house stands on the disk is nobody's business. */
const traceback = (stack: string): string[] =>
  stack
    .split('\n')
    .filter(line => line.length < 1000 && /^\s+at /.test(line))
    .map(line => {
      const text = line.trim()
      const open = text.indexOf(' (')
      const from = open < 0 ? text.lastIndexOf(' ') + 1 : open + 2
      const place = text.slice(from)
      return /^(file:|[\\/]|[a-z]:[\\/])/i.test(place) ? text.slice(0, from) + place.split(/[\\/]/).slice(-2).join('/') : text
    })

/** A value in a few words: texts and numbers themselves, everything else by its shape. */
function describeValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return value.slice(0, 1000)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value !== 'object' || value === null) return null
  const { shape, x, info } = value as { shape?: readonly number[]; x?: { shape: readonly number[] }; info?: { name?: string } }
  if (Array.isArray(shape)) return `[${shape}]`
  if (x && Array.isArray(x.shape)) return `noise [${x.shape}]`
  return info?.name ? `checkpoint ${info.name}` : Object.keys(value).join(', ')
}
