import * as tf from '@tensorflow/tfjs-core'
import { firstMinimum } from './prototypes.ts'

/** Mean squared error of the noise estimate over all entries (spec section 4). */
export const epsLoss = (eps: tf.Tensor, epsHat: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.sub(epsHat, eps)))

/**
 * Keeps prototypes apart: mean_i relu(δ − min_{j≠i} D_ij) with D = 1 − |cos(p_i, p_j)| (spec section 4).
 * prototypes [m,D]; margin δ, official 0.2. One prototype alone costs nothing.
 */
export function distinctLoss(prototypes: tf.Tensor2D, margin: number): tf.Scalar {
  const [m] = prototypes.shape
  if (m < 2) return tf.scalar(0)
  const length = tf.sqrt(tf.sum(tf.square(prototypes), 1, true))
  const unit = tf.div(prototypes, tf.maximum(length, 1e-8)) as tf.Tensor2D
  const distance = tf.sub(1, tf.abs(tf.matMul(unit, unit, false, true))) // [m,m], 0 … 1
  const others = tf.add(distance, tf.mul(2, tf.eye(m))) // a prototype is not its own neighbour
  const { value } = firstMinimum(tf.reshape(others, [1, m, m]))
  return tf.mean(tf.relu(tf.sub(margin, value)))
}
