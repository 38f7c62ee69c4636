/**
 * Convolutions and their gradients. The function speaks NHWC and HWIO; ONNX speaks NCHW and OIHW, so images stay stored
 * as NCHW between convolutions and only the names of the axes differ.
 */
import { backend_util } from '@tensorflow/tfjs-core'
import type { Graph, Attribute } from './graph.ts'
import type { Kernel } from './kernel.ts'
import { cut, flipped, padded } from './shapes.ts'
import { NCHW, OIHW, type Value } from './value.ts'

type Geometry = ReturnType<typeof backend_util.computeConv2DInfo>
type Pad = Parameters<typeof backend_util.computeConv2DInfo>[4]
type Shape4 = [number, number, number, number]

function geometry(shape: readonly number[], filter: readonly number[], attrs: Readonly<Record<string, unknown>>): Geometry {
  if ((attrs.dataFormat ?? 'NHWC') !== 'NHWC') throw new Error('only NHWC convolutions are recorded')
  const dilations = (attrs.dilations ?? 1) as number
  return backend_util.computeConv2DInfo(
    shape as Shape4,
    filter as Shape4,
    attrs.strides as number,
    dilations,
    attrs.pad as Pad,
    attrs.dimRoundingMode as 'floor' | undefined,
  )
}

const attributesOf = ({
  padInfo: p,
  strideHeight,
  strideWidth,
  dilationHeight,
  dilationWidth,
}: Geometry): Record<string, Attribute> => ({
  pads: [p.top, p.left, p.bottom, p.right],
  strides: [strideHeight, strideWidth],
  dilations: [dilationHeight, dilationWidth],
})

const conv2D: Kernel = (g, { x, filter }, attrs) => {
  const geo = geometry(x.shape, filter.shape, attrs)
  return g.node(
    'Conv',
    [g.inOrder(g.full(x), NCHW), g.inOrder(g.full(filter), OIHW)],
    { shape: geo.outShape, perm: NCHW },
    attributesOf(geo),
  )
}

/** ∂L/∂x. At stride 1 it is a convolution of dy with the filter turned round; else a transposed convolution. */
const inputGradient: Kernel = (g, { dy, filter }, attrs) => {
  const shape = attrs.inputShape as number[]
  const geo = geometry(shape, filter.shape, attrs)
  const { filterHeight: kh, filterWidth: kw, padInfo: p } = geo
  const from = g.inOrder(g.full(dy), NCHW)
  if (geo.strideHeight === 1 && geo.strideWidth === 1) {
    // In logical HWIO the turned filter is flipped in H and W; stored as I,O,H,W it maps dy's channels O to I.
    const stored = g.inOrder(g.full(filter), [2, 3, 0, 1])
    const turned = kh * kw > 1 ? flipped(g, stored, [0, 1]) : stored
    const pads = [kh - 1 - p.top, kw - 1 - p.left, kh - 1 - p.bottom, kw - 1 - p.right]
    return g.node('Conv', [from, turned], { shape, perm: NCHW }, { pads, strides: [1, 1] })
  }
  const rest = (size: number, out: number, stride: number, k: number, pad: number) => size - ((out - 1) * stride + k - pad)
  const output_padding = [
    rest(geo.inHeight, geo.outHeight, geo.strideHeight, kh, p.top + p.bottom),
    rest(geo.inWidth, geo.outWidth, geo.strideWidth, kw, p.left + p.right),
  ]
  const { dilations: _, ...attributes } = attributesOf(geo)
  return g.node(
    'ConvTranspose',
    [from, g.inOrder(g.full(filter), OIHW)],
    { shape, perm: NCHW },
    { ...attributes, output_padding },
  )
}

/** The order in which the filter gradient keeps its operands: channels first, so that shifts cut long runs. */
const CBHW = [3, 0, 1, 2] as const

/**
 * ∂L/∂filter: for every filter tap, dy [O, B·H·W] times the shifted x [I, B·H·W] transposed, one Gemm.
 *
 * At stride 1 both operands are laid out with the row pitch of the padded image (dy gets zero columns on the right), so
 * that a tap is one contiguous window of the flattened image instead of a strided copy.
 */
