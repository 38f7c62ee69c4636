import * as tf from '@tensorflow/tfjs-core'
import { linear, param, type Params, silu } from './layers.ts'
import { tensor, type Tensor } from './tensor.ts'

/**
 * The frozen sinusoid table [rows,width] (spec section 1.2): row t = [sin(t·f_0) …, cos(t·f_0) …] with
 * f_k = 10000^(−k/(width/2 − 1)). Rounded to float32 at each step as the authors' table is: at t = 999 it shows.
 */
export function timeTable(rows: number, width: number): Tensor {
  if (width % 2 || width < 4) throw new Error(`time embedding: width ${width} must be even and at least 4`)
  const half = width / 2
  const decay = Math.fround(Math.log(10_000) / (half - 1))
  const frequency = Float32Array.from({ length: half }, (_, k) => Math.exp(Math.fround(-k * decay)))
  const data = new Float32Array(rows * width)
  for (let t = 0; t < rows; t++)
    for (let k = 0; k < half; k++) {
      const angle = Math.fround(t * frequency[k])
      data[t * width + k] = Math.sin(angle)
      data[t * width + half + k] = Math.cos(angle)
    }
  return tensor([rows, width], data)
}

/** τ [B,4·base] of the timesteps t [B] (int32): the table's rows through Linear, SiLU, Linear at `name.1` and `name.3`. */
export function timeEmbedding(params: Params, name: string, t: tf.Tensor1D): tf.Tensor2D {
  const rows = tf.gather(param<tf.Tensor2D>(params, `${name}.0.weight`), t)
  return linear(params, `${name}.3`, silu(linear(params, `${name}.1`, rows)))
}

/** κ [B,4·base] of the condition s [B,m]: Linear, SiLU, Linear (spec section 1.3). */
export const conditionEmbedding = (params: Params, s: tf.Tensor2D): tf.Tensor2D =>
  linear(params, 'cond_embeddings.vector_fc.2', silu(linear(params, 'cond_embeddings.vector_fc.0', s)))
