/** Reads the two JSON forms of a graph from untrusted data (spec/comfyui.md 4.3 to 4.5). */
import { cleanJson, isRecord, kindOf, limits, quote } from './json.ts'
import type { Prompt, PromptNode, Workflow, WorkflowInput, WorkflowLink, WorkflowNode, WorkflowOutput } from './types.ts'
import { GraphError } from './types.ts'

/** Which of the two forms `value` looks like; undefined when neither. */
export function graphKind(value: unknown): 'prompt' | 'workflow' | undefined {
  if (!isRecord(value)) return undefined
  if (Array.isArray(value.nodes) && Array.isArray(value.links)) return 'workflow'
  const nodes = Object.values(value)
  return nodes.length > 0 && nodes.every(node => isRecord(node) && typeof node.class_type === 'string') ? 'prompt' : undefined
}

/**
 * The API format. Throws a GraphError ready to be the answer's `error`: `missing_node_type` for a node without class_type,
 * `invalid_prompt` for anything that is not a graph. What is wrong inside the nodes is found by `problems`.
 */
export function parsePrompt(value: unknown): Prompt {
  if (!isRecord(value))
    throw new GraphError('invalid_prompt', 'The prompt is not a graph', `expected an object of nodes, got ${kindOf(value)}`)
  if (graphKind(value) === 'workflow')
    throw new GraphError(
      'invalid_prompt',
      'This is a workflow file, not an API prompt',
      'export it in API format, or open it in the editor',
    )
  checkSize(value)
  const nodes = Object.entries(cleanJson(value, 'invalid_prompt') as Record<string, unknown>)
  return Object.fromEntries(nodes.map(([id, node]) => [checkedId(id), promptNode(id, node)]))
}

/** Looked at before anything is copied. */
function checkSize(nodes: Readonly<Record<string, unknown>>): void {
  const count = Object.keys(nodes).length
  if (count > limits.nodes)
    throw new GraphError('invalid_prompt', 'The graph is too large', `${count} nodes, at most ${limits.nodes}`)
  for (const [id, node] of Object.entries(nodes)) {
    const inputs = isRecord(node) && isRecord(node.inputs) ? Object.keys(node.inputs).length : 0
    if (inputs > limits.inputs)
      throw new GraphError('invalid_prompt', `Node ${quote(id)} has too many inputs`, `${inputs}, at most ${limits.inputs}`)
  }
}

function checkedId(id: string): string {
  if (id.length === 0 || id.length > limits.name)
    throw new GraphError('invalid_prompt', 'A node id is empty or too long', quote(id))
  return id
}

function promptNode(id: string, node: unknown): PromptNode {
  if (!isRecord(node)) throw new GraphError('invalid_prompt', `Node ${quote(id)} is not an object`, `got ${kindOf(node)}`)
  const { class_type, inputs = {}, _meta } = node
  const title = isRecord(_meta) && typeof _meta.title === 'string' ? _meta.title : undefined
  if (typeof class_type !== 'string' || !class_type)
    throw new GraphError(
      'missing_node_type',
      'Cannot execute because a node is missing the class_type property.',
      `Node ID '#${id}'`,
      {
        node_id: id,
        class_type: null,
        node_title: title ?? null,
      },
    )
  if (class_type.length > limits.name)
    throw new GraphError('invalid_prompt', `The class_type of node ${quote(id)} is too long`, quote(class_type))
  if (!isRecord(inputs))
    throw new GraphError('invalid_prompt', `The inputs of node ${quote(id)} are not an object`, `got ${kindOf(inputs)}`)
  return { class_type, inputs, ...(title !== undefined && { _meta: { title } }) }
}

/**
 * The UI format, 0.4 or version 1 (links as objects), brought into one form: positions as pairs, links as arrays, only links whose
 * two ends exist. Throws GraphError `invalid_workflow`, which for files of other programs says what they look like.
 */
export function parseWorkflow(value: unknown): Workflow {
  if (!isRecord(value)) throw notAWorkflow(`expected a JSON object, got ${kindOf(value)}`)
  if (graphKind(value) === 'prompt')
    throw notAWorkflow('it is an API-format prompt: it holds no layout; run it, or open it as a prompt')
  if (!Array.isArray(value.nodes) || !Array.isArray(value.links)) throw notAWorkflow(foreign(value))
  if (value.nodes.length > limits.nodes || value.links.length > limits.links)
    throw notAWorkflow(`${value.nodes.length} nodes and ${value.links.length} links; at most ${limits.nodes} and ${limits.links}`)
  const file = cleanJson(value, 'invalid_workflow') as Record<string, unknown>
  const nodes = (file.nodes as unknown[]).map(workflowNode)
  const ids = new Set(nodes.map(node => String(node.id)))
  if (ids.size < nodes.length) throw notAWorkflow('two nodes have the same id')
  const links = (file.links as unknown[])
    .map(workflowLink)
    .filter(([, from, , to]) => ids.has(String(from)) && ids.has(String(to)))
  const known = new Set(links.map(([id]) => id))
  const { id, revision, groups, config, extra, version, definitions } = file
  return {
    ...(typeof id === 'string' && { id }),
    ...(typeof revision === 'number' && { revision }),
    last_node_id: Math.max(0, numberOr(file.last_node_id, 0), ...nodes.map(node => numberOr(node.id, 0))),
    last_link_id: Math.max(0, numberOr(file.last_link_id, 0), ...known),
    nodes: nodes.map(node => ({
      ...node,
      inputs: node.inputs.map(input => (known.has(input.link ?? NaN) ? input : { ...input, link: null })),
    })),
    links,
    groups: Array.isArray(groups) ? groups.filter(isRecord) : [],
    config: isRecord(config) ? config : {},
    extra: isRecord(extra) ? extra : {},
    version: numberOr(version, 0.4),
    ...(isRecord(definitions) && { definitions }),
  }
}

