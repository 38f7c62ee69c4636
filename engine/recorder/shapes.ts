/** Kernels that move numbers without changing them. */
import { util } from '@tensorflow/tfjs-core'
import type { Graph } from './graph.ts'
import type { Kernel } from './kernel.ts'
import { broadcast, inverse, sameNumbers, storedShape, type Value } from './value.ts'

const reshape: Kernel = (g, { x }, { shape }) => {
  const target = util.inferFromImplicitShape(shape as number[], util.sizeFromShape([...x.shape]))
  if (sameNumbers(target, x.shape)) return x
  const onlyOnes = sameNumbers(
    target.filter(n => n !== 1),
    x.shape.filter(n => n !== 1),
  )
  if (onlyOnes && !x.perm) return relabelled(g, x, target)
  if (x.held.every(n => n === 1))
    return g.node('Reshape', [x, { ints: target.map(() => 1) }], { shape: target, held: target.map(() => 1), dtype: x.dtype })
  return g.node('Reshape', [g.plain(x), { ints: target }], { shape: target, dtype: x.dtype })
}

/** Adding or dropping axes of 1 keeps the repeating axes as they are. */
function relabelled(g: Graph, x: Value, target: readonly number[]): Value {
  const held = x.held.filter((_, axis) => x.shape[axis] !== 1)
  let next = 0
  const stored = target.map(n => (n === 1 ? 1 : held[next++]))
  const node = g.node('Reshape', [x, { ints: stored }], { shape: target, held: stored, dtype: x.dtype })
  return x.constant ? { ...node, constant: x.constant } : node
}

const concat: Kernel = (g, inputs, { axis }) => {
  const parts = Object.values(inputs).map(v => g.full(v))
  const rank = parts[0].shape.length
  const along = (axis as number) < 0 ? (axis as number) + rank : (axis as number)
  const shape = parts[0].shape.map((n, i) => (i === along ? parts.reduce((sum, v) => sum + v.shape[i], 0) : n))
  const perm = parts.find(v => v.perm)?.perm
  const order = perm ?? shape.map((_, i) => i)
  const values = parts.map(v => g.inOrder(v, order))
  return g.node('Concat', values, { shape, perm, dtype: parts[0].dtype }, { axis: perm ? inverse(perm)[along] : along })
}

/** One Slice over the axes that are cut, in stored order; repeating axes stay as they are. */
export function cut(g: Graph, x: Value, begin: readonly number[], size: readonly number[], steps: readonly number[] = []): Value {
  const shape = x.shape.map((n, i) => (size[i] === -1 ? n - begin[i] : size[i]))
  const held = x.held.map((n, i) => (n === 1 && x.shape[i] !== 1 ? 1 : shape[i]))
  const axes = x.shape.map((_, i) => i).filter(i => held[i] !== x.held[i] || (steps[i] ?? 1) !== 1)
  if (axes.length === 0) return { ...x, shape }
  const stored = (axis: number) => (x.perm ? inverse(x.perm)[axis] : axis)
  const ints = (f: (axis: number) => number) => ({ ints: axes.map(f) })
  const end = (axis: number) => begin[axis] + (shape[axis] - 1) * (steps[axis] ?? 1) + 1
  return g.node('Slice', [x, ints(a => begin[a]), ints(end), ints(stored), ints(a => steps[a] ?? 1)], {
    shape,
    held,
    perm: x.perm,
    dtype: x.dtype,
  })
}

const splitV: Kernel = (g, { x }, { numOrSizeSplits, axis }) => {
  const along = (axis as number) < 0 ? (axis as number) + x.shape.length : (axis as number)
  const given = numOrSizeSplits as number | number[]
  const sizes = typeof given === 'number' ? Array.from({ length: given }, () => x.shape[along] / given) : given
  let at = 0
  return sizes.map(length => {
    const begin = x.shape.map((_, i) => (i === along ? at : 0))
    at += length
    return cut(
      g,
      x,
      begin,
      x.shape.map((n, i) => (i === along ? length : n)),
    )
  })
}

/** Zero padding, pairs in logical order. */
export function padded(g: Graph, x: Value, paddings: readonly (readonly [number, number])[], value = 0): Value {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return x
  const source = g.full(x)
  const shape = x.shape.map((n, i) => n + paddings[i][0] + paddings[i][1])
  const order = source.perm ?? x.shape.map((_, i) => i)
  const ints = [...order.map(axis => paddings[axis][0]), ...order.map(axis => paddings[axis][1])]
  return g.node('Pad', [source, { ints }, g.constant([value], [], 'float32')], { shape, perm: source.perm, dtype: x.dtype })
}

const broadcastTo: Kernel = (g, { x }, { shape }) => {
  const target = shape as number[]
  const ones = Array.from({ length: target.length - x.shape.length }, () => 1)
  const lifted = ones.length ? (reshape(g, { x }, { shape: [...ones, ...x.shape] }) as Value) : x
  return { ...lifted, shape: broadcast(lifted.shape, target) }
}

