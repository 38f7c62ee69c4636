/** Element-wise kernels. They keep the axis order and the repeating axes of their operands. */
import type { Graph } from './graph.ts'
import type { Kernel } from './kernel.ts'
import { type DType, sameNumbers, uniform, type Value } from './value.ts'

const unary =
  (op: string): Kernel =>
  (g, { x }) =>
    g.node(op, [x], { ...shapeOf(x), dtype: x.dtype })

const shapeOf = ({ shape, perm, held }: Value) => ({ shape, perm, held })

/** op applied to operands brought to one order; `dtype` when the result has another type than the operands. */
export function elementwise(g: Graph, op: string, operands: readonly Value[], dtype: DType = operands[0].dtype): Value {
  const { values, shape, held, perm } = g.aligned(operands)
  return g.node(op, values, { shape, held, perm, dtype })
}

const binary =
  (op: string, dtype?: DType): Kernel =>
  (g, { a, b }) =>
    elementwise(g, op, [a, b], dtype)

/** x with the shape it would have after broadcasting against `other`, for operators that leave it unchanged. */
function stretched(g: Graph, x: Value, other: Value): Value {
  if (sameNumbers(x.shape, other.shape) || other.shape.length === 0) return x
  const { values, shape, perm, held } = g.aligned([x, other])
  const same = sameNumbers(held, x.held.length === shape.length ? x.held : [])
  return same
    ? { ...values[0], shape, perm, held }
    : elementwise(g, 'Add', [
        x,
        g.constant(
          [0],
          other.shape.map(() => 1),
          x.dtype,
        ),
      ])
}

const multiply: Kernel = (g, { a, b }) => {
  if (uniform(b) === 1 && fits(a, b)) return stretched(g, a, b)
  if (uniform(a) === 1 && fits(b, a)) return stretched(g, b, a)
  return elementwise(g, 'Mul', [a, b])
}

/** Whether x has at least the rank of `other`, so that nothing but `held` axes can grow. */
const fits = (x: Value, other: Value) => x.shape.length >= other.shape.length

/** Add, which becomes the bias of a convolution when it follows one. */
const add: Kernel = (g, { a, b }) => {
  if (uniform(b) === 0 && fits(a, b)) return stretched(g, a, b)
  if (uniform(a) === 0 && fits(b, a)) return stretched(g, b, a)
  return withBias(g, a, b) ?? withBias(g, b, a) ?? elementwise(g, 'Add', [a, b])
}

function withBias(g: Graph, conv: Value, bias: Value): Value | undefined {
  const origin = g.origin(conv)
  const channels = conv.shape.at(-1)
  if (origin?.op !== 'Conv' || origin.inputs.length !== 2 || bias.shape.length !== 1 || !sameNumbers(bias.held, [channels ?? 0]))
    return undefined
  return g.node('Conv', [...origin.inputs, g.logical(bias)], { shape: conv.shape, perm: conv.perm }, origin.attributes)
}

const compare =
  (op: string): Kernel =>
  (g, { a, b }) =>
    elementwise(g, op, [a, b], 'bool')

const negated =
  (op: string): Kernel =>
  (g, { a, b }) =>
    not(g, elementwise(g, op, [a, b], 'bool'))

const not = (g: Graph, x: Value) => g.node('Not', [x], { ...shapeOf(x), dtype: 'bool' })

export const ONNX_TYPE: Readonly<Record<DType, number>> = { float32: 1, int32: 6, bool: 9 }

const cast: Kernel = (g, { x }, { dtype }) =>
  x.dtype === dtype ? x : g.node('Cast', [x], { ...shapeOf(x), dtype: dtype as DType }, { to: ONNX_TYPE[dtype as DType] })

const like =
  (number: number): Kernel =>
  (g, { x }) => ({
    ...g.constant(
      [number],
      x.shape.map(() => 1),
      x.dtype,
    ),
    shape: x.shape,
  })

const scalar = (g: Graph, number: number) => g.constant([number], [], 'float32')

/** tf.step: alpha for x ≤ 0, 1 above. */
const step: Kernel = (g, { x }, { alpha }) => {
  const positive = elementwise(g, 'Greater', [x, scalar(g, 0)], 'bool')
  if (!alpha) return g.node('Cast', [positive], { ...shapeOf(x), dtype: 'float32' }, { to: ONNX_TYPE.float32 })
  return where(g, positive, scalar(g, 1), scalar(g, Number(alpha)))
}

function where(g: Graph, condition: Value, t: Value, e: Value): Value {
  return elementwise(g, 'Where', [condition, t, e], t.dtype)
}

export const arithmetic: Readonly<Record<string, Kernel>> = {
  Abs: unary('Abs'),
  Neg: unary('Neg'),
  Exp: unary('Exp'),
  Log: unary('Log'),
  Sqrt: unary('Sqrt'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Relu: unary('Relu'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Sign: unary('Sign'),
  Floor: unary('Floor'),
  Reciprocal: unary('Reciprocal'),
  Softplus: unary('Softplus'),
  LogicalNot: (g, { x }) => not(g, x),
  Rsqrt: (g, { x }) => {
    const root = g.node('Sqrt', [x], shapeOf(x))
    return g.node('Reciprocal', [root], shapeOf(root))
  },
  Square: (g, { x }) => elementwise(g, 'Mul', [x, x]),
  Step: step,
  Cast: cast,
  Identity: (_, { x }) => x,
  ZerosLike: like(0),
  OnesLike: like(1),
  ClipByValue: (g, { x }, { clipValueMin, clipValueMax }) =>
    g.node('Clip', [x, scalar(g, Number(clipValueMin)), scalar(g, Number(clipValueMax))], shapeOf(x)),
  Add: add,
  Sub: (g, { a, b }) => (uniform(b) === 0 && fits(a, b) ? stretched(g, a, b) : elementwise(g, 'Sub', [a, b])),
  Multiply: multiply,
  RealDiv: (g, { a, b }) => {
    const divisor = uniform(b)
    if (divisor === undefined) return elementwise(g, 'Div', [a, b])
    // A power of two has an exact reciprocal, and multiplying is cheaper.
    const exact = Math.log2(Math.abs(divisor)) % 1 === 0
    return exact
      ? multiply(g, { a, b: { ...g.constant([1 / divisor], b.held, 'float32'), shape: b.shape } }, {})
      : elementwise(g, 'Div', [a, b])
  },
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  SquaredDifference: (g, { a, b }) => {
    const difference = elementwise(g, 'Sub', [a, b])
    return elementwise(g, 'Mul', [difference, difference])
  },
  Equal: compare('Equal'),
  NotEqual: negated('Equal'),
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  Select: (g, { condition, t, e }) => where(g, leading(g, condition, t.shape.length), t, e),
  AddN: (g, inputs) => elementwise(g, 'Sum', Object.values(inputs)),
}

/** tf.where lets a rank-1 condition choose along the first axis. */
function leading(g: Graph, condition: Value, rank: number): Value {
  if (condition.shape.length !== 1 || rank <= 1) return condition
  const shape = [condition.shape[0], ...Array.from({ length: rank - 1 }, () => 1)]
  return g.node('Reshape', [g.plain(condition), { ints: shape }], { shape, dtype: 'bool' })
}
