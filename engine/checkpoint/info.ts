import { z } from 'zod'
import type { EncoderConfig, ModelConfig, PriorConfig, UNetConfig } from '../../model/config.ts'
import type { CheckpointInfo, PrototypeRange } from '../patronus.ts'
import { CheckpointError, list } from './error.ts'

/** One schema a field, none forgotten: a field added to the type does not compile until it is checked here. */
type Fields<T> = { [K in keyof T]-?: z.ZodType<T[K]> }

/** Numbers and texts a description may hold: enough for 10,000 prototypes with their ranges and histograms. */
export const maxInfoValues = 600_000

const count = (max: number) => z.int().min(1).max(max)
const finite = z.number()
const text = z.string().max(4000)
/** Wide enough for any network that fits a machine, narrow enough that shapes stay safe integers. */
const width = count(65_536)
const levels = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(12)
const layers = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(64)

// Unknown keys are refused everywhere: a configuration read only in part would compute something else.
const encoder = z.strictObject({
  channels: z.array(width).min(2).max(65),
  kernels: layers(count(31)),
  strides: layers(count(16)),
  paddings: layers(z.int().min(0).max(30)),
} satisfies Fields<EncoderConfig>)

const unet = z.strictObject({
  stem: count(16),
  base: count(4096),
  multipliers: levels(count(64)),
  attention: levels(z.boolean()),
  resBlocks: count(16),
  groups: count(4096),
  heads: count(256),
  dropout: z.number().min(0).lt(1),
  timeMultiple: count(64),
  conditionScale: finite.refine(x => x !== 0, 'must not be 0'),
  predicts: z.enum(['eps', 'v']).optional(),
} satisfies Fields<UNetConfig>)

const modelConfig = z.strictObject({
  image: z.strictObject({ height: count(4096), width: count(4096), channels: count(64) } satisfies Fields<ModelConfig['image']>),
  encoder,
  prototypes: z.strictObject({ count: count(10_000), dim: width, epsilon: z.number().gt(0).lt(1) } satisfies Fields<
    ModelConfig['prototypes']
  >),
  unet,
  // The linear schedule has β > 1 up to T = 20; the time table has 1000 rows whatever T is.
  timesteps: z.int().min(21).max(1000),
} satisfies Fields<ModelConfig>)

const priorConfig = z.strictObject({
  base: count(4096),
  multipliers: levels(count(64)),
  resBlocks: count(16),
  groups: count(4096),
  dropout: z.number().min(0).lt(1),
  timesteps: z.int().min(21).max(100_000),
  standardize: z
    .strictObject({ mean: z.array(finite), std: z.array(z.number().gt(0)) } satisfies Fields<
      NonNullable<PriorConfig['standardize']>
    >)
    .optional(),
} satisfies Fields<PriorConfig>)

const quantiles = { q01: finite, q05: finite, q15: finite, q50: finite, q85: finite, q95: finite, q99: finite }
const range = z.strictObject({
  min: finite,
  max: finite,
  mean: finite,
  std: finite,
  quantiles: z.strictObject(quantiles satisfies Fields<PrototypeRange['quantiles']>),
  histogram: z.array(z.int().min(0).max(1e9)).min(1).max(256).optional(),
} satisfies Fields<PrototypeRange>)

const info = z.strictObject({
  name: z.string().min(1).max(200),
  description: text,
  config: modelConfig,
  prior: priorConfig.optional(),
  ranges: z.array(range).optional(),
  rangesOver: count(1e9).optional(),
  names: z.record(z.string().regex(/^(0|[1-9]\d{0,5})$/), z.string().max(200)).optional(),
  dataset: text,
  provenance: z.record(z.string().max(200), z.union([text, finite, z.boolean()])),
  licence: text,
} satisfies Fields<CheckpointInfo>)

type Complaint = readonly [path: string, message: string]

/** Grid of the encoder: n = ⌊(n − k + 2p)/s⌋ + 1 layer by layer (spec section 2). */
const grid = ({ kernels, strides, paddings }: EncoderConfig, size: number): number =>
  kernels.reduce((n, k, i) => Math.floor((n - k + 2 * paddings[i]) / strides[i]) + 1, size)

