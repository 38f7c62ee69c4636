import * as tf from '@tensorflow/tfjs-core'
import type { PriorConfig } from './config.ts'
import { timeEmbedding } from './embedding.ts'
import { linear, normalize, padding, param, type Params, silu } from './layers.ts'
import { type PriorBlock, priorPlan } from './prior-plan.ts'

type Residual = Extract<PriorBlock, { kind: 'residual' }>

/** 1-D convolution of x [B,1,length,in] with `name.weight` [k,in,out]. */
function conv1d(params: Params, name: string, x: tf.Tensor4D, stride: number, pad: number): tf.Tensor4D {
  const weight = tf.expandDims(param<tf.Tensor3D>(params, `${name}.weight`), 0) as tf.Tensor4D
  return tf.add(tf.conv2d(x, weight, [1, stride], padding(0, pad)), param(params, `${name}.bias`))
}

/** ConvTranspose1d k4 s2 p1: x [B,1,length,in] → [B,1,2·length,out] with `name.weight` [4,out,in]. */
function up(params: Params, name: string, x: tf.Tensor4D): tf.Tensor4D {
  const weight = tf.expandDims(param<tf.Tensor3D>(params, `${name}.weight`), 0) as tf.Tensor4D
  const shape: [number, number, number, number] = [x.shape[0], 1, 2 * x.shape[2], weight.shape[2]]
  return tf.add(tf.conv2dTranspose(x, weight, shape, [1, 2], padding(0, 1)), param(params, `${name}.bias`))
}

/** ResBlock1D: like the U-Net's, but with no SiLU before the time projection. */
function residual(
  params: Params,
  { name, cin, cout }: Residual,
  h: tf.Tensor4D,
  time: tf.Tensor2D,
  groups: number,
  mask: tf.Tensor4D | undefined,
): tf.Tensor4D {
  const inner = conv1d(params, `${name}.conv1`, silu(normalize(params, `${name}.norm1`, h, groups)), 1, 1)
  const shift = tf.reshape(linear(params, `${name}.time_emb_proj`, time), [time.shape[0], 1, 1, cout])
  let u: tf.Tensor4D = silu(normalize(params, `${name}.norm2`, tf.add(inner, shift), groups))
  if (mask) u = tf.mul(u, mask)
  const skip = cin === cout ? h : conv1d(params, `${name}.skip_connection`, h, 1, 0)
  return tf.add(conv1d(params, `${name}.conv2`, u, 1, 1), skip)
}

/**
 * ε̂ of a noisy activation vector (spec sections 1.7 and 5); parameters named without the `prior.` prefix.
 *
 * x        [B,m]                    s_t in the prior's own units (standardised where the config says so, else raw)
 * t        [B] int32                0 … timesteps − 1
 * dropout  [B,priorDropoutWidth]    0 or 1/(1 − p); absent outside training
 */
export function unet1d(prior: PriorConfig, params: Params, x: tf.Tensor2D, t: tf.Tensor1D, dropout?: tf.Tensor2D): tf.Tensor2D {
  const [B, m] = x.shape
  const time = timeEmbedding(params, 'time_emb.time_blocks', t)
  let at = 0
  const mask = ({ cout, length }: Residual) => {
    if (!dropout) return undefined
    const columns = tf.slice(dropout, [0, at], [-1, cout * length])
    at += cout * length
    return tf.reshape(columns, [B, 1, length, cout]) as tf.Tensor4D
  }
  let h = conv1d(params, 'initial_conv', tf.reshape(x, [B, 1, m, 1]), 1, 1)
  for (const block of priorPlan(prior, m))
    if (block.kind === 'residual') h = residual(params, block, h, time, prior.groups, mask(block))
    else h = block.kind === 'down' ? conv1d(params, `${block.name}.down`, h, 2, 1) : up(params, `${block.name}.up`, h)
  return tf.reshape(conv1d(params, 'final_conv', h, 1, 1), [B, m])
}
