import * as tf from '@tensorflow/tfjs-core'
import { attention } from './attention.ts'
import type { ModelConfig, UNetConfig } from './config.ts'
import { conditionEmbedding, timeEmbedding } from './embedding.ts'
import {
  conv,
  convWithoutBias,
  depthToSpace,
  linear,
  normalize,
  param,
  type Params,
  silu,
  spaceToDepth,
  upsample,
} from './layers.ts'
import { linearSchedule } from './schedule.ts'
import { type Block, plan } from './plan.ts'

export { dropoutWidth } from './plan.ts'

type Residual = Extract<Block, { kind: 'residual' }>

/** What every residual block needs besides its input: SiLU of both embeddings and, in training, its dropout masks. */
type Surroundings = {
  readonly unet: UNetConfig
  readonly time: tf.Tensor2D
  readonly condition: tf.Tensor2D
  /** The next `channels` columns of the dropout masks as [B,1,1,channels]; undefined outside training. */
  readonly mask: (channels: number) => tf.Tensor4D | undefined
}

/** ResnetBlock (spec section 1.4): time and condition are added between its two convolutions. */
function residual(params: Params, block: Residual, h: tf.Tensor4D, { unet, time, condition, mask }: Surroundings): tf.Tensor4D {
  const { name, cin, cout } = block
  const inner = convWithoutBias(params, `${name}.conv_1`, silu(normalize(params, `${name}.normlize_1`, h, unet.groups)), 1, 1)
  const embedded = tf.add(linear(params, `${name}.dense_1`, time), linear(params, `${name}.dense_2`, condition))
  // conv_1's bias rides along on this small tensor: one pass less over the large one
  const shift = tf.reshape(tf.add(embedded, param(params, `${name}.conv_1.bias`)), [embedded.shape[0], 1, 1, cout])
  let u: tf.Tensor4D = silu(normalize(params, `${name}.normlize_2`, tf.add(inner, shift), unet.groups))
  const dropped = mask(cout)
  if (dropped) u = tf.mul(u, dropped)
  const skip = cin === cout ? h : conv(params, `${name}.match_input`, h, 1, 0)
  const out = tf.add(conv(params, `${name}.conv_2`, u, 1, 1), skip) as tf.Tensor4D
  return block.attention ? attention(params, `${name}.attention`, out, unet.heads, unet.groups) : out
}

function apply(params: Params, block: Block, h: tf.Tensor4D, around: Surroundings): tf.Tensor4D {
  switch (block.kind) {
    case 'residual':
      return residual(params, block, h, around)
    case 'down':
      return conv(params, `${block.name}.downsample`, h, 2, 1)
    case 'up':
      return conv(params, `${block.name}.upsample.1`, upsample(h), 1, 1)
  }
}

/** Hands out the columns of dropout [B,dropoutWidth] block by block. */
function masks(dropout: tf.Tensor2D | undefined): Surroundings['mask'] {
  let at = 0
  return channels => {
    if (!dropout) return undefined
    const columns = tf.slice(dropout, [0, at], [-1, channels])
    at += channels
    return tf.reshape(columns, [dropout.shape[0], 1, 1, channels])
  }
}

/**
 * ε̂ = unet(x_t, t, s), the noise estimate, and the output of the last bottleneck block ("h-space").
 *
 * x        [B,H,W,C]           x_t
 * t        [B] int32           0 … rows of the time table − 1
 * s        [B,m] or [1,m]      raw activations
 * dropout  [B,dropoutWidth]    0 or 1/(1 − p) per channel; absent outside training
 */
export function unetWithBottleneck(
  config: ModelConfig,
  params: Params,
  x: tf.Tensor4D,
  t: tf.Tensor1D,
  s: tf.Tensor2D,
  dropout?: tf.Tensor2D,
): { eps: tf.Tensor4D; bottleneck: tf.Tensor4D } {
  const { unet } = config
  const scaled: tf.Tensor2D = unet.conditionScale === 1 ? s : tf.mul(s, unet.conditionScale)
  const around: Surroundings = {
    unet,
    time: silu(timeEmbedding(params, 'time_embeddings.time_blocks', t)),
    condition: silu(conditionEmbedding(params, scaled)),
    mask: masks(dropout),
  }
  const { encoder, bottleneck, decoder } = plan(config)
  let h = conv(params, 'first', spaceToDepth(x, unet.stem), 1, 1)
  const skips = [h]
  for (const block of encoder) skips.push((h = apply(params, block, h, around)))
  for (const block of bottleneck) h = apply(params, block, h, around)
  const middle = h
  for (const block of decoder) h = apply(params, block, block.kind === 'residual' ? tf.concat([h, skips.pop()!], 3) : h, around)
  const last = conv(params, 'final.2', silu(normalize(params, 'final.0', h, unet.groups)), 1, 1)
  const made = depthToSpace(last, unet.stem)
  return { eps: unet.predicts === 'v' ? epsFromV(config, x, t, made) : made, bottleneck: middle }
}

/** ε = √ᾱ_t·v + √(1−ᾱ_t)·x_t: Salimans & Ho 2022 (arXiv:2202.00512), appendix D. */
function epsFromV({ timesteps }: ModelConfig, x: tf.Tensor4D, t: tf.Tensor1D, v: tf.Tensor4D): tf.Tensor4D {
  const { alphaBar } = linearSchedule(timesteps)
  const at = (f: (a: number) => number) => tf.reshape(tf.gather(tf.tensor1d(alphaBar.map(f)), t), [-1, 1, 1, 1])
  return tf.add(
    tf.mul(v, at(Math.sqrt)),
    tf.mul(
      x,
      at(a => Math.sqrt(1 - a)),
    ),
  )
}

/** ε̂ = unet(x_t, t, s); arguments as in `unetWithBottleneck`. */
export const unet = (...args: Parameters<typeof unetWithBottleneck>): tf.Tensor4D => unetWithBottleneck(...args).eps