/** What no single field can tell: whether the numbers of an encoder fit each other and the image. */
function* encoderComplaints({ image, encoder, prototypes }: ModelConfig): Generator<Complaint> {
  const wanted = encoder.channels.length - 1
  for (const key of ['kernels', 'strides', 'paddings'] as const)
    if (encoder[key].length !== wanted)
      return yield [`config.encoder.${key}`, `wanted ${wanted} entries, one a layer, got ${encoder[key].length}`]
  if (encoder.channels[0] !== image.channels)
    yield ['config.encoder.channels', `must start with the ${image.channels} channels of the image, got ${encoder.channels[0]}`]
  if (encoder.channels[wanted] !== prototypes.dim)
    yield ['config.encoder.channels', `must end with prototypes.dim = ${prototypes.dim}, got ${encoder.channels[wanted]}`]
  for (const side of ['height', 'width'] as const)
    if (grid(encoder, image[side]) < 1) yield [`config.encoder`, `leaves no cell of an image of ${side} ${image[side]}`]
}

function* unetComplaints({ image, unet }: ModelConfig): Generator<Complaint> {
  const { base, multipliers, attention, groups, heads, stem } = unet
  if (attention.length !== multipliers.length)
    yield ['config.unet.attention', `wanted ${multipliers.length} flags, one a level, got ${attention.length}`]
  if (base % 2 || base < 4) yield ['config.unet.base', `must be even and at least 4, got ${base}`]
  for (const multiple of [1, ...multipliers])
    if ((base * multiple) % groups) yield ['config.unet.groups', `${groups} groups do not divide ${base * multiple} channels`]
  const attended = multipliers.filter((_, level) => attention[level] || level === multipliers.length - 1)
  for (const multiple of attended)
    if ((base * multiple) % heads) yield ['config.unet.heads', `${heads} heads do not divide ${base * multiple} channels`]
  const factor = stem * 2 ** (multipliers.length - 1)
  for (const side of ['height', 'width'] as const)
    if (image[side] % factor)
      yield [`config.image.${side}`, `must be a multiple of ${factor} (stem and levels of the U-Net), got ${image[side]}`]
}

function* priorComplaints(prior: PriorConfig, m: number): Generator<Complaint> {
  const { base, multipliers, groups, standardize } = prior
  if (base % 2 || base < 4) yield ['prior.base', `must be even and at least 4, got ${base}`]
  for (const multiple of [1, ...multipliers])
    if ((base * multiple) % groups) yield ['prior.groups', `${groups} groups do not divide ${base * multiple} channels`]
  const factor = 2 ** (multipliers.length - 1)
  if (m % factor) yield ['prior.multipliers', `${multipliers.length} levels want a multiple of ${factor} prototypes, got ${m}`]
  for (const key of ['mean', 'std'] as const)
    if (standardize && standardize[key].length !== m)
      yield [`prior.standardize.${key}`, `wanted ${m} entries, one a prototype, got ${standardize[key].length}`]
}

function* complaints(info: CheckpointInfo): Generator<Complaint> {
  const { count: m } = info.config.prototypes
  yield* encoderComplaints(info.config)
  yield* unetComplaints(info.config)
  if (info.prior) yield* priorComplaints(info.prior, m)
  if (info.ranges && info.ranges.length !== m) yield ['ranges', `wanted ${m} entries, one a prototype, got ${info.ranges.length}`]
  for (const [j, { min, max, histogram }] of (info.ranges ?? []).entries()) {
    if (min > max) yield [`ranges.${j}`, `min ${min} is above max ${max}`]
    const counted = histogram?.reduce((sum, count) => sum + count, 0)
    if (counted !== undefined && counted !== info.rangesOver)
      yield [`ranges.${j}.histogram`, `counts ${counted} images, rangesOver says ${info.rangesOver ?? 'nothing'}`]
  }
  for (const index of Object.keys(info.names ?? {}))
    if (Number(index) >= m) yield ['names', `names prototype ${index}, but there are ${m} (0 … ${m - 1})`]
}

/** What a checkpoint says about itself, checked field by field. A CheckpointError names every field that is wrong. */
export function checkInfo(file: string, value: unknown): CheckpointInfo {
  const parsed = info.safeParse(value)
  const wrong: Complaint[] = parsed.success
    ? [...complaints(parsed.data)]
    : parsed.error.issues.map(issue => [issue.path.map(String).join('.') || 'the whole', issue.message])
  if (!parsed.success || wrong.length)
    throw new CheckpointError(file, {
      wanted: 'metadata "patronus" that describes a model (CheckpointInfo)',
      got: list(
        wrong.map(([path, message]) => `${path}: ${message}`),
        8,
      ).slice(0, 2000),
      remedy: 'Write the file again with this version of Patronus Nodes, or correct these fields where it was made.',
    })
  return parsed.data
}