const filterGradient: Kernel = (g, { x, dy }, attrs) => {
  const filterShape = attrs.filterShape as number[]
  const geo = geometry(x.shape, filterShape, attrs)
  if (g.target === 'gpu') return byImage(g, x, dy, geo, filterShape)
  const taps = geo.strideHeight === 1 && geo.strideWidth === 1 ? flatTaps(g, x, dy, geo) : stridedTaps(g, x, dy, geo)
  const [kh, kw, I, O] = filterShape
  if (taps.length === 1) return g.node('Reshape', [taps[0], { ints: [O, I, 1, 1] }], { shape: filterShape, perm: OIHW })
  const lifted = taps.map(tap => g.node('Reshape', [tap, { ints: [O, I, 1] }], { shape: [O, I, 1] }))
  const stacked = g.node('Concat', lifted, { shape: [O, I, kh * kw] }, { axis: 2 })
  return g.node('Reshape', [stacked, { ints: [O, I, kh, kw] }], { shape: filterShape, perm: OIHW })
}

const gemmNT = (g: Graph, a: Value, b: Value) => g.node('Gemm', [a, b], { shape: [a.shape[0], b.shape[0]] }, { transB: 1 })

/** An image with zeros around it, channels first. */
const around = (g: Graph, x: Value, rows: [number, number], columns: [number, number]) =>
  g.inOrder(padded(g, x, [[0, 0], rows, columns, [0, 0]]), CBHW)

function flatTaps(g: Graph, x: Value, dy: Value, geo: Geometry): Value[] {
  const { padInfo: p, filterHeight: kh, filterWidth: kw, batchSize: B, inChannels: I, outChannels: O } = geo
  const height = geo.inHeight + p.top + p.bottom
  const width = geo.inWidth + p.left + p.right
  // dy grown to the pitch of the padded image; the zeros make every out-of-row product vanish.
  const image = around(g, x, [p.top, p.bottom], [p.left, p.right])
  const signal = around(g, dy, [0, height - geo.outHeight], [0, width - geo.outWidth])
  const length = B * height * width
  const flat = (v: Value, channels: number) => g.node('Reshape', [v, { ints: [channels, length] }], { shape: [channels, length] })
  // Whatever the tap, dy is zero in the last `reach` places, so one shortened dy serves all of them.
  const reach = (kh - 1) * width + (kw - 1)
  const rows = flat(image, I)
  const grads = cut(g, flat(signal, O), [0, 0], [O, length - reach])
  return Array.from({ length: kh * kw }, (_, tap) => {
    const shift = Math.floor(tap / kw) * width + (tap % kw)
    return gemmNT(g, grads, cut(g, rows, [0, shift], [I, length - reach]))
  })
}

function stridedTaps(g: Graph, x: Value, dy: Value, geo: Geometry): Value[] {
  const {
    padInfo: p,
    filterHeight: kh,
    filterWidth: kw,
    batchSize: B,
    inChannels: I,
    outChannels: O,
    outHeight: H,
    outWidth: W,
  } = geo
  const image = around(g, x, [p.top, p.bottom], [p.left, p.right])
  const flat = (v: Value, channels: number) =>
    g.node('Reshape', [v, { ints: [channels, B * H * W] }], { shape: [channels, B * H * W] })
  const grads = flat(g.inOrder(g.full(dy), CBHW), O)
  return Array.from({ length: kh * kw }, (_, tap) => {
    const window = cut(g, image, [0, Math.floor(tap / kw), tap % kw, 0], [B, H, W, I], [1, geo.strideHeight, geo.strideWidth, 1])
    return gemmNT(g, grads, flat(window, I))
  })
}

/**
 * The same for a GPU: all taps of an image side by side (im2col), one product an image, and their sum. ONNX Runtime's
 * WebGPU kernels give a tile of the result to one group of threads, so an inner axis of B·H·W would leave most of the
 * card idle.
 */
