/**
 * One graph for every batch size: the same function is recorded at two batch sizes, and where the recordings differ in a
 * shape constant, the constant is written so that it holds for any. Nothing else may differ.
 */
import { type Graph, type Ints, type Node } from './graph.ts'
import { sameNumbers } from './value.ts'

/** What an ONNX writer needs of a recording. */
export type Program = Pick<Graph, 'constants' | 'parameters'> & { readonly nodes: readonly Node[] }

/** The nodes that outputs depend on, in order. */
export function living(graph: Graph, outputs: readonly string[]): Node[] {
  const needed = new Set(outputs)
  const kept = [...graph.nodes].reverse().filter(node => {
    const lives = node.outputs.some(name => needed.has(name))
    if (lives) for (const input of node.inputs) if (typeof input === 'string') needed.add(input)
    return lives
  })
  return kept.reverse()
}

/** Merges recordings made at two batch sizes; throws where a function does something else than scale with the batch. */
export function mergeBatches(a: readonly Node[], b: readonly Node[]): Node[] {
  if (a.length !== b.length)
    throw new Error(`compile: the function records ${a.length} operators for one batch size and ${b.length} for another`)
  return a.map((node, i) => {
    const other = b[i]
    if (node.op !== other.op || !sameNames(node, other))
      throw new Error(`compile: operator ${i} is ${node.op} for one batch size and ${other.op} for another`)
    const inputs = node.inputs.map((input, k) =>
      typeof input === 'string' ? input : mergeInts(node, other, input, other.inputs[k] as Ints),
    )
    return { ...node, inputs }
  })
}

const sameNames = (a: Node, b: Node) =>
  a.inputs.length === b.inputs.length &&
  a.inputs.every((input, k) => typeof input === typeof b.inputs[k] && (typeof input !== 'string' || input === b.inputs[k])) &&
  JSON.stringify(a.attributes) === JSON.stringify(b.attributes)

function mergeInts(node: Node, other: Node, a: Ints, b: Ints): Ints {
  if (sameNumbers(a.ints, b.ints)) return a
  if (node.op !== 'Reshape' || a.ints.length !== b.ints.length)
    throw new Error(
      `compile: ${node.op} needs [${a.ints}] for one batch size and [${b.ints}] for another; only reshapes may depend on the batch`,
    )
  const unknown = a.ints.flatMap((n, axis) => (n === b.ints[axis] ? [] : [axis]))
  // 0 copies the operand's own length at that axis; one remaining axis may be -1, "whatever is left".
  const copies = unknown.filter(axis => node.from?.[axis] === a.ints[axis] && other.from?.[axis] === b.ints[axis])
  const rest = unknown.filter(axis => !copies.includes(axis))
  if (rest.length > 1)
    throw new Error(`compile: a reshape to [${a.ints}] depends on the batch along axes ${unknown}; at most one may`)
  return { ints: a.ints.map((n, axis) => (copies.includes(axis) ? 0 : rest.includes(axis) ? -1 : n)) }
}
