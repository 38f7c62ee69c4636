import { isDeepStrictEqual } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import type { CompileOptions } from '../engine/compile.ts'
import { chooseDevice } from '../engine/device.ts'
import { readCheckpoint } from '../engine/checkpoint/safetensors.ts'
import type { ModelConfig } from '../model/config.ts'
import { encode } from '../model/encoder.ts'
import { initialWeights, isFrozen } from '../model/initialize.ts'
import type { Params } from '../model/layers.ts'
import { distinctLoss, epsLoss } from '../model/losses.ts'
import { activate, distances } from '../model/prototypes.ts'
import type { Tensor } from '../model/tensor.ts'
import { dropoutWidth, unet } from '../model/unet.ts'
import type { Weights } from '../model/weights.ts'
import { drawsAhead, drawsNow } from './ahead.ts'
import { batchOrder, drawDropout } from './batches.ts'
import type { TrainingConfig } from './config.ts'
import { countOf, pictures, type DataSet } from '../analysis/data-set.ts'
import { farApartPrototypes } from './far-apart.ts'
import type { Stage } from './loop.ts'
import { isEncoder, type Networks } from './networks.ts'
import { makeTrainer, type Moving, startMoving, type Loss } from './optimizer.ts'
import { spread } from './progress.ts'
import { planOf, type Plan } from './schedule.ts'
import { seedFor } from './seeds.ts'
import { select, type TrainingState } from './state.ts'

/** The two stages of the denoiser's training: encoder and U-Net jointly, then the U-Net alone on s that no longer moves. */

type Batch = Readonly<Record<string, tf.Tensor>>
const prototypeVectors = 'proactBlock.prototype_vectors'

/** Rates of the two groups follow the same rise and fall. */
export const groupOf = (name: string): 'encoder' | 'unet' => (isEncoder(name) ? 'encoder' : 'unet')

function epsilonLoss(model: ModelConfig, params: Params, batch: Batch, s: tf.Tensor2D): tf.Scalar {
  const perImage = (name: string) => tf.reshape(batch[name], [-1, 1, 1, 1])
  const xt = tf.add(tf.mul(batch.x0, perImage('signal')), tf.mul(batch.eps, perImage('noise'))) as tf.Tensor4D
  const epsHat = unet(model, params, xt, batch.t as tf.Tensor1D, s, batch.dropout as tf.Tensor2D | undefined)
  if (model.unet.predicts !== 'v') return epsLoss(batch.eps, epsHat)
  // ‖v − v̂‖² = ‖ε − ε̂‖² / ᾱ: every level counts alike, the noisy ones too, where s alone can tell what the picture will be.
  return tf.mean(tf.square(tf.div(tf.sub(batch.eps, epsHat), perImage('signal'))))
}

/** Spec section 4: λ_d·MSE(ε, ε̂) + λ_p·L_distinct, s from the clean image. */
export const jointLoss =
  ({ model, distinct }: Pick<TrainingConfig, 'model' | 'distinct'>): Loss =>
  (params, batch) => {
    const { s } = activate(model, distances(model, params, encode(model, params, batch.x0 as tf.Tensor4D)))
    const mse = epsilonLoss(model, params, batch, s)
    const spreadOut = distinctLoss(params[prototypeVectors] as tf.Tensor2D, distinct.margin)
    // Logged even at weight 0 (the authors' setting); then it takes no part in the gradient.
    const loss = distinct.weight > 0 ? tf.add(mse, tf.mul(spreadOut, distinct.weight)) : mse
    return { loss: loss as tf.Scalar, also: { s, distinct: spreadOut } }
  }

/** The same with s given. */
export const denoiserLoss =
  ({ model }: Pick<TrainingConfig, 'model'>): Loss =>
  (params, batch) => ({ loss: epsilonLoss(model, params, batch, batch.s as tf.Tensor2D), also: {} })

/**
 * Weights before the first step: those of `startFrom`, else the authors' initialisation with prototypes as the config says;
 * the U-Net of one and the encoder of the other when the warm-up is to begin afresh.
 */
export async function startWeights(
  config: TrainingConfig,
  data: DataSet,
  networks: Networks,
): Promise<{ weights: Weights; startedFrom?: string }> {
  const from = config.startFrom ? await weightsOf(config.startFrom, config) : undefined
  if (from && !config.warmUp?.fresh) return from
  const first = await firstWeights(config, data, networks)
  if (!from) return { weights: first }
  const weights = new Map([...from.weights].map(([name, tensor]) => [name, isEncoder(name) ? first.get(name)! : tensor]))
  return { weights, startedFrom: `the U-Net of ${from.startedFrom}` }
}

async function firstWeights(config: TrainingConfig, data: DataSet, networks: Networks): Promise<Weights> {
  const weights = new Map(initialWeights(config.model, seedFor('weights', config.seed)))
  if (config.prototypes.init === 'random') return weights
  const options = { count: config.model.prototypes.count, images: config.prototypes.images, seed: config.seed }
  return weights.set(prototypeVectors, await farApartPrototypes(networks, weights, data, options))
}

async function weightsOf(path: string, { model }: TrainingConfig): Promise<{ weights: Weights; startedFrom: string }> {
  const { id, info, weights } = await readCheckpoint(path)
  if (!isDeepStrictEqual(info.config, model))
    throw new Error(`startFrom: ${path} holds another model than this config describes; take its config (patronus info ${path})`)
  const { command = 'origin unknown', imagesSeen = '?' } = info.provenance
  return {
    weights: new Map([...weights].filter(([name]) => !name.startsWith('prior.'))),
    startedFrom: `${info.name} ${id.slice(0, 16)} (${imagesSeen} images, ${command})`,
  }
}

