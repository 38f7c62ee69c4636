/**
 * The derivatives of the tfjs kernels that our functions are made of. tfjs-core's Node build carries none, and these few
 * are written to add little to a recorded graph: gradients that repeat along an axis are left to broadcasting.
 * Importing this file registers them.
 */
import * as tf from '@tensorflow/tfjs-core'

type Attrs = Readonly<Record<string, unknown>>
type Gradient = (dy: tf.Tensor, saved: tf.Tensor[], attrs: Attrs) => Record<string, () => tf.Tensor>
type Rule = { readonly save?: readonly string[]; readonly out?: boolean; readonly gradient: Gradient }

/** dy summed over the axes along which an operand of `shape` was repeated. */
function summedTo(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const lead = dy.rank - shape.length
  const axes = dy.shape.flatMap((n, axis) => (axis < lead || (shape[axis - lead] === 1 && n !== 1) ? [axis] : []))
  return axes.length ? tf.reshape(tf.sum(dy, axes), [...shape]) : tf.reshape(dy, [...shape])
}

/** A rule for one operand, from saved inputs and output. */
const unary = (
  save: readonly string[],
  out: boolean,
  f: (dy: tf.Tensor, saved: tf.Tensor[], attrs: Attrs) => tf.Tensor,
): Rule => ({
  save,
  out,
  gradient: (dy, saved, attrs) => ({ x: () => f(dy, saved, attrs) }),
})

const binary = (da: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor, db: typeof da): Rule => ({
  save: ['a', 'b'],
  gradient: (dy, [a, b]) => ({ a: () => summedTo(da(dy, a, b), a.shape), b: () => summedTo(db(dy, a, b), b.shape) }),
})

const zero = unary(['x'], false, (_, [x]) => tf.zerosLike(x))
const gated = (dy: tf.Tensor, condition: tf.Tensor) => tf.mul(dy, tf.cast(condition, 'float32'))
const axesOf = (attrs: Attrs, rank: number): number[] =>
  tf.util.parseAxisParam((attrs.axis ?? null) as number[], new Array<number>(rank).fill(1))

/** dy of a reduction with its axes put back as 1. */
const kept = (dy: tf.Tensor, x: tf.Tensor, axes: readonly number[]) =>
  tf.reshape(
    dy,
    x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
  )

const extremum: Rule = unary(['x'], true, (dy, [x, y], attrs) => {
  const axes = axesOf(attrs, x.rank)
  return gated(kept(dy, x, axes), tf.equal(x, kept(y, x, axes)))
})

const spread = (scale: (count: number) => number): Rule =>
  unary(['x'], false, (dy, [x], attrs) => {
    const axes = axesOf(attrs, x.rank)
    const count = axes.reduce((product, axis) => product * x.shape[axis], 1)
    const each = kept(dy, x, axes)
    return tf.broadcastTo(scale(count) === 1 ? each : tf.mul(each, scale(count)), x.shape)
  })

/** Slices of dy where a concatenation or padding put its operands. */
const sliced = (dy: tf.Tensor, begin: number[], shape: number[]) => tf.slice(dy, begin, shape)

const concat: Rule = {
  gradient: (dy, saved, attrs) => {
    const axis = tf.util.parseAxisParam(attrs.axis as number, saved[0].shape)[0]
    let at = 0
    return Object.fromEntries(
      saved.map((x, i) => {
        const from = at
        at += x.shape[axis]
        return [
          `${i}`,
          () =>
            sliced(
              dy,
              x.shape.map((_, a) => (a === axis ? from : 0)),
              x.shape,
            ),
        ]
      }),
    )
  },
}

function matMulGradient(dy: tf.Tensor, [a, b]: tf.Tensor[], { transposeA, transposeB }: Attrs): Record<string, () => tf.Tensor> {
  const times = (x: tf.Tensor, y: tf.Tensor, turnX: boolean, turnY: boolean) => tf.matMul(x, y, turnX, turnY)
  if (!transposeA && !transposeB) return { a: () => times(dy, b, false, true), b: () => times(a, dy, true, false) }
  if (!transposeA) return { a: () => times(dy, b, false, false), b: () => times(dy, a, true, false) }
  if (!transposeB) return { a: () => times(b, dy, false, true), b: () => times(a, dy, false, false) }
  return { a: () => times(b, dy, true, true), b: () => times(dy, a, true, true) }
}

type ConvAttrs = { strides: [number, number]; pad: 'valid' | 'same' | number; dimRoundingMode?: 'floor' }
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor

