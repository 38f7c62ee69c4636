import * as tf from '@tensorflow/tfjs-core'
import type { CompileOptions } from '../engine/compile.ts'
import { encode } from '../model/encoder.ts'
import { linear, type Params, silu } from '../model/layers.ts'
import { random } from '../model/noise.ts'
import { activate, distances } from '../model/prototypes.ts'
import { type Tensor, zeros } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { batchOrder } from './batches.ts'
import type { TrainingConfig, WarmUp } from './config.ts'
import { countOf, pictures, pictureSize, type DataSet } from '../analysis/data-set.ts'
import type { Stage } from './loop.ts'
import { isEncoder } from './networks.ts'
import { type Loss, makeTrainer, type Moving, startMoving } from './optimizer.ts'
import type { Principal } from './principal.ts'
import { spread } from './progress.ts'
import { planOf } from './schedule.ts'
import { seedFor } from './seeds.ts'
import type { TrainingState } from './state.ts'

/**
 * A first stage for encoder and prototypes alone. At the level where x_t is nothing but noise, all that a denoiser can
 * know of the picture is s, and its v-loss is the error of predicting x0 from s. Here a small network does that (thrown
 * away afterwards) instead of the U-Net: the same pull on the prototypes at a sixth of the cost. A departure from the
 * authors' recipe (docs/decisions/0006).
 *
 * The target are the picture's principal components, each divided by its deviation to the power `whiten`: at 0 the error
 * is that of the pixels, at 1 a closed eye counts as much as the colour of the background.
 */
type Config = TrainingConfig & { readonly warmUp: WarmUp }
const layers = ['warmUp.0', 'warmUp.1', 'warmUp.2'] as const

/** Encoder and prototypes of `weights`, and a network from s to K components that knows nothing yet. */
export function startWarmUp(config: Config, weights: Weights): TrainingState {
  const { steps, hidden, components } = config.warmUp
  const widths = [config.model.prototypes.count, hidden, hidden, components]
  const all = new Map([...weights].filter(([name]) => isEncoder(name)))
  for (const [i, name] of layers.entries()) {
    const stream = random(seedFor('warm-up', config.seed, i)),
      [cin, cout] = [widths[i], widths[i + 1]]
    const data = Float32Array.from({ length: cin * cout }, () => stream.normal() / Math.sqrt(cin))
    all.set(`${name}.weight`, { shape: [cin, cout], data }).set(`${name}.bias`, zeros([cout]))
  }
  return {
    step: 0,
    plan: planOf({ steps, rates: config.rates }),
    frozen: false,
    seconds: 0,
    phases: [],
    moving: startMoving(all, [...all.keys()]),
  }
}

const componentsOf = (config: Config, params: Params, s: tf.Tensor2D): tf.Tensor2D => {
  const [first, second, last] = layers
  const h = silu(linear(params, first, tf.mul(s, config.model.unet.conditionScale)))
  return linear(params, last, silu(linear(params, second, h)))
}

/** Mean square of what s does not tell, as a share of what there is to tell: 1 = nothing told, 0 = everything. */
const warmUpLoss =
  (config: Config): Loss =>
  (params, { x0 }) => {
    const { s } = activate(config.model, distances(config.model, params, encode(config.model, params, x0 as tf.Tensor4D)))
    const flat = tf.reshape(x0, [x0.shape[0], -1])
    const target = tf.matMul(tf.sub(flat, params['warmUp.mean']) as tf.Tensor2D, params['warmUp.directions'] as tf.Tensor2D)
    return { loss: tf.mean(tf.square(tf.sub(target, componentsOf(config, params, s)))), also: { s } }
  }

/** A direction narrower than this share of the widest is rounding, and is not blown up. */
const narrowest = 1e-4

/** Directions scaled so that a target has `whiten`ed variances, 1 on average. */
export function scaledDirections({ directions, deviations }: Principal, whiten: number): Tensor {
  const floor = narrowest * Math.max(...deviations)
  const left = Array.from(deviations, d => d * Math.max(d, floor) ** -whiten)
  const mean = left.reduce((sum, d) => sum + d * d, 0) / left.length
  const scale = Array.from(deviations, d => Math.max(d, floor) ** -whiten / Math.sqrt(mean))
  return { shape: directions.shape, data: directions.data.map((value, i) => value * scale[i % scale.length]) }
}

/** The compiled step. */
export async function makeWarmUpStage(
  config: Config,
  data: DataSet,
  principal: Principal,
  moving: Moving,
  run: CompileOptions = {},
): Promise<Stage> {
  const { model, seed, warmUp } = config,
    shape = [warmUp.batch, ...data.shape]
  const constants = new Map([
    ['warmUp.mean', principal.mean],
    ['warmUp.directions', scaledDirections(principal, warmUp.whiten)],
  ])
  const trainer = await makeTrainer(
    {
      loss: warmUpLoss(config),
      trained: [...moving.weights.keys()],
      groupOf: name => (isEncoder(name) ? 'encoder' : 'decoder'),
      adamw: config.adamw,
    },
    moving,
    constants,
    {
      name: 'train-warm-up',
      key: JSON.stringify([model, config.adamw, pictureSize(data)]),
      inputs: { x0: { shape } },
    },
    run,
  )
  const indicesAt = batchOrder(countOf(data), warmUp.batch, seedFor('warm-up', seed, layers.length))
  return {
    trainer,
    feed: step => ({ x0: { shape, data: pictures(data, indicesAt(step)) } }),
    describe: ({ s }): Record<string, number> => {
      const { min, median, max } = spread(s.data)
      return { sMin: min, sMedian: median, sMax: max }
    },
    dispose: () => trainer.dispose(),
  }
}
