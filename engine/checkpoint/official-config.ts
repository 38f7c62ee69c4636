import { z } from 'zod'
import type { ModelConfig } from '../../model/config.ts'
import { CheckpointError, list } from './error.ts'
import type { InferredModel } from './infer.ts'
import { readPickle, type PickleValue } from './pickle.ts'

/** What is used of the authors' config.pickle (spec section 4); it holds more, all of it about their machine and training. */
export type OfficialConfig = {
  readonly ds_name: string
  readonly BASE_CH: number
  readonly BASE_CH_MULT: readonly number[]
  readonly APPLY_ATTENTION: readonly boolean[]
  readonly DROPOUT_RATE: number
  readonly TIME_EMB_MULT: number
  readonly TIMESTEPS: number
  readonly IMG_SHAPE: readonly [channels: number, height: number, width: number]
  readonly NUM_PROTOS: number
  readonly plb_layer_filter_sizes: readonly number[]
  readonly plb_layer_strides: readonly number[]
  readonly plb_layer_paddings: readonly number[]
}

const count = z.int().min(1).max(100_000)
const counts = z.array(count).min(1).max(64)
const schema = z.object({
  // Part of a path where the prior is looked for.
  ds_name: z.string().regex(/^\w[\w.-]{0,99}$/),
  BASE_CH: count,
  BASE_CH_MULT: counts,
  APPLY_ATTENTION: z.array(z.boolean()).min(1).max(64),
  DROPOUT_RATE: z.number().min(0).lt(1),
  TIME_EMB_MULT: count,
  TIMESTEPS: count,
  IMG_SHAPE: z.tuple([count, count, count]),
  NUM_PROTOS: count,
  plb_layer_filter_sizes: counts,
  plb_layer_strides: counts,
  plb_layer_paddings: z.array(z.int().min(0).max(64)).min(1).max(64),
})

const field = (root: PickleValue, name: string): PickleValue | undefined => (root instanceof Map ? root.get(name) : undefined)

/** Reads the authors' config.pickle; one error lists every field that is missing or wrong. */
export function readOfficialConfig(file: string, bytes: Uint8Array): OfficialConfig {
  const root = readPickle(file, bytes)
  const sections = ['BaseConfig', 'ModelConfig', 'TrainingConfig'].map(name => field(root, name))
  const find = (name: string) => sections.map(section => field(section ?? null, name)).find(value => value !== undefined)
  const parsed = schema.safeParse(Object.fromEntries(Object.keys(schema.shape).map(name => [name, find(name)])))
  if (!parsed.success)
    throw new CheckpointError(file, {
      wanted: 'the authors’ configuration (BaseConfig, ModelConfig, TrainingConfig)',
      got: list(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)).slice(0, 2000),
      remedy: 'Check that this config.pickle lies beside the ckpt.tar it was written with.',
    })
  return parsed.data
}

/** Compares what config.pickle says with what the shapes of the weights say; one error lists all that differs. */
export function crossCheck(file: string, official: OfficialConfig, { channels, prototypes, encoder, unet }: InferredModel): void {
  const pairs: [name: string, said: unknown, found: unknown][] = [
    ['IMG_SHAPE[0]', official.IMG_SHAPE[0], channels],
    ['NUM_PROTOS', official.NUM_PROTOS, prototypes.count],
    ['BASE_CH', official.BASE_CH, unet.base],
    ['BASE_CH_MULT', official.BASE_CH_MULT, unet.multipliers],
    ['APPLY_ATTENTION', official.APPLY_ATTENTION, unet.attention],
    ['TIME_EMB_MULT', official.TIME_EMB_MULT, unet.timeMultiple],
    ['plb_layer_filter_sizes', official.plb_layer_filter_sizes, encoder.kernels],
  ]
  const differing = pairs.filter(([, said, found]) => String(said) !== String(found))
  if (differing.length)
    throw new CheckpointError(file, {
      wanted: 'weights of the model that config.pickle describes',
      got: list(differing.map(([name, said, found]) => `${name}: ${said} there, ${found} in the weights`)),
      remedy: 'ckpt.tar and config.pickle belong to different runs: put the right ones side by side.',
    })
}

/** Strides and paddings leave no trace in the weights; the authors' two encoders are told apart by their kernels. */
const officialGeometry: Readonly<Record<string, { strides: number[]; paddings: number[] }>> = {
  '3,3,3,3': { strides: [2, 1, 1, 1], paddings: [1, 0, 0, 0] },
  '5,5,5,5,5': { strides: [2, 2, 1, 1, 1], paddings: [1, 1, 0, 0, 0] },
}

/** What the caller says about a checkpoint that lies without its config.pickle. */
export type Unwritten = {
  readonly image?: { readonly height: number; readonly width: number }
  /** Of the noise schedule; the authors use 1000 everywhere. */
  readonly timesteps?: number
}

function geometry(file: string, inferred: InferredModel, official: OfficialConfig | undefined) {
  if (official) return { strides: official.plb_layer_strides, paddings: official.plb_layer_paddings }
  const known = officialGeometry[String(inferred.encoder.kernels)]
  if (!known)
    throw new CheckpointError(file, {
      wanted: 'config.pickle beside it, for the strides and paddings of the encoder',
      got: `none, and kernels ${inferred.encoder.kernels} of no official encoder`,
      remedy: 'Put the config.pickle of this run beside its ckpt.tar.',
    })
  return known
}

/**
 * The configuration of an official model: shapes first, then config.pickle, then `unwritten` for what neither tells.
 * Heads, groups and ε are constants of the authors' code.
 */
export function officialModelConfig(
  file: string,
  inferred: InferredModel,
  official: OfficialConfig | undefined,
  unwritten: Unwritten,
): ModelConfig {
  const size = official ? { height: official.IMG_SHAPE[1], width: official.IMG_SHAPE[2] } : unwritten.image
  if (!size)
    throw new CheckpointError(file, {
      wanted: 'config.pickle beside it, for the size of the images',
      got: 'none',
      remedy: 'Put the config.pickle of this run beside its ckpt.tar, or give the option `image` (height and width).',
    })
  return {
    image: { ...size, channels: inferred.channels },
    encoder: { ...inferred.encoder, ...geometry(file, inferred, official) },
    prototypes: { ...inferred.prototypes, epsilon: 1e-4 },
    unet: { stem: 1, ...inferred.unet, groups: 8, heads: 4, dropout: official?.DROPOUT_RATE ?? 0.1, conditionScale: 1 },
    timesteps: official?.TIMESTEPS ?? unwritten.timesteps ?? 1000,
  }
}
