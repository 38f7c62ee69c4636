/** Matrix products. A product of two plain matrices is one Gemm, which transposes its operands for free. */
import type { Graph } from './graph.ts'
import type { Kernel } from './kernel.ts'
import { isIdentity, type Value } from './value.ts'

const batchMatMul: Kernel = (g, { a, b }, { transposeA, transposeB }) => {
  const [m, n] = [a.shape.at(transposeA ? -1 : -2)!, b.shape.at(transposeB ? -2 : -1)!]
  const batch = a.shape.length > b.shape.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2)
  const full = a.shape.slice(0, -2).map((size, i) => Math.max(size, batch[i] ?? 1))
  const shape = [...(full.length >= batch.length ? full : batch), m, n]
  if (shape.slice(0, -2).every(size => size === 1)) return gemm(g, a, b, Boolean(transposeA), Boolean(transposeB), shape)
  return g.node('MatMul', [turned(g, a, Boolean(transposeA)), turned(g, b, Boolean(transposeB))], { shape })
}

/** The operand with its last two axes exchanged when asked; folds into whatever order it is stored in. */
function turned(g: Graph, x: Value, transpose: boolean): Value {
  const source = g.full(x)
  if (!transpose) return g.plain(source)
  const rank = x.shape.length
  const axes = [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]
  return g.inOrder(source, axes)
}

function gemm(g: Graph, a: Value, b: Value, transA: boolean, transB: boolean, shape: readonly number[]): Value {
  const left = flat(g, a, transA)
  const right = flat(g, b, transB)
  const attributes = { transA: left.transposed ? 1 : 0, transB: right.transposed ? 1 : 0 }
  const product = g.node('Gemm', [left.matrix, right.matrix], { shape: shape.slice(-2) }, attributes)
  return shape.length === 2 ? product : g.node('Reshape', [product, { ints: shape }], { shape })
}

/** The last two axes as a matrix, taken as it is stored; `transposed` says whether Gemm has to turn it. */
function flat(g: Graph, x: Value, transpose: boolean): { matrix: Value; transposed: boolean } {
  const source = g.full(x)
  const rank = x.shape.length
  const swapped =
    source.perm &&
    source.perm.at(-1) === rank - 2 &&
    source.perm.at(-2) === rank - 1 &&
    source.perm.slice(0, -2).every((axis, i) => axis === i)
  const stored = swapped ? source : g.plain(source)
  const dims = swapped ? [x.shape[rank - 1], x.shape[rank - 2]] : x.shape.slice(-2)
  const matrix =
    rank === 2 && !swapped
      ? stored
      : rank === 2
        ? { ...stored, perm: undefined, shape: dims, held: dims }
        : g.node('Reshape', [stored, { ints: dims }], { shape: dims })
  return { matrix, transposed: transpose !== Boolean(swapped) }
}

/** tf.transpose costs nothing by itself: only the order in which the value is read changes. */
const transpose: Kernel = (_, { x }, { perm }) => {
  const axes = perm as number[]
  const pick = (list: readonly number[]) => axes.map(axis => list[axis])
  const stored = x.perm ?? x.shape.map((_, i) => i)
  const order = stored.map(axis => axes.indexOf(axis))
  const { constant: _drop, ...rest } = x
  return { ...rest, shape: pick(x.shape), held: pick(x.held), perm: isIdentity(order) ? undefined : order }
}

export const matrix: Readonly<Record<string, Kernel>> = { BatchMatMul: batchMatMul, Transpose: transpose }
