import { readFile } from 'node:fs/promises'
import * as models from '../model/configs.ts'
import { fashionClasses } from './datasets/idx.ts'
import { parseConfig, type TrainingConfig } from './config.ts'

/** The training runs this repository ships, by name, and how a user's own JSON file builds on them. */

/** Small batches of s, a tenth of a second a step on one core, and no dropout: so short a training does not overfit. */
const quickPrior = { batch: 32, steps: 4_000, rate: 3e-4, warmup: 100, ema: 0.999, standardize: true } as const

const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }

/** What s can tell is taught first, without the U-Net: twenty minutes on one core (docs/decisions/0006). */
const warmUp = {
  fresh: false,
  batch: 32,
  steps: 3_000,
  rates: { encoder: 5e-4, decoder: 1e-3 },
  hidden: 512,
  components: 384,
  images: 3_072,
  whiten: 1,
  ema: 0.995,
} as const

/**
 * 64×64 faces on two CPU cores in a few hours. Departures from the official recipe: from the pilots of spec section 11 the
 * 2×2 space-to-depth stem and small U-Net, s times 5 into the condition MLP, prototypes from real patches, averaged
 * weights, v instead of ε predicted; from docs/decisions/0006 the warm-up, after which the encoder stands still. The
 * encoder's rate is for those who train jointly (`freezeEncoderAt: null`; docs/decisions/0005). How the shipped weights
 * were made: train/recipes/.
 */
const avatars64: TrainingConfig = {
  name: 'avatars64',
  description: 'Synthetic faces with 13 exact attributes, 64×64 RGB, 128 prototypes.',
  data: { kind: 'avatars', size: 64, train: 16_000, test: 2_000, seed: 1, bias: 0 },
  model: { ...models.avatars64, prototypes: { ...models.avatars64.prototypes, count: 128 } },
  seed: 1,
  warmUp,
  batch: 16,
  steps: 14_000,
  freezeEncoderAt: 0,
  rates: { encoder: 3e-4, unet: 4e-4, warmup: 100, decay: 0.15, floor: 0.02 },
  adamw,
  ema: 0.999,
  prototypes: { init: 'far-apart', images: 512 },
  distinct: { weight: 0, margin: 0.2 },
  prior: { network: { ...models.avatars64Prior, resBlocks: 1, dropout: 0 }, ...quickPrior },
  every: { log: 25, checkpoint: 250, sheet: 1000 },
}

/** Fashion-MNIST at 32×32 with the paper's 30 prototypes, on a small U-Net. */
const fmnist32: TrainingConfig = {
  ...avatars64,
  name: 'fmnist32',
  description: 'Fashion-MNIST, 32×32 grey, 30 prototypes.',
  data: { kind: 'idx', name: 'Fashion-MNIST', path: 'data/fmnist', size: 32, classes: fashionClasses },
  model: models.fmnist32,
  warmUp: { ...warmUp, batch: 64, steps: 6_000, components: 256, images: 4_096 },
  batch: 32,
  steps: 12_000,
  prior: { network: { ...models.fmnist32Prior, resBlocks: 1, dropout: 0 }, ...quickPrior },
}

/** Seconds on any machine: what the tests train, and a first try of the command. */
const tiny: TrainingConfig = {
  ...avatars64,
  name: 'tiny',
  description: 'A toy: 16×16 faces, 4 prototypes. For tests and first tries; its pictures are poor.',
  data: { kind: 'avatars', size: 16, train: 64, test: 16, seed: 1, bias: 0 },
  model: {
    image: { height: 16, width: 16, channels: 3 },
    encoder: { channels: [3, 8, 8], kernels: [3, 3], strides: [2, 1], paddings: [1, 0] },
    prototypes: { count: 4, dim: 8, epsilon: 1e-4 },
    unet: { ...avatars64.model.unet, stem: 2, base: 8, multipliers: [1, 2], attention: [false, false] },
    timesteps: 1000,
  },
  warmUp: null,
  batch: 4,
  steps: 60,
  freezeEncoderAt: 40,
  rates: { encoder: 1e-4, unet: 2e-3, warmup: 5, decay: 0.2, floor: 0.02 },
  ema: 0.95,
  prototypes: { init: 'far-apart', images: 16 },
  prior: {
    network: { base: 8, multipliers: [1, 2], resBlocks: 1, groups: 4, dropout: 0, timesteps: 100 },
    batch: 8,
    steps: 40,
    rate: 1e-3,
    warmup: 5,
    ema: 0.95,
    standardize: true,
  },
  every: { log: 10, checkpoint: 20, sheet: 60 },
}

export const trainingConfigs: Readonly<Record<string, TrainingConfig>> = { avatars64, fmnist32, tiny }

/** A shipped config by name, or a JSON file by path. A file may say `"extends": "avatars64"` and give only what differs. */
export async function readConfig(nameOrPath: string): Promise<TrainingConfig> {
  if (Object.hasOwn(trainingConfigs, nameOrPath)) return trainingConfigs[nameOrPath]
  const known = Object.keys(trainingConfigs).join(', ')
  const text = await readFile(nameOrPath, 'utf8').catch(() => {
    throw new Error(`no training config "${nameOrPath}": it is neither a shipped one (${known}) nor a file that can be read`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${nameOrPath} is not JSON: ${(error as Error).message}`)
  }
  return parseConfig(extended(value, nameOrPath), nameOrPath)
}

function extended(value: unknown, source: string): unknown {
  if (!isRecord(value) || value.extends === undefined) return value
  const { extends: base, ...own } = value
  if (typeof base !== 'string' || !Object.hasOwn(trainingConfigs, base))
    throw new Error(`${source}: "extends" must be one of ${Object.keys(trainingConfigs).join(', ')}, got ${JSON.stringify(base)}`)
  return merge(trainingConfigs[base], own)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `own` over `base`, key by key. Lists are replaced whole, and so is an object whose `kind` changes: its fields mean something else. */
function merge(base: unknown, own: unknown): unknown {
  if (!isRecord(base) || !isRecord(own) || (own.kind !== undefined && own.kind !== base.kind)) return own
  const out: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(own)) out[key] = key in base ? merge(base[key], value) : value
  return out
}
