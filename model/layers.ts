/**
 * The layers of both networks as pure tfjs functions: NHWC, weights in tfjs layout, no state, no data read back.
 * Every tfjs kernel becomes a node of the compiled graph, forward and backward, so few kernels matter more than short code.
 */
import * as tf from '@tensorflow/tfjs-core'

/** Weights inside a network function, by the authors' state_dict names. */
export type Params = Readonly<Record<string, tf.Tensor>>

/** The named weight; a missing one means that the checkpoint and its config disagree. */
export function param<T extends tf.Tensor>(params: Params, name: string): T {
  const found = params[name]
  if (!found) throw new Error(`weights: "${name}" is missing; the checkpoint does not fit its config`)
  return found as T
}

type Pad = [number, number]

/** The same zero padding on both sides, as PyTorch pads (tfjs's 'same' does not, at stride 2). */
export const padding = (height: number, width: number): [Pad, Pad, Pad, Pad] => [
  [0, 0],
  [height, height],
  [width, width],
  [0, 0],
]

/** Convolution with `name.weight` [k,k,in,out] alone; the caller adds the bias together with something else. */
export const convWithoutBias = (params: Params, name: string, x: tf.Tensor4D, stride: number, pad: number): tf.Tensor4D =>
  tf.conv2d(x, param<tf.Tensor4D>(params, `${name}.weight`), stride, padding(pad, pad))

/** Convolution with `name.weight` [k,k,in,out] and `name.bias` [out]. */
export const conv = (params: Params, name: string, x: tf.Tensor4D, stride: number, pad: number): tf.Tensor4D =>
  tf.add(convWithoutBias(params, name, x, stride, pad), param(params, `${name}.bias`))

/** x [B,in] → [B,out] by `name.weight` [in,out] and `name.bias` [out]. */
export const linear = (params: Params, name: string, x: tf.Tensor2D): tf.Tensor2D =>
  tf.add(tf.matMul(x, param<tf.Tensor2D>(params, `${name}.weight`)), param(params, `${name}.bias`))

/** What an operation with a hand-derived gradient computes, and what it keeps to compute that gradient. */
type Derived<T> = { value: T; keep: tf.Tensor[]; gradient: (dy: T, kept: tf.Tensor[]) => tf.Tensor | tf.Tensor[] }

/** tf.customGrad with its types put right. `gradient` may use only `kept`: what else `forward` made is gone by then. */
export function derived<T extends tf.Tensor>(inputs: readonly tf.Tensor[], forward: () => Derived<T>): T {
  const op = tf.customGrad<T>((...args) => {
    const { value, keep, gradient } = forward()
    const save = args.at(-1) as tf.GradSaveFunc
    save(keep)
    return { value, gradFunc: gradient }
  })
  return op(...inputs)
}

/** SiLU(x) = x·σ(x); its derivative is σ + y·(1 − σ). */
export const silu = <T extends tf.Tensor>(x: T): T =>
  derived<T>([x], () => {
    const gate = tf.sigmoid(x)
    const y = tf.mul(x, gate) as T
    const gradient = (dy: T, [gate, y]: tf.Tensor[]) => tf.mul(dy, tf.add(gate, tf.mul(y, tf.sub(1, gate))))
    return { value: y, keep: [gate, y], gradient }
  })

/**
 * Group normalisation, Wu & He 2018 (arXiv:1803.08494), biased variance, affine: x [B,H,W,C], gamma and beta [C].
 *
 * Per-channel means and centred mean squares are taken over H·W and joined to those of a group on [B,G,C/G] tensors, so the
 * large tensor is never regrouped: y = (x − mean_c)·a + b with a and b of shape [B,1,1,C]. Centring first keeps the variance
 * accurate where the mean is large. With ŷ the normalised input and ⟨⟩ the mean over a group,
 * dx = (γ·dy − ⟨γ·dy⟩ − ŷ·⟨γ·dy·ŷ⟩) / σ, which is again one scale per channel of dy and of x − mean_c and one shift.
 */
