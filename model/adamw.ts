import * as tf from '@tensorflow/tfjs-core'

export type AdamWOptions = {
  /** A number, or a scalar tensor where the step is recorded and the rate changes. */
  readonly lr: number | tf.Scalar
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled: 0.01 in the authors' training; 0 makes this Adam. */
  readonly weightDecay: number
}

/** PyTorch's defaults, which the authors use; their learning rate is 1e-5. */
export const adamwDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } as const

const asTensor = (value: number | tf.Scalar): tf.Scalar => (typeof value === 'number' ? tf.scalar(value) : value)

/**
 * One step of AdamW: Loshchilov & Hutter 2019 (arXiv:1711.05101), Algorithm 2 as PyTorch has it. Every tensor may have any
 * shape: entries do not meet, so many parameters can be updated as one long vector.
 *
 * @param step 1 for the first step, as a number or as a scalar tensor (an input of a recorded training step)
 */
export function adamw(
  param: tf.Tensor,
  grad: tf.Tensor,
  m: tf.Tensor,
  v: tf.Tensor,
  step: number | tf.Scalar,
  { lr, beta1, beta2, epsilon, weightDecay }: AdamWOptions,
): { param: tf.Tensor; m: tf.Tensor; v: tf.Tensor } {
  const [rate, t] = [asTensor(lr), asTensor(step)]
  const mNext = tf.add(tf.mul(m, beta1), tf.mul(grad, 1 - beta1))
  const vNext = tf.add(tf.mul(v, beta2), tf.mul(tf.square(grad), 1 - beta2))
  const correction1 = tf.sub(1, tf.pow(beta1, t))
  const correction2 = tf.sub(1, tf.pow(beta2, t))
  const denominator = tf.add(tf.div(tf.sqrt(vNext), tf.sqrt(correction2)), epsilon)
  const change = tf.mul(tf.div(rate, correction1), tf.div(mNext, denominator))
  const kept = tf.mul(param, tf.sub(1, tf.mul(rate, weightDecay)))
  return { param: tf.sub(kept, change), m: mNext, v: vNext }
}

/** Exponential moving average of a parameter: decay·average + (1 − decay)·param. */
export const emaUpdate = (average: tf.Tensor, param: tf.Tensor, decay: number | tf.Scalar): tf.Tensor =>
  tf.add(param, tf.mul(decay, tf.sub(average, param)))
