import type { CompileOptions } from '../engine/compile.ts'
import * as tf from '@tensorflow/tfjs-core'
import type { PriorConfig } from '../model/config.ts'
import { initialPriorWeights, isFrozen } from '../model/initialize.ts'
import { epsLoss } from '../model/losses.ts'
import { unet1d } from '../model/prior.ts'
import { priorDropoutWidth } from '../model/prior-plan.ts'
import { linearSchedule } from '../model/schedule.ts'
import type { Tensor } from '../model/tensor.ts'
import { batchOrder, drawDropout, drawNoise } from './batches.ts'
import type { PriorTraining, TrainingConfig } from './config.ts'
import { rowsAt } from './joint.ts'
import type { Stage } from './loop.ts'
import { makeTrainer, startMoving, type Loss, type Moving } from './optimizer.ts'
import { seedFor } from './seeds.ts'
import { select, type TrainingState } from './state.ts'

/** Training of the 1-D prior on s of the training set (spec section 5): MSE(ε, ε̂), t ~ U{1 … T-1}, frozen encoder. */

/** Adam in the authors' code: AdamW without decay. */
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }

/** Mean and deviation of every column of s [N,m]; a column that never changes gets deviation 1. */
export function statistics({ shape: [N, m], data }: Tensor): { mean: number[]; std: number[] } {
  const mean = new Array<number>(m).fill(0),
    square = new Array<number>(m).fill(0)
  for (let i = 0; i < N * m; i++) mean[i % m] += data[i] / N
  for (let i = 0; i < N * m; i++) square[i % m] += (data[i] - mean[i % m]) ** 2 / N
  return { mean, std: square.map(v => Math.sqrt(v) || 1) }
}

/** The prior's config as it is stored: with the statistics of s when it is trained on standardised ones (a departure). */
export const priorConfigFor = ({ network, standardize }: PriorTraining, s: Tensor): PriorConfig =>
  standardize ? { ...network, standardize: statistics(s) } : network

/** s in the prior's own units. */
export function standardized(s: Tensor, { standardize }: PriorConfig): Tensor {
  if (!standardize) return s
  const { mean, std } = standardize,
    m = s.shape[1]
  return { shape: s.shape, data: s.data.map((value, i) => (value - mean[i % m]) / std[i % m]) }
}

/** The prior has a seed of its own, so that its draws are not those of the denoiser's training. */
const priorSeed = (seed: number): number => seedFor('weights', seed, 1)

export function startPrior(config: TrainingConfig & { prior: PriorTraining }): TrainingState {
  const weights = initialPriorWeights(config.prior.network, config.model.prototypes.count, priorSeed(config.seed))
  const moving = startMoving(
    weights,
    [...weights.keys()].filter(name => !isFrozen(name)),
  )
  return {
    step: 0,
    plan: { steps: config.prior.steps, decayFrom: Math.round(config.prior.steps * 0.5), asked: config.prior.steps },
    frozen: false,
    seconds: 0,
    phases: [],
    moving,
  }
}

export async function makePriorStage(
  config: TrainingConfig & { prior: PriorTraining },
  moving: Moving,
  s: Tensor,
  run: CompileOptions = {},
): Promise<Stage> {
  const { network, batch: wanted } = config.prior,
    [count, m] = s.shape,
    batch = Math.min(wanted, count),
    shape = [batch, m]
  const width = priorDropoutWidth(network, m),
    names = [...moving.weights.keys()],
    trained = names.filter(name => !isFrozen(name))
  const loss: Loss = (params, inputs) => {
    const column = (name: string) => tf.reshape(inputs[name], [-1, 1])
    const xt = tf.add(tf.mul(inputs.x0, column('signal')), tf.mul(inputs.eps, column('noise'))) as tf.Tensor2D
    const epsHat = unet1d(network, params, xt, inputs.t as tf.Tensor1D, inputs.dropout as tf.Tensor2D | undefined)
    return { loss: epsLoss(inputs.eps, epsHat), also: {} }
  }
  const inputs = {
    x0: { shape },
    eps: { shape },
    t: { shape: [batch], dtype: 'int32' as const },
    signal: { shape: [batch] },
    noise: { shape: [batch] },
    ...(network.dropout > 0 ? { dropout: { shape: [batch, width] } } : {}),
  }
  const trainer = await makeTrainer(
    { loss, trained, groupOf: () => 'prior', adamw: adam },
    moving,
    select(moving.weights, names.filter(isFrozen)),
    {
      name: 'train-prior',
      key: JSON.stringify([network, m]),
      inputs,
    },
    run,
  )
  const schedule = linearSchedule(network.timesteps),
    seed = priorSeed(config.seed),
    indicesAt = batchOrder(count, batch, seed)
  return {
    trainer,
    feed: step => {
      const { t, signal, noise, eps } = drawNoise(schedule, shape, seed, step)
      return {
        x0: rowsAt(s, indicesAt(step)),
        eps,
        t,
        signal: { shape: [batch], data: signal },
        noise: { shape: [batch], data: noise },
        ...(network.dropout > 0 ? { dropout: drawDropout(batch, width, network.dropout, seed, step) } : {}),
      }
    },
    describe: () => ({}),
    dispose: () => trainer.dispose(),
  }
}