const pack: Kernel = (g, inputs, { axis }) => {
  const values = Object.values(inputs)
  const at = (axis as number) < 0 ? (axis as number) + values[0].shape.length + 1 : (axis as number)
  const lifted = values.map(x => reshape(g, { x }, { shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] }) as Value)
  return concat(g, Object.fromEntries(lifted.map((v, i) => [i, v])), { axis: at })
}

const unpack: Kernel = (g, { value }, { axis }) => {
  const at = (axis as number) < 0 ? (axis as number) + value.shape.length : (axis as number)
  const rest = value.shape.filter((_, i) => i !== at)
  return Array.from({ length: value.shape[at] }, (_, i) => {
    const begin = value.shape.map((_, a) => (a === at ? i : 0))
    const slice = cut(
      g,
      value,
      begin,
      value.shape.map((n, a) => (a === at ? 1 : n)),
    )
    return reshape(g, { x: slice }, { shape: rest }) as Value
  })
}

const gather: Kernel = (g, { x, indices }, { axis, batchDims }) => {
  if (batchDims) throw new Error('gather with batchDims is not recorded; use oneHot and matMul')
  const at = ((axis as number) + x.shape.length) % x.shape.length
  const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)]
  return g.node('Gather', [g.plain(x), g.plain(indices)], { shape, dtype: x.dtype }, { axis: at })
}

const oneHot: Kernel = (g, { indices }, { depth, onValue, offValue, dtype }) => {
  const values = g.constant([Number(offValue ?? 0), Number(onValue ?? 1)], [2], 'float32')
  const count = g.constant([Number(depth)], [], 'int32')
  const shape = [...indices.shape, Number(depth)]
  const made = g.node('OneHot', [g.plain(indices), count, values], { shape }, { axis: -1 })
  return dtype === 'int32' || dtype === 'bool'
    ? g.node('Cast', [made], { shape, dtype }, { to: dtype === 'int32' ? 6 : 9 })
    : made
}

const fill: Kernel = (g, _, { shape, value, dtype }) => {
  const target = shape as number[]
  return {
    ...g.constant(
      [Number(value)],
      target.map(() => 1),
      dtype === 'int32' ? 'int32' : 'float32',
    ),
    shape: target,
  }
}

const range: Kernel = (g, _, { start, stop, step, dtype }) => {
  const [from, by] = [Number(start), Number(step ?? 1)]
  const count = Math.max(0, Math.ceil((Number(stop) - from) / by))
  return g.constant(
    Array.from({ length: count }, (_, i) => from + i * by),
    [count],
    dtype === 'int32' ? 'int32' : 'float32',
  )
}

const tile: Kernel = (g, { x }, { reps }) => {
  const times = reps as number[]
  const shape = x.shape.map((n, i) => n * times[i])
  // Repeating an axis of 1 is what `held` expresses without copying.
  if (x.shape.every((n, i) => times[i] === 1 || n === 1)) return { ...x, shape }
  return g.node('Tile', [g.plain(x), { ints: times }], { shape, dtype: x.dtype })
}

const reverse: Kernel = (g, { x }, { dims }) => {
  const axes = (Array.isArray(dims) ? (dims as number[]) : [dims as number]).map(axis =>
    axis < 0 ? axis + x.shape.length : axis,
  )
  return flipped(g, g.full(x), axes)
}

/** x with the given logical axes running backwards. */
export function flipped(g: Graph, x: Value, axes: readonly number[]): Value {
  const stored = axes.map(axis => (x.perm ? inverse(x.perm)[axis] : axis))
  const dims = storedShape(x)
  const all = (n: number) => ({ ints: stored.map(() => n) })
  return g.node('Slice', [x, { ints: stored.map(axis => dims[axis] - 1) }, all(-2147483647), { ints: stored }, all(-1)], {
    shape: x.shape,
    perm: x.perm,
    dtype: x.dtype,
  })
}

export const shapes: Readonly<Record<string, Kernel>> = {
  Reshape: reshape,
  ExpandDims: (g, { input }, { dim }) => {
    const at = (dim as number) < 0 ? (dim as number) + input.shape.length + 1 : (dim as number)
    return reshape(g, { x: input }, { shape: [...input.shape.slice(0, at), 1, ...input.shape.slice(at)] })
  },
  Concat: concat,
  Slice: (g, { x }, { begin, size }) => cut(g, x, begin as number[], size as number[]),
  SplitV: splitV,
  PadV2: (g, { x }, { paddings, constantValue }) => padded(g, x, paddings as [number, number][], Number(constantValue ?? 0)),
  BroadcastTo: broadcastTo,
  Pack: pack,
  Unpack: unpack,
  GatherV2: gather,
  OneHot: oneHot,
  Fill: fill,
  Range: range,
  Tile: tile,
  Reverse: reverse,
}
