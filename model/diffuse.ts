import * as tf from '@tensorflow/tfjs-core'
import { combine, type Tensor } from './tensor.ts'

/** The forward process q(x_t | x_0): x_t = √ᾱ_t x0 + √(1 − ᾱ_t) ε (Ho et al. 2020, Eq. 4), one ᾱ_t for the whole batch. */
export const diffuse = (x0: Tensor, eps: Tensor, alphaBar: number): Tensor =>
  combine([Math.sqrt(alphaBar), x0], [Math.sqrt(1 - alphaBar), eps])

/** The same for training, with an ᾱ_t of its own for each sample: x0 and eps [B,…], alphaBar [B]. */
export function diffuseBatch<T extends tf.Tensor>(x0: T, eps: T, alphaBar: tf.Tensor1D): T {
  const a = tf.reshape(alphaBar, [alphaBar.shape[0], ...x0.shape.slice(1).map(() => 1)])
  return tf.add(tf.mul(tf.sqrt(a), x0), tf.mul(tf.sqrt(tf.sub(1, a)), eps))
}
