import * as tf from '@tensorflow/tfjs-core'
import { linear, normalize, param, type Params } from './layers.ts'

/**
 * Self-attention over all positions of a feature map, with a residual (spec section 1.5; packing of nn.MultiheadAttention).
 * `name` holds group_norm, mhsa.in_proj_weight [C,3C] (columns Q, K, V) and mhsa.out_proj. x and the result are [B,H,W,C];
 * head h owns channels h·C/heads … (h+1)·C/heads − 1.
 */
export function attention(params: Params, name: string, x: tf.Tensor4D, heads: number, groups: number): tf.Tensor4D {
  const [B, H, W, C] = x.shape
  if (C % heads) throw new Error(`attention: ${C} channels do not divide into ${heads} heads`)
  const P = H * W
  const h = tf.reshape(normalize(params, `${name}.group_norm`, x, groups), [B * P, C])
  const packed = tf.add(
    tf.matMul(h, param<tf.Tensor2D>(params, `${name}.mhsa.in_proj_weight`)),
    param(params, `${name}.mhsa.in_proj_bias`),
  )
  const [q, k, v] = tf.split(packed, 3, 1).map(part => tf.transpose(tf.reshape(part, [B, P, heads, C / heads]), [0, 2, 1, 3])) // [B,heads,P,C/heads]
  const weights = tf.softmax(tf.matMul(tf.mul(q, Math.sqrt(heads / C)), k, false, true)) // [B,heads,P,P]
  const mixed = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [B * P, C]) as tf.Tensor2D
  return tf.add(x, tf.reshape(linear(params, `${name}.mhsa.out_proj`, mixed), [B, H, W, C]))
}
