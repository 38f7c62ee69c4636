import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from './config.ts'
import { conv, type Params } from './layers.ts'

/** n of the n×n grid of patches that the encoder sees in an image. */
export function gridSize({ image, encoder }: ModelConfig): number {
  if (image.height !== image.width) throw new Error(`encoder: images must be square, got ${image.height}×${image.width}`)
  return encoder.kernels.reduce(
    (n, kernel, i) => Math.floor((n - kernel + 2 * encoder.paddings[i]) / encoder.strides[i]) + 1,
    image.height,
  )
}

/** z = f(x0): a stack of convolutions with a ReLU after each (spec section 1.1). x [B,H,W,C] in -1…1 → z [B,n,n,D], z ≥ 0. */
export const encode = ({ encoder }: ModelConfig, params: Params, x: tf.Tensor4D): tf.Tensor4D =>
  encoder.kernels.reduce(
    (h, _, i) => tf.relu(conv(params, `proactBlock.encoder.features.${2 * i}`, h, encoder.strides[i], encoder.paddings[i])),
    x,
  )