const notAWorkflow = (details: string): GraphError => new GraphError('invalid_workflow', 'This is not a workflow file', details)

/** What a JSON object without `nodes` and `links` probably is. */
function foreign(value: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(value.nodes) && Array.isArray(value.edges))
    return 'it has "nodes" and "edges" but no "links": it looks like a graph of another program (InvokeAI, React Flow); open a ComfyUI-format file'
  if (isRecord(value.content) && Array.isArray(value.content.nodes))
    return 'it looks like a chaiNNer chain; open a ComfyUI-format file'
  const keys = Object.keys(value).slice(0, 5).map(quote).join(', ')
  return `it has no lists "nodes" and "links"; it has ${keys || 'nothing'}`
}

/** Node types are shown and looked up: whatever other packs call theirs ("Seed (rgthree)", emoji), but nothing that could be markup. */
const typePattern = /^[^<>&"'`\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u

function workflowNode(node: unknown, index: number): WorkflowNode {
  if (!isRecord(node)) throw notAWorkflow(`node number ${index + 1} is ${kindOf(node)}, not an object`)
  const { id, type, title, mode, order, flags, properties, inputs, outputs, widgets_values, color, bgcolor } = node
  if (!(Number.isInteger(id) || (typeof id === 'string' && id.length > 0 && id.length <= limits.name)))
    throw notAWorkflow(`node number ${index + 1} has no usable id`)
  if (typeof type !== 'string' || type.length > limits.name || !typePattern.test(type))
    throw notAWorkflow(
      `node ${quote(String(id))} has the type ${quote(String(type))}; types hold no < > & quotes or control characters`,
    )
  return {
    id: id as number | string,
    type,
    ...(typeof title === 'string' && { title: title.slice(0, limits.name) }),
    pos: pair(node.pos, [0, 0]),
    size: pair(node.size, [210, 100]),
    mode: numberOr(mode, 0),
    order: numberOr(order, index),
    flags: isRecord(flags) ? flags : {},
    properties: isRecord(properties) ? properties : {},
    inputs: Array.isArray(inputs) ? inputs.filter(isRecord).map(workflowInput) : [],
    outputs: Array.isArray(outputs) ? outputs.filter(isRecord).map(workflowOutput) : [],
    ...((Array.isArray(widgets_values) || isRecord(widgets_values)) && { widgets_values }),
    ...(isColor(color) && { color }),
    ...(isColor(bgcolor) && { bgcolor }),
  }
}

const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value.slice(0, limits.name) : other)
const numberOr = (value: unknown, other: number): number => (typeof value === 'number' && Number.isFinite(value) ? value : other)
const isColor = (value: unknown): value is string => typeof value === 'string' && /^(#[0-9a-f]{3,8}|[a-z]{3,20})$/i.test(value)

function workflowInput(input: Readonly<Record<string, unknown>>): WorkflowInput {
  const name = textOr(input.name, '')
  return {
    name,
    type: textOr(input.type, '*'),
    link: typeof input.link === 'number' ? input.link : null,
    ...(isRecord(input.widget) && { widget: { name: textOr(input.widget.name, name) } }),
  }
}

const workflowOutput = (output: Readonly<Record<string, unknown>>): WorkflowOutput => ({
  name: textOr(output.name, ''),
  type: textOr(output.type, '*'),
  links: Array.isArray(output.links) ? output.links.filter(link => typeof link === 'number') : null,
})

/** A link as an array (0.4) or as an object (version 1). */
function workflowLink(link: unknown, index: number): WorkflowLink {
  const [id, from, fromSlot, to, toSlot, type] = Array.isArray(link)
    ? link
    : isRecord(link)
      ? [link.id, link.origin_id, link.origin_slot, link.target_id, link.target_slot, link.type]
      : []
  const isEnd = (end: unknown) => Number.isInteger(end) || typeof end === 'string'
  const isSlot = (slot: unknown) => Number.isInteger(slot) && (slot as number) >= 0
  if (!Number.isInteger(id) || !isEnd(from) || !isEnd(to) || !isSlot(fromSlot) || !isSlot(toSlot))
    throw notAWorkflow(`link number ${index + 1} is not [id, from, slot, to, slot, type]`)
  return [id, from, fromSlot, to, toSlot, textOr(type, '*')] as WorkflowLink
}

/** A pair of numbers from `[x, y]` or, as old litegraph wrote Float32Arrays, `{ "0": x, "1": y }`. */
function pair(value: unknown, other: readonly [number, number]): readonly [number, number] {
  const [a, b] = Array.isArray(value) ? value : isRecord(value) ? [value[0], value[1]] : []
  const bounded = (n: unknown, fallback: number) => Math.min(1e6, Math.max(-1e6, numberOr(n, fallback)))
  return [bounded(a, other[0]), bounded(b, other[1])]
}