function byImage(g: Graph, x: Value, dy: Value, geo: Geometry, filterShape: readonly number[]): Value {
  const { padInfo: p, filterHeight: kh, filterWidth: kw, batchSize: B, inChannels: I, outChannels: O } = geo
  const { strideHeight, strideWidth, outHeight: H, outWidth: W } = geo
  const flat = (v: Value, channels: number, length: number) =>
    g.node('Reshape', [v, { ints: [B, channels, length] }], { shape: [B, channels, length] })
  const image = g.inOrder(
    padded(g, x, [
      [0, 0],
      [p.top, p.bottom],
      [p.left, p.right],
      [0, 0],
    ]),
    NCHW,
  )
  const strided = strideHeight !== 1 || strideWidth !== 1
  const [height, width] = [image.shape[1], image.shape[2]]
  // At stride 1 both have the row pitch of the padded image, so that a tap is one contiguous window (see `flatTaps`).
  const length = strided ? H * W : height * width - (kh - 1) * width - (kw - 1)
  const rows = strided ? undefined : flat(image, I, height * width)
  const window = (tap: number) => {
    const [row, column] = [Math.floor(tap / kw), tap % kw]
    if (rows) return cut(g, rows, [0, 0, row * width + column], [B, I, length])
    return flat(cut(g, image, [0, row, column, 0], [B, H, W, I], [1, strideHeight, strideWidth, 1]), I, length)
  }
  const windows = Array.from({ length: kh * kw }, (_, tap) => window(tap))
  const columns = windows.length === 1 ? windows[0] : g.node('Concat', windows, { shape: [B, kh * kw * I, length] }, { axis: 1 })
  const grown = strided
    ? g.full(dy)
    : padded(g, dy, [
        [0, 0],
        [0, height - H],
        [0, width - W],
        [0, 0],
      ])
  const signal = g.inOrder(grown, [0, 1, 2, 3])
  const [rowsOf, columnsOf] = [grown.shape[1], grown.shape[2]]
  const whole = g.node('Reshape', [signal, { ints: [B, rowsOf * columnsOf, O] }], { shape: [B, rowsOf * columnsOf, O] })
  const grads = cut(g, whole, [0, 0, 0], [B, length, O])
  const products = g.node('MatMul', [columns, grads], { shape: [B, kh * kw * I, O] })
  const sum = g.node('ReduceSum', [products, { ints: [0] }], { shape: [kh * kw * I, O] }, { keepdims: 0 })
  return g.node('Reshape', [sum, { ints: [...filterShape] }], { shape: filterShape })
}

/** tf.image.resizeNearestNeighbor by whole factors, as U-Nets use it. */
const resizeNearest: Kernel = (g, { images }, { size, alignCorners, halfPixelCenters }) => {
  const [height, width] = size as [number, number]
  const [B, H, W, C] = images.shape
  if (alignCorners || halfPixelCenters || height % H || width % W)
    throw new Error(`only whole-factor nearest resizing is recorded, got ${H}x${W} to ${height}x${width}`)
  const source = g.inOrder(g.full(images), NCHW)
  const scales = g.constant([1, 1, height / H, width / W], [4], 'float32')
  return g.node(
    'Resize',
    [source, '', scales],
    { shape: [B, height, width, C], perm: NCHW },
    { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  )
}

/** Its gradient: the sum over each block, which is an average pool times the block's size. */
const resizeNearestGradient: Kernel = (g, { images, dy }) => {
  const [B, H, W, C] = images.shape
  const factors = [dy.shape[1] / H, dy.shape[2] / W]
  const pooled = g.node(
    'AveragePool',
    [g.inOrder(g.full(dy), NCHW)],
    { shape: [B, H, W, C], perm: NCHW },
    { kernel_shape: factors, strides: factors },
  )
  return g.node('Mul', [pooled, g.constant([factors[0] * factors[1]], [], 'float32')], { shape: [B, H, W, C], perm: NCHW })
}

export const convolution: Readonly<Record<string, Kernel>> = {
  Conv2D: conv2D,
  Conv2DBackpropInput: inputGradient,
  Conv2DBackpropFilter: filterGradient,
  ResizeNearestNeighbor: resizeNearest,
  ResizeNearestNeighborGrad: resizeNearestGradient,
}
