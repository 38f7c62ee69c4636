import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from './config.ts'
import { derived, param, type Params } from './layers.ts'

/**
 * Squared distances d_ij = relu(‖z_i‖² − 2 z_i·p_j + ‖p_j‖²) of every patch to every prototype (spec section 2):
 * z [B,n,n,D] → [B,n,n,m]. The square is expanded as in the authors' code; Σ(z − p)² would be more exact, but different.
 */
export function distances({ prototypes }: ModelConfig, params: Params, z: tf.Tensor4D): tf.Tensor4D {
  const p = param<tf.Tensor2D>(params, 'proactBlock.prototype_vectors') // [m,D]
  const [B, n, width, D] = z.shape
  const product = tf.matMul(tf.reshape(z, [B * n * width, D]), tf.mul(p, -2), false, true) as tf.Tensor2D // −2 z·p
  const cross = tf.reshape(tf.add(product, tf.sum(tf.square(p), 1)), [B, n, width, prototypes.count])
  return tf.relu(tf.add(tf.sum(tf.square(z), 3, true), cross)) as tf.Tensor4D
}

/**
 * Minimum over axis 1 of x [B,P,m] → [B,m], and where it is. The gradient reaches the first smallest entry only, as in
 * PyTorch (tf.min's would reach every equal one: after the ReLU of `distances` there may be many zeros).
 */
export function firstMinimum(x: tf.Tensor3D): { value: tf.Tensor2D; index: tf.Tensor2D } {
  const [B, P, m] = x.shape
  const index = tf.argMin(x, 1) as tf.Tensor2D
  const value = derived<tf.Tensor2D>([x], () => ({
    value: tf.min(x, 1) as tf.Tensor2D,
    keep: [index],
    gradient: (dy, [index]) => {
      const here = tf.equal(tf.reshape(tf.range(0, P, 1, 'int32'), [1, P, 1]), tf.reshape(index, [B, 1, m]))
      return tf.mul(tf.cast(here, 'float32'), tf.reshape(dy, [B, 1, m]))
    },
  }))
  return { value, index }
}

export type Activations = { s: tf.Tensor2D; minDistance: tf.Tensor2D; argmin: tf.Tensor2D }

/** The activations of distances d [B,n,n,m]: s, the smallest distance and its cell (row-major, first wins), each [B,m]. */
export function activate({ prototypes }: ModelConfig, d: tf.Tensor4D): Activations {
  const [B, height, width, m] = d.shape
  const { value, index } = firstMinimum(tf.reshape(d, [B, height * width, m]))
  const s = tf.log(tf.div(tf.add(value, 1), tf.add(value, prototypes.epsilon))) as tf.Tensor2D
  return { s, minDistance: value, argmin: index }
}