export const startState = (
  config: TrainingConfig,
  weights: Weights,
  startedFrom?: string,
  warmUp?: TrainingState['warmUp'],
): TrainingState => ({
  step: 0,
  plan: planOf(config),
  frozen: false,
  seconds: 0,
  phases: [],
  ...(startedFrom === undefined ? {} : { startedFrom }),
  ...(warmUp && { warmUp }),
  moving: startMoving(
    weights,
    [...weights.keys()].filter(name => !isFrozen(name)),
  ),
})

/**
 * From here on encoder and prototypes stand still, so their average is set to what the U-Net has just been trained with:
 * shipping an older average would feed it slightly different s. Their moments are dropped.
 */
export function freezeEncoder(state: TrainingState): TrainingState {
  const { weights, first, second, average } = state.moving
  const kept = [...first.keys()].filter(name => !isEncoder(name))
  const settled = new Map(average)
  for (const name of weights.keys()) if (isEncoder(name)) settled.set(name, weights.get(name)!)
  return {
    ...state,
    frozen: true,
    moving: { weights, first: select(first, kept), second: select(second, kept), average: settled },
  }
}

/** When the encoder freezes under a plan: never, or where the config says. */
export const jointUntil = ({ freezeEncoderAt }: TrainingConfig, { steps }: Plan): number =>
  Math.min(freezeEncoderAt ?? Infinity, steps)

/** The compiled step of one stage; with `s` [N,m] of every training image it is the U-Net's alone. */
export async function makeStage(
  config: TrainingConfig,
  data: DataSet,
  moving: Moving,
  { s, ...run }: { readonly s?: Tensor } & CompileOptions = {},
): Promise<Stage> {
  const { model, batch, seed } = config,
    shape = [batch, ...data.shape],
    { dropout } = model.unet
  const width = dropoutWidth(model),
    names = [...moving.weights.keys()]
  const trained = names.filter(name => !isFrozen(name) && !(s && isEncoder(name)))
  const inputs = {
    x0: { shape },
    eps: { shape },
    t: { shape: [batch], dtype: 'int32' as const },
    signal: { shape: [batch] },
    noise: { shape: [batch] },
    ...(s ? { s: { shape: [batch, model.prototypes.count] } } : {}),
    ...(dropout > 0 ? { dropout: { shape: [batch, width] } } : {}),
  }
  const trainer = await makeTrainer(
    { loss: s ? denoiserLoss(config) : jointLoss(config), trained, groupOf, adamw: config.adamw },
    moving,
    select(moving.weights, names.filter(isFrozen)),
    { name: s ? 'train-denoiser' : 'train-joint', key: JSON.stringify([model, config.adamw, config.distinct]), inputs },
    run,
  )
  const indicesAt = batchOrder(countOf(data), batch, seed)
  const { device } = await chooseDevice(run.device ?? 'auto')
  const draws = (device === 'cpu' ? drawsNow : drawsAhead)({
    timesteps: model.timesteps,
    shape,
    seed,
    levels: config.levels,
  })
  return {
    trainer,
    feed: async step => {
      const indices = indicesAt(step),
        { t, signal, noise, eps } = await draws.at(step)
      return {
        x0: { shape, data: pictures(data, indices) },
        eps,
        t,
        signal: { shape: [batch], data: signal },
        noise: { shape: [batch], data: noise },
        ...(s ? { s: rowsAt(s, indices) } : {}),
        ...(dropout > 0 ? { dropout: drawDropout(batch, width, dropout, seed, step) } : {}),
      }
    },
    describe: (outputs): Record<string, number> => {
      if (s) return {}
      const { min, median, max } = spread(outputs.s.data)
      return { distinct: outputs.distinct.data[0], sMin: min, sMedian: median, sMax: max }
    },
    dispose: async () => void (await Promise.all([trainer.dispose(), draws.dispose()])),
  }
}

/** Rows of x [N,m] by index. */
export function rowsAt(x: Tensor, indices: ArrayLike<number>): Tensor {
  const m = x.shape[1],
    data = new Float32Array(indices.length * m)
  for (let k = 0; k < indices.length; k++) data.set(x.data.subarray(indices[k] * m, (indices[k] + 1) * m), k * m)
  return { shape: [indices.length, m], data }
}

/** s of every picture of a data set, [N,m]. */
export async function activationsOf(
  networks: Networks,
  weights: Weights,
  data: DataSet,
  signal?: AbortSignal,
  say: (line: string) => void = () => {},
): Promise<Tensor> {
  const count = countOf(data),
    chunk = 512
  let out: Float32Array | undefined,
    m = 0
  for (let from = 0; from < count; from += chunk) {
    signal?.throwIfAborted()
    const indices = Array.from({ length: Math.min(chunk, count - from) }, (_, i) => from + i)
    const s = await networks.activations(weights, { shape: [indices.length, ...data.shape], data: pictures(data, indices) })
    m = s.shape[1]
    ;(out ??= new Float32Array(count * m)).set(s.data, from * m)
    if ((from / chunk) % 8 === 7) say(`s of ${from + indices.length} of ${count} training images`)
    await new Promise(setImmediate)
  }
  return { shape: [count, m], data: out! }
}
