import type { Checkpoint } from '../engine/checkpoint/safetensors.ts'
import { createPatronus } from '../engine/load.ts'
import type { CheckpointInfo, Patronus, PrototypeRange } from '../engine/patronus.ts'
import type { ModelConfig, PriorConfig } from '../model/config.ts'
import { initialPriorWeights, initialWeights } from '../model/initialize.ts'

/** A Patronus small enough to compute eagerly in a test, with every part a large one has: 16×16 in colour or grey, U-Net of base 8, prior of base 8. */
export const tinyConfig = (prototypes = 4, channels: 1 | 3 = 3): ModelConfig => ({
  image: { height: 16, width: 16, channels },
  encoder: { channels: [channels, 8, 8, 8, 16], kernels: [3, 3, 3, 3], strides: [2, 1, 1, 1], paddings: [1, 0, 0, 0] },
  prototypes: { count: prototypes, dim: 16, epsilon: 1e-4 },
  unet: {
    stem: 2,
    base: 8,
    multipliers: [1, 2],
    attention: [false, false],
    resBlocks: 1,
    groups: 4,
    heads: 2,
    dropout: 0,
    timeMultiple: 2,
    conditionScale: 1,
  },
  timesteps: 1000,
})

const range = (max: number): PrototypeRange => ({
  min: 0.01,
  max,
  mean: 0.1,
  std: 0.1,
  quantiles: { q01: 0.02, q05: 0.03, q15: 0.05, q50: 0.1, q85: 0.2, q95: 0.3, q99: 0.4 },
})

export type TinyOptions = {
  readonly prototypes?: number
  readonly channels?: 1 | 3
  readonly seed?: number
  readonly ranges?: boolean
  readonly prior?: boolean
}

/** The checkpoint as plain data: random weights that are a function of the seed. Prototype j has the measured maximum 0.5 + 0.1·(j mod 5). */
export function tinyCheckpoint({
  prototypes = 4,
  channels = 3,
  seed = 1,
  ranges = true,
  prior: hasPrior = true,
}: TinyOptions = {}): Checkpoint {
  const config = tinyConfig(prototypes, channels)
  const statistics = { mean: Array<number>(prototypes).fill(0.1), std: Array<number>(prototypes).fill(0.05) }
  const prior: PriorConfig = {
    base: 8,
    multipliers: [1, 2],
    resBlocks: 1,
    groups: 4,
    dropout: 0,
    timesteps: 30,
    standardize: statistics,
  }
  const info: CheckpointInfo = {
    name: 'tiny',
    description: 'Random weights for tests.',
    config,
    ...(hasPrior && { prior }),
    ...(ranges && { ranges: Array.from({ length: prototypes }, (_, j) => range(0.5 + 0.1 * (j % 5))), rangesOver: 10 }),
    names: { '1': 'corner' },
    dataset: 'none',
    provenance: { seed },
    licence: 'MIT',
  }
  const weights = new Map(initialWeights(config, seed))
  if (hasPrior)
    for (const [name, weight] of initialPriorWeights(prior, prototypes, seed + 1)) weights.set(`prior.${name}`, weight)
  return { id: `tiny-${prototypes}-${channels}-${seed}`, info, weights }
}

export const tinyPatronus = (options?: TinyOptions): Promise<Patronus> =>
  createPatronus(tinyCheckpoint(options), { device: 'tfjs-cpu' })
