import * as tf from '@tensorflow/tfjs-core'
import { linear, param, type Params, silu } from './layers.ts'

/** τ [B,4·base] of the timesteps t [B] (int32): the table's rows through Linear, SiLU, Linear at `name.1` and `name.3`. */
export function timeEmbedding(params: Params, name: string, t: tf.Tensor1D): tf.Tensor2D {
  const rows = tf.gather(param<tf.Tensor2D>(params, `${name}.0.weight`), t)
  return linear(params, `${name}.3`, silu(linear(params, `${name}.1`, rows)))
}

/** κ [B,4·base] of the condition s [B,m]: Linear, SiLU, Linear (spec section 1.3). */
export const conditionEmbedding = (params: Params, s: tf.Tensor2D): tf.Tensor2D =>
  linear(params, 'cond_embeddings.vector_fc.2', silu(linear(params, 'cond_embeddings.vector_fc.0', s)))
