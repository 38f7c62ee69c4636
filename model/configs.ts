/** The authors' configurations (spec: table of official configurations, section 5) and two small ones that train on a CPU. */
import type { EncoderConfig, ModelConfig, PriorConfig, UNetConfig } from './config.ts'

const EPSILON = 1e-4
const DIM = 128

/** Three-pixel kernels, the first with stride 2: a patch of 15×15 pixels every 2 pixels. */
const patches15 = (channels: number): EncoderConfig => ({
  channels: [channels, 32, 64, 64, DIM],
  kernels: [3, 3, 3, 3],
  strides: [2, 1, 1, 1],
  paddings: [1, 0, 0, 0],
})

const officialUNet: UNetConfig = {
  stem: 1,
  base: 64,
  multipliers: [1, 2, 4, 4],
  attention: [false, false, false, false],
  resBlocks: 2,
  groups: 8,
  heads: 4,
  dropout: 0.1,
  timeMultiple: 4,
  conditionScale: 1,
}

const official = (size: number, channels: number, count: number): ModelConfig => ({
  image: { height: size, width: size, channels },
  encoder: patches15(channels),
  prototypes: { count, dim: DIM, epsilon: EPSILON },
  unet: officialUNet,
  timesteps: 1000,
})

/** MNIST and Fashion-MNIST. */
export const officialFMNIST: ModelConfig = official(32, 1, 30)
export const officialCIFAR10: ModelConfig = official(32, 3, 100)
/** CelebA (also its shortcut variant) and FFHQ. */
export const officialCelebA: ModelConfig = official(64, 3, 100)
/** CheXpert X-rays: five-pixel kernels, a patch of 61×61 pixels every 4 pixels. */
export const officialCheXpert: ModelConfig = {
  ...official(224, 1, 100),
  encoder: { channels: [1, 32, 64, 64, 128, DIM], kernels: [5, 5, 5, 5, 5], strides: [2, 2, 1, 1, 1], paddings: [1, 1, 0, 0, 0] },
}

/** As trained; the released code then loads it with other numbers and fails (spec section 8.7). */
const officialPrior = (multipliers: readonly number[]): PriorConfig => ({
  base: 64,
  multipliers,
  resBlocks: 3,
  groups: 8,
  dropout: 0.2,
  timesteps: 100,
})
export const officialFMNISTPrior: PriorConfig = officialPrior([1, 2])
export const officialCIFAR10Prior: PriorConfig = officialPrior([1, 2, 4])
export const officialCelebAPrior: PriorConfig = officialPrior([1, 2, 4])
export const officialCheXpertPrior: PriorConfig = officialPrior([1, 2, 4])

/** Half the resolution inside, one block a level, no dropout: what two CPU cores can train (spec section 11). */
const smallUNet: UNetConfig = {
  ...officialUNet,
  stem: 2,
  base: 32,
  multipliers: [1, 2, 4],
  attention: [false, false, false],
  resBlocks: 1,
  dropout: 0,
  conditionScale: 5,
  predicts: 'v',
}

/** Synthetic faces, 64×64 RGB. Why a 2×2 stem: docs/decisions/0003-stem.md. */
export const avatars64: ModelConfig = { ...official(64, 3, 100), unet: smallUNet }

/** Fashion-MNIST, 32×32 grey. */
export const fmnist32: ModelConfig = { ...official(32, 1, 30), unet: { ...smallUNet, multipliers: [1, 2, 3] } }

/** Priors of the small configurations, narrower than the authors'. `standardize` is filled in from the training data. */
export const avatars64Prior: PriorConfig = {
  base: 32,
  multipliers: [1, 2, 4],
  resBlocks: 2,
  groups: 8,
  dropout: 0.1,
  timesteps: 100,
}
export const fmnist32Prior: PriorConfig = { ...avatars64Prior, multipliers: [1, 2] }
