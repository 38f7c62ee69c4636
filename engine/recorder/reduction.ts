/** Reductions. A sum of squares is recorded as one operator; axes are translated to the order the operand is stored in. */
import type { Graph } from './graph.ts'
import type { Kernel } from './kernel.ts'
import { elementwise } from './arithmetic.ts'
import { inverse, isIdentity, type Value } from './value.ts'

const axesOf = (attrs: Readonly<Record<string, unknown>>, rank: number): number[] => {
  const given = attrs.axis ?? attrs.axes
  const list =
    given == null ? Array.from({ length: rank }, (_, i) => i) : Array.isArray(given) ? (given as number[]) : [given as number]
  return list.map(axis => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b)
}

/** Reduces with `keepdims`, in the stored order, then drops the axes: dropping is a reshape, which is free. */
function reduce(g: Graph, op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
  if (axes.length === 0) return x
  const shape = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n))
  const held = x.held.map((n, axis) => (axes.includes(axis) ? 1 : n))
  const stored = x.perm ? axes.map(axis => inverse(x.perm!)[axis]).sort((a, b) => a - b) : [...axes]
  const kept = g.node(op, [x, { ints: stored }], { shape, held, perm: x.perm, dtype: x.dtype }, { keepdims: 1 })
  return keepDims ? kept : dropped(g, kept, axes)
}

function dropped(g: Graph, x: Value, axes: readonly number[]): Value {
  const rest = (list: readonly number[]) => list.filter((_, axis) => !axes.includes(axis))
  const logical = g.logical(x)
  return g.node('Reshape', [logical, { ints: rest(logical.held) }], { shape: rest(x.shape), held: rest(x.held), dtype: x.dtype })
}

/** How often each number of a repeating operand counts in a sum over `axes`. */
const repeats = (x: Value, axes: readonly number[]) => axes.reduce((product, axis) => product * (x.shape[axis] / x.held[axis]), 1)

const sum: Kernel = (g, { x }, attrs) => {
  const axes = axesOf(attrs, x.shape.length)
  const origin = g.origin(x)
  const times = repeats(x, axes)
  const isSquare = origin?.op === 'Mul' && origin.inputs[0] === origin.inputs[1]
  const operand: Value = isSquare ? { ...x, name: origin.inputs[0] as string } : x
  const total = reduce(g, isSquare ? 'ReduceSumSquare' : 'ReduceSum', operand, axes, Boolean(attrs.keepDims))
  return times === 1 ? total : elementwise(g, 'Mul', [total, g.constant([times], [], 'float32')])
}

/** A mean of squares is a sum of squares over a known count. */
const mean: Kernel = (g, { x }, attrs) => {
  const axes = axesOf(attrs, x.shape.length)
  const origin = g.origin(x)
  const count = axes.reduce((product, axis) => product * x.held[axis], 1)
  if (origin?.op !== 'Mul' || origin.inputs[0] !== origin.inputs[1])
    return reduce(g, 'ReduceMean', x, axes, Boolean(attrs.keepDims))
  const total = reduce(g, 'ReduceSumSquare', { ...x, name: origin.inputs[0] as string }, axes, Boolean(attrs.keepDims))
  return elementwise(g, 'Mul', [total, g.constant([1 / count], [], 'float32')])
}

const plainReduce =
  (op: string): Kernel =>
  (g, { x }, attrs) =>
    reduce(g, op, x, axesOf(attrs, x.shape.length), Boolean(attrs.keepDims))

const arg =
  (op: 'ArgMin' | 'ArgMax'): Kernel =>
  (g, { x }, attrs) => {
    const [axis] = axesOf(attrs, x.shape.length)
    if (g.target === 'gpu') return firstWhere(g, x, axis, op === 'ArgMin' ? 'ReduceMin' : 'ReduceMax')
    const source = g.plain(x)
    const shape = x.shape.filter((_, i) => i !== axis)
    const found = g.node(op, [source], { shape, dtype: 'int32' }, { axis, keepdims: 0, select_last_index: 0 })
    return g.node('Cast', [found], { shape, dtype: 'int32' }, { to: 6 })
  }

/**
 * The first place along `axis` that holds the extremum, without int64: ONNX Runtime's WebGPU provider hands ArgMin's
 * result to the CPU to cast it, and in the middle of a step the GPU would wait for that.
 */
function firstWhere(g: Graph, x: Value, axis: number, op: 'ReduceMin' | 'ReduceMax'): Value {
  const length = x.shape[axis]
  const places = g.constant(
    Array.from({ length }, (_, i) => i),
    x.shape.map((_, i) => (i === axis ? length : 1)),
    'float32',
  )
  const here = elementwise(g, 'Equal', [x, reduce(g, op, x, [axis], true)], 'bool')
  const place = elementwise(g, 'Where', [here, places, g.constant([length], [], 'float32')], 'float32')
  const first = reduce(g, 'ReduceMin', place, [axis], false)
  return g.node('Cast', [first], { ...first, dtype: 'int32' }, { to: 6 })
}

export const reduction: Readonly<Record<string, Kernel>> = {
  Sum: sum,
  Mean: mean,
  Max: plainReduce('ReduceMax'),
  Min: plainReduce('ReduceMin'),
  Prod: (g, { x }, attrs) => reduce(g, 'ReduceProd', g.full(x), axesOf(attrs, x.shape.length), Boolean(attrs.keepDims)),
  ArgMin: arg('ArgMin'),
  ArgMax: arg('ArgMax'),
  Softmax: (g, { logits }, { dim }) => {
    const x = g.full(logits)
    const axis = dim === -1 || dim === undefined ? x.shape.length - 1 : (dim as number)
    const stored = x.perm && !isIdentity(x.perm) ? inverse(x.perm)[axis] : axis
    return g.node('Softmax', [x], { shape: x.shape, perm: x.perm }, { axis: stored })
  },
}
