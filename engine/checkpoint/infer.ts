import type { EncoderConfig, PriorConfig, UNetConfig } from '../../model/config.ts'
import type { Weights } from '../../model/weights.ts'
import { CheckpointError, list } from './error.ts'

/**
 * What the shapes of the authors' weights tell about the network. Shapes are torch's (spec appendices A and B).
 * Everything read here is checked again by `checkShapes`, which compares every weight with the configuration.
 */
export type InferredModel = {
  readonly channels: number
  readonly prototypes: { readonly count: number; readonly dim: number }
  readonly encoder: Pick<EncoderConfig, 'channels' | 'kernels'>
  readonly unet: Pick<UNetConfig, 'base' | 'multipliers' | 'attention' | 'resBlocks' | 'timeMultiple'>
}

/** Shape of a weight that every model has. */
function shapeOf(file: string, weights: Weights, name: string, rank: number): readonly number[] {
  const shape = weights.get(name)?.shape
  if (shape?.length !== rank)
    throw new CheckpointError(file, {
      wanted: `a weight ${name} with ${rank} axes, as the authors’ models have`,
      got: shape ? `[${shape}]` : `none among ${list([...weights.keys()], 4)}`,
      remedy: 'Only checkpoints of the authors’ Patronus code can be imported.',
    })
  return shape
}

type Level = { readonly width: number; readonly blocks: number; readonly attention: boolean }

/** Walks a flat list of residual blocks and changes of resolution and groups it into levels. */
function levelsOf(file: string, weights: Weights, prefix: string, conv: { name: string; rank: number }, down: string): Level[] {
  const levels: Level[] = []
  let level: Level | undefined
  for (let i = 0; ; i++) {
    const name = `${prefix}.${i}`
    if (weights.has(`${name}.${conv.name}.weight`)) {
      const [width] = shapeOf(file, weights, `${name}.${conv.name}.weight`, conv.rank)
      const attention = weights.has(`${name}.attention.group_norm.weight`)
      level = { width, blocks: (level?.blocks ?? 0) + 1, attention: attention || (level?.attention ?? false) }
    } else {
      if (!level) throw new CheckpointError(file, { wanted: `residual blocks from ${name} on`, got: 'none' })
      levels.push(level)
      level = undefined
      if (!weights.has(`${name}.${down}.weight`)) return levels
    }
  }
}

/** Width of a level in units of `base`, and blocks a level: both have to be whole and the latter the same everywhere. */
function measure(file: string, levels: readonly Level[], base: number): { multipliers: number[]; resBlocks: number } {
  const multipliers = levels.map(({ width }) => width / base)
  const counts = levels.map(({ blocks }) => blocks)
  if (!multipliers.every(Number.isInteger) || counts.some(count => count !== counts[0]))
    throw new CheckpointError(file, {
      wanted: `levels whose widths are multiples of ${base}, with equally many blocks`,
      got: `widths ${levels.map(({ width }) => width)} with ${counts} blocks`,
      remedy: 'This model was built with other code.',
    })
  return { multipliers, resBlocks: counts[0] }
}

export function inferModel(file: string, weights: Weights): InferredModel {
  const [count, dim] = shapeOf(file, weights, 'proactBlock.prototype_vectors', 4)
  const [base, channels] = shapeOf(file, weights, 'first.weight', 4)
  const [width] = shapeOf(file, weights, 'time_embeddings.time_blocks.1.weight', 2)
  const levels = levelsOf(file, weights, 'encoder_blocks', { name: 'conv_1', rank: 4 }, 'downsample')
  const convs: (readonly number[])[] = []
  for (let i = 0; weights.has(`proactBlock.encoder.features.${i}.weight`); i += 2)
    convs.push(shapeOf(file, weights, `proactBlock.encoder.features.${i}.weight`, 4))
  return {
    channels,
    prototypes: { count, dim },
    encoder: { channels: [channels, ...convs.map(([out]) => out)], kernels: convs.map(([, , k]) => k) },
    unet: {
      base,
      ...measure(file, levels, base),
      attention: levels.map(({ attention }) => attention),
      timeMultiple: width / base,
    },
  }
}

/** The prior's whole configuration: what its file does not tell (groups, dropout) is fixed in the authors' code (spec section 5). */
export function inferPrior(file: string, weights: Weights): PriorConfig {
  const [base] = shapeOf(file, weights, 'initial_conv.weight', 3)
  const [timesteps] = shapeOf(file, weights, 'time_emb.time_blocks.0.weight', 2)
  const levels = levelsOf(file, weights, 'down_blocks', { name: 'conv1', rank: 3 }, 'down')
  return { base, ...measure(file, levels, base), groups: 8, dropout: 0.2, timesteps }
}