export function groupNorm(x: tf.Tensor4D, gamma: tf.Tensor1D, beta: tf.Tensor1D, groups: number, epsilon = 1e-5): tf.Tensor4D {
  const [B, H, W, C] = x.shape
  if (C % groups) throw new Error(`groupNorm: ${C} channels do not divide into ${groups} groups`)
  const K = C / groups
  const grouped = (v: tf.Tensor): tf.Tensor3D => tf.reshape(v, [B, groups, K])
  const perChannel = (v: tf.Tensor): tf.Tensor4D => tf.reshape(v, [B, 1, 1, C])
  const affine = (v: tf.Tensor): tf.Tensor3D => tf.reshape(v, [1, groups, K])

  return derived<tf.Tensor4D>([x, gamma, beta], () => {
    const mean = tf.mean(x, [1, 2], true) // [B,1,1,C]
    const centred = tf.sub(x, mean)
    const square = grouped(tf.mean(tf.square(centred), [1, 2]))
    const means = grouped(mean)
    const offset = tf.sub(means, tf.mean(means, 2, true)) // [B,G,K] a channel's mean minus its group's
    const variance = tf.mean(tf.add(square, tf.square(offset)), 2, true)
    const inverse = tf.rsqrt(tf.add(variance, epsilon)) // [B,G,1] 1/σ
    const scale = tf.mul(inverse, affine(gamma))
    const shift = tf.add(tf.mul(offset, scale), affine(beta))
    const value = tf.add(tf.mul(centred, perChannel(scale)), perChannel(shift)) as tf.Tensor4D

    const gradient = (dy: tf.Tensor4D, [centred, offset, inverse, gamma]: tf.Tensor[]) => {
      const sum = grouped(tf.sum(dy, [1, 2])) // Σ dy per channel
      const product = grouped(tf.sum(tf.mul(dy, centred), [1, 2]))
      const along = tf.mul(inverse, tf.add(product, tf.mul(offset, sum))) // Σ dy·ŷ per channel
      const count = H * W * K
      const meanDy = tf.div(tf.sum(tf.mul(sum, affine(gamma)), 2, true), count)
      const meanDyY = tf.div(tf.sum(tf.mul(along, affine(gamma)), 2, true), count)
      const onX = tf.neg(tf.mul(tf.square(inverse), meanDyY)) // [B,G,1]
      const onDy = tf.mul(inverse, affine(gamma))
      const shift = tf.sub(tf.mul(onX, offset), tf.mul(inverse, meanDy))
      const onXPerChannel = perChannel(tf.mul(onX, tf.onesLike(offset)))
      const dx = tf.add(tf.add(tf.mul(dy, perChannel(onDy)), tf.mul(centred, onXPerChannel)), perChannel(shift))
      return [dx, tf.reshape(tf.sum(along, 0), [C]), tf.reshape(tf.sum(sum, 0), [C])]
    }
    return { value, keep: [centred, offset, inverse, gamma], gradient }
  })
}

/** GroupNorm with `name.weight` and `name.bias`. */
export const normalize = (params: Params, name: string, x: tf.Tensor4D, groups: number): tf.Tensor4D =>
  groupNorm(x, param(params, `${name}.weight`), param(params, `${name}.bias`), groups)

/** [B,H,W,C] → [B,H/f,W/f,f·f·C]: each f×f block of pixels becomes one pixel, channels ordered (row, column, channel). */
export function spaceToDepth(x: tf.Tensor4D, f: number): tf.Tensor4D {
  if (f === 1) return x
  const [B, H, W, C] = x.shape
  const blocks = tf.transpose(tf.reshape(x, [B, H / f, f, W / f, f, C]), [0, 1, 3, 2, 4, 5])
  return tf.reshape(blocks, [B, H / f, W / f, f * f * C])
}

/** The inverse of `spaceToDepth`. */
export function depthToSpace(x: tf.Tensor4D, f: number): tf.Tensor4D {
  if (f === 1) return x
  const [B, H, W, C] = x.shape
  const blocks = tf.transpose(tf.reshape(x, [B, H, W, f, f, C / (f * f)]), [0, 1, 3, 2, 4, 5])
  return tf.reshape(blocks, [B, H * f, W * f, C / (f * f)])
}

/**
 * Nearest-neighbour ×2: [B,H,W,C] → [B,2H,2W,C]. Its gradient, the sum over each 2×2 block, is written out: that of
 * tfjs-backend-cpu 4.22 reads the first image's gradient for every image of a batch.
 */
export const upsample = (x: tf.Tensor4D): tf.Tensor4D =>
  derived<tf.Tensor4D>([x], () => {
    const [B, H, W, C] = x.shape
    const gradient = (dy: tf.Tensor4D) => {
      const rows = tf.sum(tf.reshape(dy, [B * H, 2, 2 * W * C]), 1)
      return tf.reshape(tf.sum(tf.reshape(rows, [B * H * W, 2, C]), 1), [B, H, W, C])
    }
    return { value: tf.image.resizeNearestNeighbor(x, [2 * H, 2 * W]), keep: [], gradient }
  })
