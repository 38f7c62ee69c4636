import { z } from 'zod'
import type { ModelConfig, PriorConfig } from '../model/config.ts'

/**
 * Everything that decides what a training run makes, as one JSON-able value. It is written into the run's folder and,
 * with the seed, into the checkpoint. Shipped ones are in configs.ts; a user's own is a JSON file, read by `readConfig`.
 */

const count = z.number().int().positive()
const rate = z.number().nonnegative()
const fraction = z.number().min(0).max(1)

const dataSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('avatars'),
    size: count.default(64),
    train: count.default(12_000),
    test: count.default(2_000),
    seed: z.number().int().default(1),
    /** 0 = balanced; 1 = smiling exactly when the hair is not black, no red hair. The test set is always balanced. */
    bias: fraction.default(0),
  }),
  /** Folder of the four idx files, plain or .gz. Without `train` and `test`, all pictures; without `classes`, numbers. */
  z.strictObject({
    kind: z.literal('idx'),
    /** What cards call the set; absent = its path. */
    name: z.string().optional(),
    path: z.string(),
    size: count.default(32),
    train: count.optional(),
    test: count.optional(),
    classes: z.array(z.string()).optional(),
  }),
  /** Folder of pictures, with an optional CSV of attributes; the last `test` in seeded order are held out. */
  z.strictObject({
    kind: z.literal('folder'),
    name: z.string().optional(),
    path: z.string(),
    attributes: z.string().optional(),
    size: count,
    channels: z.union([z.literal(1), z.literal(3)]).default(3),
    test: count.default(200),
    seed: z.number().int().default(1),
  }),
])

const modelSchema = z.strictObject({
  image: z.strictObject({ height: count, width: count, channels: z.union([z.literal(1), z.literal(3)]) }),
  encoder: z.strictObject({
    channels: z.array(count).min(2),
    kernels: z.array(count),
    strides: z.array(count),
    paddings: z.array(z.number().int().nonnegative()),
  }),
  prototypes: z.strictObject({ count, dim: count, epsilon: z.number().positive() }),
  unet: z.strictObject({
    stem: count,
    base: count,
    multipliers: z.array(count).min(1),
    attention: z.array(z.boolean()),
    resBlocks: count,
    groups: count,
    heads: count,
    dropout: fraction,
    timeMultiple: count,
    conditionScale: z.number().positive(),
    predicts: z.enum(['eps', 'v']).optional(),
  }),
  timesteps: z.number().int().min(21),
})

const priorSchema = z.strictObject({
  base: count,
  multipliers: z.array(count).min(1),
  resBlocks: count,
  groups: count,
  dropout: fraction,
  timesteps: z.number().int().min(21),
})

const adamSchema = z.strictObject({ beta1: fraction, beta2: fraction, epsilon: z.number().positive(), weightDecay: rate })

export const trainingSchema = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only'),
  description: z.string(),
  data: dataSchema,
  model: modelSchema,
  seed: z.number().int(),
  /** A checkpoint of the same model to go on from, with fresh optimiser state; give it another seed, so that it sees other batches. */
  startFrom: z.string().optional(),
  /**
   * A first stage in which a small network predicts the picture from s alone, in place of the U-Net (train/warm-up.ts);
   * absent or null = none (official).
   */
  warmUp: z
    .strictObject({
      /** Encoder and prototypes begin anew even where `startFrom` gives some; its U-Net goes on. */
      fresh: z.boolean().default(false),
      batch: count,
      steps: count,
      rates: z.strictObject({ encoder: rate, decoder: rate }),
      /** Width of the small network's two hidden layers. */
      hidden: count,
      /** Principal components that it predicts, and pictures that they are made of. */
      components: count,
      images: count,
      /** 0 = the error counts as in pixels; 1 = every component alike. */
      whiten: fraction,
      ema: fraction,
    })
    .nullish(),
  batch: count,
  steps: count,
  /**
   * From this step on encoder and prototypes stand still, s of every training image is computed once, and a step
   * trains the U-Net alone (a fifth less work). null = joint to the end (official).
   */
  freezeEncoderAt: z.number().int().nonnegative().nullable(),
  /**
   * Noise levels [from, to] that t is drawn from; absent = 1 … T−1 (official). At low ones the noisy picture itself tells
   * what s would. Leaving them out taught our encoders no faster (docs/decisions/0005).
   */
  levels: z.tuple([count, count]).optional(),
  rates: z.strictObject({
    encoder: rate,
    unet: rate,
    /** Steps over which both rates rise from 0. */
    warmup: z.number().int().nonnegative(),
    /** The last part of the run, as a fraction of its steps, over which both rates fall along a half cosine. 0 = constant. */
    decay: fraction,
    /** What the rates fall to, as a fraction of themselves. */
    floor: fraction,
  }),
  adamw: adamSchema,
  /** Decay of the averaged weights; early on (1 + step) / (10 + step) when that is less, so that a short run has usable ones. */
  ema: fraction,
  prototypes: z.strictObject({
    /** `random`: U[0,1) (official). `far-apart`: encodings of real patches, each drawn far from those before it (k-means++). */
    init: z.enum(['random', 'far-apart']),
    /** Training images the patches are taken from. */
    images: count,
  }),
  distinct: z.strictObject({ weight: rate, margin: rate }),
  prior: z
    .strictObject({
      network: priorSchema,
      batch: count,
      steps: count,
      rate,
      warmup: z.number().int().nonnegative(),
      ema: fraction,
      /** Train on s minus its mean over its deviation, per prototype. false = raw s (official). */
      standardize: z.boolean(),
    })
    .nullable(),
  every: z.strictObject({ log: count, checkpoint: count, sheet: count }),
})