const conv2D: Rule = {
  save: ['x', 'filter'],
  gradient: (dy, [x, filter], attrs) => ({
    x: () => kernel('Conv2DBackpropInput', { dy, filter }, { ...attrs, inputShape: x.shape }),
    filter: () => kernel('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape: filter.shape }),
  }),
}

/** The transposed convolution is a convolution's input gradient; its own gradients are the convolution and its filter gradient. */
const conv2DTransposed: Rule = {
  save: ['dy', 'filter'],
  gradient: (ddx, [dy, filter], attrs) => {
    const { strides, pad, dimRoundingMode } = attrs as unknown as ConvAttrs
    return {
      dy: () => tf.conv2d(ddx as tf.Tensor4D, filter as tf.Tensor4D, strides, pad, 'NHWC', 1, dimRoundingMode),
      filter: () =>
        kernel(
          'Conv2DBackpropFilter',
          { x: ddx, dy },
          { strides, pad, dataFormat: 'NHWC', dimRoundingMode, filterShape: filter.shape },
        ),
    }
  },
}

const rules: Readonly<Record<string, Rule>> = {
  Add: binary(
    dy => dy,
    dy => dy,
  ),
  Sub: binary(
    dy => dy,
    dy => tf.neg(dy),
  ),
  Multiply: binary(
    (dy, _, b) => tf.mul(dy, b),
    (dy, a) => tf.mul(dy, a),
  ),
  RealDiv: binary(
    (dy, _, b) => tf.div(dy, b),
    (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.square(b))),
  ),
  Maximum: binary(
    (dy, a, b) => gated(dy, tf.greaterEqual(a, b)),
    (dy, a, b) => gated(dy, tf.less(a, b)),
  ),
  Minimum: binary(
    (dy, a, b) => gated(dy, tf.lessEqual(a, b)),
    (dy, a, b) => gated(dy, tf.greater(a, b)),
  ),
  SquaredDifference: binary(
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(a, b))),
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(b, a))),
  ),
  Neg: unary([], false, dy => tf.neg(dy)),
  Exp: unary([], true, (dy, [y]) => tf.mul(dy, y)),
  Log: unary(['x'], false, (dy, [x]) => tf.div(dy, x)),
  Sqrt: unary([], true, (dy, [y]) => tf.div(tf.mul(dy, 0.5), y)),
  Rsqrt: unary(['x'], true, (dy, [x, y]) => tf.mul(dy, tf.mul(tf.div(y, x), -0.5))),
  Square: unary(['x'], false, (dy, [x]) => tf.mul(dy, tf.mul(x, 2))),
  Abs: unary(['x'], false, (dy, [x]) => tf.mul(dy, tf.sign(x))),
  Sigmoid: unary([], true, (dy, [y]) => tf.mul(dy, tf.mul(y, tf.sub(1, y)))),
  Tanh: unary([], true, (dy, [y]) => tf.mul(dy, tf.sub(1, tf.square(y)))),
  Relu: unary([], true, (dy, [y]) => gated(dy, tf.greater(y, 0))),
  Softplus: unary(['x'], false, (dy, [x]) => tf.mul(dy, tf.sigmoid(x))),
  Sin: unary(['x'], false, (dy, [x]) => tf.mul(dy, tf.cos(x))),
  Cos: unary(['x'], false, (dy, [x]) => tf.neg(tf.mul(dy, tf.sin(x)))),
  Floor: zero,
  Step: zero,
  Sign: zero,
  ClipByValue: unary(['x'], false, (dy, [x], { clipValueMin, clipValueMax }) =>
    gated(dy, tf.logicalAnd(tf.greaterEqual(x, clipValueMin as number), tf.lessEqual(x, clipValueMax as number))),
  ),
  Cast: unary([], false, dy => tf.cast(dy, 'float32')),
  Identity: unary([], false, dy => dy),
  Sum: spread(() => 1),
  Mean: spread(count => 1 / count),
  Max: extremum,
  Min: extremum,
  Reshape: unary(['x'], false, (dy, [x]) => tf.reshape(dy, x.shape)),
  ExpandDims: { save: ['input'], gradient: (dy, [x]) => ({ input: () => tf.reshape(dy, x.shape) }) },
  Transpose: unary([], false, (dy, _, { perm }) => tf.transpose(dy, tf.backend_util.getUndoAxesPermutation(perm as number[]))),
  BroadcastTo: unary(['x'], false, (dy, [x]) => summedTo(dy, x.shape)),
  Slice: unary(['x'], false, (dy, [x], { begin, size }) => {
    const [from, length] = tf.slice_util.parseSliceParams(x, begin as number[], size as number[])
    return tf.pad(
      dy,
      x.shape.map((n, axis): [number, number] => [from[axis], n - from[axis] - length[axis]]),
    )
  }),
  PadV2: unary(['x'], false, (dy, [x], { paddings }) =>
    sliced(
      dy,
      (paddings as [number, number][]).map(([before]) => before),
      x.shape,
    ),
  ),
  SplitV: { gradient: (dy, _, { axis }) => ({ x: () => tf.concat(dy as unknown as tf.Tensor[], axis as number) }) },
  Tile: unary(['x'], false, (dy, [x], { reps }) => {
    const blocks = x.shape.flatMap((n, axis) => [(reps as number[])[axis], n])
    return tf.sum(
      tf.reshape(dy, blocks),
      x.shape.map((_, axis) => 2 * axis),
    )
  }),
  Concat: concat,
  BatchMatMul: { save: ['a', 'b'], gradient: matMulGradient },
  Softmax: {
    out: true,
    gradient: (dy, [y], { dim }) => ({
      logits: () => {
        const product = tf.mul(dy, y)
        return tf.sub(product, tf.mul(tf.sum(product, dim as number, true), y))
      },
    }),
  },
  Select: {
    save: ['condition'],
    gradient: (dy, [condition]) => ({
      condition: () => tf.zerosLike(condition),
      t: () => gated(dy, condition),
      e: () => gated(dy, tf.logicalNot(condition)),
    }),
  },
  Conv2D: conv2D,
  Conv2DBackpropInput: conv2DTransposed,
  ResizeNearestNeighbor: {
    save: ['images'],
    gradient: (dy, [images], attrs) => ({ images: () => kernel('ResizeNearestNeighborGrad', { images, dy }, attrs) }),
  },
}

for (const [kernelName, { save, out, gradient }] of Object.entries(rules))
  tf.registerGradient({
    kernelName,
    inputsToSave: [...(save ?? [])],
    outputsToSave: out ? [true] : [],
    saveAllInputs: kernelName === 'Concat',
    gradFunc: (dy, saved, attrs) => gradient(dy as tf.Tensor, saved, attrs as Attrs),
  })
