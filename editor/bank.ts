/**
 * The prototype bank of the graph on the screen: which checkpoint it loads, which node takes its edits, what the values are.
 * Nodes are recognised by their ports alone. Pure.
 */
import type { PrototypeRange } from '../engine/patronus.ts'
import type { Ui } from '../nodes/node.ts'
import type { PrototypeName } from '../server/protocol.ts'
import { scoresOf } from './atlas.ts'
import { edited, readEdits, type Edit } from './edits.ts'
import type { Definition, Definitions } from './ports.ts'
import type { Graph, GraphNode, State } from './shell.ts'

/** The text field that carries many edits, one a line. */
export const EDITS_FIELD = 'more_edits'

/** The file that the first active node with a PATRONUS output and a choice of files loads. */
export function loadedCheckpoint(graph: Graph, definitions: Definitions): string | undefined {
  for (const node of graph.nodes) {
    const definition = definitions.get(node.type)
    if (node.mode !== 0 || !definition?.outputs.some(output => output.type === 'PATRONUS')) continue
    const choice = definition.inputs.find(port => port.field?.kind === 'choice')
    const name = choice && node.values[choice.name]
    if (typeof name === 'string' && name) return name
  }
  return undefined
}

export const takesEdits = (definition: Definition | undefined): boolean =>
  !!definition?.inputs.some(port => port.name === EDITS_FIELD && port.field?.kind === 'text')

/** The node that prototype sliders write to: the selected one that takes edits, else the first. */
export function editNode(graph: Graph, definitions: Definitions): GraphNode | undefined {
  const candidates = graph.nodes.filter(({ type }) => takesEdits(definitions.get(type)))
  return candidates.find(node => graph.selection.includes(node.id)) ?? candidates[0]
}

export type Prototype = {
  readonly index: number
  readonly name?: string
  /** What a person said about it here; the name above may be the checkpoint's own. */
  readonly said?: PrototypeName
  /** What a slider spans: from absent, or less where less was measured, to the most that was measured. */
  readonly range: { readonly min: number; readonly max: number }
  /** s of the picture that was encoded last. */
  readonly onImage?: number
  /** ŝ of the running x̂0. */
  readonly live?: number
  /** Where the edits of the graph bring it; undefined when they leave it alone. */
  readonly edit?: number
  /** How much the pictures of the atlas agree; undefined before it was read. */
  readonly consistency?: number
}

/** The single edit that a node holds in fields of its own, beside the text: fields `prototype`, `mode` (with a `none`) and `value`. */
export const SINGLE = { prototype: 'prototype', mode: 'mode', value: 'value', off: 'none' } as const

function singleEdit(node: GraphNode): Edit[] {
  const { [SINGLE.prototype]: prototype, [SINGLE.mode]: mode, [SINGLE.value]: value } = node.values
  const isMode =
    mode === 'set' || mode === 'add' || mode === 'maximum' || mode === 'max(s_X)' || mode === 'minimum' || mode === 'quantile'
  return typeof prototype === 'number' && isMode ? [{ prototype, mode, value: Number(value ?? 0) }] : []
}

/** All edits of a node, in the order in which the server applies them. */
export const editsOf = (node: GraphNode | undefined): Edit[] =>
  node ? [...singleEdit(node), ...readEdits(String(node.values[EDITS_FIELD] ?? ''))] : []

/** Where nothing was measured: s lies between 0 (absent) and ln(1/ε + 1) = 9.21 (exact match). */
const HIGHEST = 9.21

const rangeOf = (range: PrototypeRange | undefined): Prototype['range'] => ({
  min: Math.min(0, range?.min ?? 0),
  max: range && range.max > 0 ? range.max : HIGHEST,
})

export function prototypes(state: State): readonly Prototype[] {
  if (!state.bank || !('info' in state.bank)) return []
  const { info, names, atlas } = state.bank
  const scores = scoresOf(atlas)
  const node = editNode(state.graph, state.definitions)
  const edits = editsOf(node)
  const onImage = imageValues(state, node)
  const live = runningValues(state)
  const paperMaximum = info.ranges?.length ? Math.max(...info.ranges.map(({ max }) => max)) : HIGHEST
  return Array.from({ length: info.config.prototypes.count }, (_, index) => ({
    index,
    name: info.names?.[String(index)],
    said: names[String(index)],
    range: rangeOf(info.ranges?.[index]),
    onImage: onImage?.[index],
    live: live?.[index],
    edit: edited(edits, index, onImage?.[index] ?? 0, info.ranges?.[index], HIGHEST, paperMaximum),
    consistency: scores.get(index),
  }))
}

/** s before the edits: what a node upstream of them said, in full while it ran, or in its table when its result came from the cache. */
function imageValues({ graph, live }: State, node: GraphNode | undefined): readonly (number | undefined)[] | undefined {
  for (const id of upstreamOf(graph, node?.id)) {
    const values = live.activations[id]?.s ?? valuesIn(live.nodes[id]?.output)
    if (values) return values
  }
  return undefined
}

/** ŝ of the node that runs now, when it says so at every step. */
function runningValues({ live }: State): readonly number[] | undefined {
  const id = live.run?.node
  return id !== undefined && live.activations[id]?.run === live.run?.id ? live.activations[id]?.s : undefined
}

/** The first table of an output that has a column `prototype` and a column `s`, as values by prototype. */
export function valuesIn(output: Ui | undefined): readonly (number | undefined)[] | undefined {
  for (const { columns, rows } of output?.tables ?? []) {
    const [index, value] = [columns.indexOf('prototype'), columns.indexOf('s')]
    if (index < 0 || value < 0) continue
    const values: (number | undefined)[] = []
    for (const row of rows) {
      const [j, s] = [row[index], row[value]]
      if (typeof j === 'number' && Number.isInteger(j) && j >= 0 && j < 4096 && typeof s === 'number') values[j] ??= s
    }
    return values
  }
  return undefined
}

/** Ids of the nodes that `id` depends on, nearest first. */
export function upstreamOf(graph: Graph, id: string | undefined): string[] {
  const found: string[] = []
  const waiting = id === undefined ? [] : [id]
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    const node = graph.nodes.find(node => node.id === at)
    for (const link of Object.values(node?.links ?? {}))
      if (!found.includes(link.node)) {
        found.push(link.node)
        waiting.push(link.node)
      }
  }
  return found
}

export type Order = 'value' | 'edited' | 'index' | 'consistency'

/** The bank as the panel lists it. */
export function arrange(
  bank: readonly Prototype[],
  { order, query, editedOnly }: { order: Order | 'given'; query: string; editedOnly: boolean },
): Prototype[] {
  const wanted = query.trim().toLowerCase()
  const found = bank.filter(
    ({ index, name, said, edit }) =>
      (!editedOnly || edit !== undefined) &&
      (!wanted ||
        String(index) === wanted.replace(/^#/, '') ||
        [name, said?.note].some(text => text?.toLowerCase().includes(wanted))),
  )
  const byIndex = (a: Prototype, b: Prototype) => a.index - b.index
  if (order === 'given') return found
  if (order === 'index') return found.sort(byIndex)
  if (order === 'edited')
    return found.sort((a, b) => Number(b.edit !== undefined) - Number(a.edit !== undefined) || byIndex(a, b))
  if (order === 'consistency') return found.sort((a, b) => (b.consistency ?? -2) - (a.consistency ?? -2) || byIndex(a, b))
  return found.sort((a, b) => (b.onImage ?? 0) - (a.onImage ?? 0) || byIndex(a, b))
}