type Parsed = z.infer<typeof trainingSchema>
export type DataConfig = Parsed['data']
export type WarmUp = NonNullable<Parsed['warmUp']>
export type PriorTraining = Omit<NonNullable<Parsed['prior']>, 'network'> & { readonly network: PriorConfig }
export type TrainingConfig = Omit<Parsed, 'model' | 'prior'> & {
  readonly model: ModelConfig
  readonly prior: PriorTraining | null
}

/** A value from outside as a training config; the error lists every fault with its place. */
export function parseConfig(value: unknown, source: string): TrainingConfig {
  const parsed = trainingSchema.safeParse(value)
  if (!parsed.success) throw new Error(`${source} is not a training config:\n${z.prettifyError(parsed.error)}`)
  const { model, data } = parsed.data,
    faults: string[] = []
  const layers = model.encoder.channels.length - 1
  for (const key of ['kernels', 'strides', 'paddings'] as const)
    if (model.encoder[key].length !== layers)
      faults.push(`model.encoder.${key}: wanted ${layers} entries (one a layer), got ${model.encoder[key].length}`)
  const [from, to] = parsed.data.levels ?? [1, model.timesteps - 1]
  if (from > to || to > model.timesteps - 1)
    faults.push(`levels: wanted two levels from 1 to ${model.timesteps - 1}, the lower first, got ${from} and ${to}`)
  if (model.encoder.channels[0] !== model.image.channels)
    faults.push(
      `model.encoder.channels[0]: wanted ${model.image.channels} (the image's channels), got ${model.encoder.channels[0]}`,
    )
  if (model.encoder.channels[layers] !== model.prototypes.dim)
    faults.push(
      `model.prototypes.dim: wanted ${model.encoder.channels[layers]} (the encoder's output channels), got ${model.prototypes.dim}`,
    )
  if (model.unet.attention.length !== model.unet.multipliers.length)
    faults.push(
      `model.unet.attention: wanted ${model.unet.multipliers.length} flags (one a level), got ${model.unet.attention.length}`,
    )
  const channels = data.kind === 'avatars' ? 3 : data.kind === 'idx' ? 1 : data.channels
  if (model.image.height !== data.size || model.image.width !== data.size || model.image.channels !== channels)
    faults.push(
      `model.image: the data set gives ${data.size}×${data.size}×${channels}, the model wants ${model.image.height}×${model.image.width}×${model.image.channels}`,
    )
  const halvings = 2 ** (model.unet.multipliers.length - 1) * model.unet.stem
  if (model.image.height % halvings || model.image.width % halvings)
    faults.push(
      `model.image: stem and levels halve the picture ${Math.log2(halvings)} times, so its sides must be divisible by ${halvings}`,
    )
  const priorHalvings = 2 ** ((parsed.data.prior?.network.multipliers.length ?? 1) - 1)
  if (model.prototypes.count % priorHalvings)
    faults.push(
      `model.prototypes.count: the prior halves the vector s, so it must be divisible by ${priorHalvings}, got ${model.prototypes.count}`,
    )
  if (faults.length) throw new Error(`${source} is not a training config:\n${faults.map(fault => `✖ ${fault}`).join('\n')}`)
  return parsed.data
}
