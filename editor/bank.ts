/**
 * The prototype bank of the graph on the screen: which checkpoint it loads, which node takes its edits, what the values are.
 * Nodes are recognised by their ports alone. Pure.
 */
import type { PrototypeRange } from '../engine/patronus.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { readEdits } from './edits.ts'
import type { Definitions } from './ports.ts'
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

/** The node that prototype sliders write to: the selected one that takes edits, else the first. */
export function editNode(graph: Graph, definitions: Definitions): GraphNode | undefined {
  const takesEdits = (node: GraphNode) => definitions.get(node.type)?.inputs.some(port => port.name === EDITS_FIELD && port.field?.kind === 'text')
  const candidates = graph.nodes.filter(takesEdits)
  return candidates.find(node => graph.selection.includes(node.id)) ?? candidates[0]
}

export type Prototype = {
  readonly index: number
  readonly name?: string
  readonly range: { readonly min: number; readonly max: number; readonly typical: number }
  /** s of the picture that was encoded last. */
  readonly onImage?: number
  /** ŝ of the running x̂0. */
  readonly live?: number
  readonly edit?: number
}

/** Where nothing was measured: s lies between 0 (absent) and ln(1/ε + 1) = 9.21 (exact match). */
const UNMEASURED = { min: 0, max: 9.21, typical: 1 }

const rangeOf = (range: PrototypeRange | undefined): Prototype['range'] =>
  range ? { min: Math.min(0, range.min), max: range.max > 0 ? range.max : UNMEASURED.max, typical: range.quantiles.q50 } : UNMEASURED

export function prototypes(state: State): readonly Prototype[] {
  if (!state.bank || !('info' in state.bank)) return []
  const { info } = state.bank
  const edits = readEdits(String(editNode(state.graph, state.definitions)?.values[EDITS_FIELD] ?? ''))
  const onImage = imageValues(state)
  const { activations } = state.live
  return Array.from({ length: info.config.prototypes.count }, (_, index) => ({
    index,
    name: info.names?.[String(index)],
    range: rangeOf(info.ranges?.[index]),
    onImage: onImage.get(index),
    live: activations?.s[index],
    edit: edits.get(index),
  }))
}

/** s by prototype, from the table of the node upstream of the edits (or of any node) that lists a value per prototype. */
function imageValues(state: State): ReadonlyMap<number, number> {
  const upstream = upstreamOf(state.graph, editNode(state.graph, state.definitions)?.id)
  const ids = [...upstream, ...state.graph.nodes.map(node => node.id).filter(id => !upstream.includes(id))]
  for (const id of ids) {
    const values = valuesIn(state.live.nodes[id]?.output)
    if (values) return values
  }
  return new Map()
}

export function valuesIn(output: Ui | undefined): ReadonlyMap<number, number> | undefined {
  for (const table of output?.tables ?? []) {
    const values = valuesOfTable(table)
    if (values.size) return values
  }
  return undefined
}

/** Rows of a table with a column `prototype` and a column `s`. */
function valuesOfTable({ columns, rows }: Table): ReadonlyMap<number, number> {
  const index = columns.indexOf('prototype')
  const value = columns.indexOf('s')
  const values = new Map<number, number>()
  if (index < 0 || value < 0) return values
  for (const row of rows) {
    const [j, s] = [Number(row[index]), row[value]]
    if (Number.isInteger(j) && typeof s === 'number' && !values.has(j)) values.set(j, s)
  }
  return values
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

export type Order = 'value' | 'edited' | 'index'

/** The bank as the panel lists it. */
export function arrange(bank: readonly Prototype[], { order, query, editedOnly }: { order: Order; query: string; editedOnly: boolean }): Prototype[] {
  const wanted = query.trim().toLowerCase()
  const found = bank.filter(
    ({ index, name, edit }) => (!editedOnly || edit !== undefined) && (!wanted || String(index) === wanted.replace(/^#/, '') || name?.toLowerCase().includes(wanted)),
  )
  const strength = ({ onImage, live }: Prototype) => onImage ?? live ?? -Infinity
  const byIndex = (a: Prototype, b: Prototype) => a.index - b.index
  if (order === 'index') return found.sort(byIndex)
  if (order === 'edited') return found.sort((a, b) => Number(b.edit !== undefined) - Number(a.edit !== undefined) || byIndex(a, b))
  return found.sort((a, b) => (strength(b) === strength(a) ? 0 : strength(b) - strength(a)) || byIndex(a, b))
}
