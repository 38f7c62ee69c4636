import * as tf from '@tensorflow/tfjs-core'
import { conv, linear, type Params } from '../model/layers.ts'
import { random } from '../model/noise.ts'
import { sizeOf, tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'

/**
 * The network that reads attributes from pictures: convolutions of stride 2 with a ReLU after each, then one linear layer
 * over what is left, which keeps where things are. No normalisation: it learns these pictures without.
 */
export type AttributeNetwork = {
  /** Pixels a side; halved by every layer. */
  readonly size: number
  /** Channels of the picture, then those after each layer. */
  readonly channels: readonly number[]
  /** Number of yes/no questions. */
  readonly attributes: number
}

/** 98,957 weights for 13 attributes at 64 pixels: 64 → 32 → 16 → 8 → 4. */
export const avatarNetwork = (attributes: number, size = 64): AttributeNetwork => ({
  size,
  channels: [3, 16, 32, 64, 96],
  attributes,
})

function shapesOf({ size, channels, attributes }: AttributeNetwork): [string, number[]][] {
  const layers = channels.length - 1
  if (size % 2 ** layers)
    throw new Error(
      `attribute network: ${layers} layers halve the picture, so its side must be divisible by ${2 ** layers}, got ${size}`,
    )
  const left = (size / 2 ** layers) ** 2 * channels[layers]
  const convs = channels.slice(1).flatMap((out, i): [string, number[]][] => [
    [`conv.${i}.weight`, [3, 3, channels[i], out]],
    [`conv.${i}.bias`, [out]],
  ])
  return [...convs, ['head.weight', [left, attributes]], ['head.bias', [attributes]]]
}

/** Kaiming-normal weights, biases 0 (He et al. 2015); a pure function of (network, seed). */
export function initialAttributeWeights(network: AttributeNetwork, seed: number): Weights {
  const stream = random(seed)
  return new Map(
    shapesOf(network).map(([name, shape]) => {
      const std = name.endsWith('.bias') ? 0 : Math.sqrt(2 / sizeOf(shape.slice(0, -1)))
      return [
        name,
        tensor(
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => std * stream.normal()),
        ),
      ]
    }),
  )
}

/** What the last convolution makes of pictures x [B,H,W,C] in -1 … 1: [B,h,w,F]. */
const lastLayer = ({ channels }: AttributeNetwork, params: Params, x: tf.Tensor4D): tf.Tensor4D =>
  channels.slice(1).reduce((h, _, i) => tf.relu(conv(params, `conv.${i}`, h, 2, 1)), x)

/** Features [B,F]: the last convolution averaged over the picture, as Inception's are. */
export const attributeFeatures = (network: AttributeNetwork, params: Params, x: tf.Tensor4D): tf.Tensor2D =>
  tf.mean(lastLayer(network, params, x), [1, 2])

/** Logits [B,A] of pictures x [B,H,W,C] in -1 … 1. */
export function attributeLogits(network: AttributeNetwork, params: Params, x: tf.Tensor4D): tf.Tensor2D {
  const last = lastLayer(network, params, x)
  return linear(params, 'head', tf.reshape(last, [last.shape[0], sizeOf(last.shape.slice(1))]))
}

/** Mean binary cross entropy of logits against labels of 0 and 1, both [B,A]: softplus(l) − y·l. */
export const crossEntropy = (logits: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar =>
  tf.mean(tf.sub(tf.softplus(logits), tf.mul(labels, logits)))
