/**
 * Names, shapes and first values of all weights, as the authors' code makes them (spec sections 1.1, 1.6, 1.7): PyTorch's
 * defaults everywhere but the encoder. The order is that of the authors' state_dict, without the constant `proactBlock.ones`.
 */
import type { ModelConfig, PriorConfig } from './config.ts'
import { random, type Random } from './noise.ts'
import { type Block, plan } from './plan.ts'
import { type PriorBlock, priorPlan } from './prior-plan.ts'
import { sizeOf, tensor, type Tensor } from './tensor.ts'
import { timeTable } from './time-table.ts'
import { type Declaration, Declarations, type Weights } from './weights.ts'

/** Rows of the U-Net's time table, whatever T is (spec section 1.2). */
const TIME_ROWS = 1000

function declareProactBlock(to: Declarations, { prototypes, encoder }: ModelConfig): void {
  to.add('proactBlock.prototype_vectors', [prototypes.count, prototypes.dim], { kind: 'unit' })
  for (const [i, kernel] of encoder.kernels.entries()) {
    const name = `proactBlock.encoder.features.${2 * i}`
    const [cin, cout] = [encoder.channels[i], encoder.channels[i + 1]]
    to.conv(name, kernel, cin, cout)
    to.add(`${name}.weight`, [kernel, kernel, cin, cout], { kind: 'normal', std: 0.1 })
  }
}

function declareTime(to: Declarations, name: string, rows: number, base: number, width: number): void {
  to.add(`${name}.0.weight`, [rows, base], { kind: 'sinusoid' })
  to.linear(`${name}.1`, base, width)
  to.linear(`${name}.3`, width, width)
}

function declareAttention(to: Declarations, name: string, channels: number): void {
  to.norm(`${name}.group_norm`, channels)
  const xavier = Math.sqrt(6 / (channels + 3 * channels))
  to.add(`${name}.mhsa.in_proj_weight`, [channels, 3 * channels], { kind: 'uniform', bound: xavier })
  to.add(`${name}.mhsa.in_proj_bias`, [3 * channels], { kind: 'constant', value: 0 })
  to.linear(`${name}.mhsa.out_proj`, channels, channels)
  to.add(`${name}.mhsa.out_proj.bias`, [channels], { kind: 'constant', value: 0 })
}

function declareBlock(to: Declarations, block: Block, width: number): void {
  const { name } = block
  if (block.kind !== 'residual')
    return to.conv(`${name}.${block.kind === 'down' ? 'downsample' : 'upsample.1'}`, 3, block.channels, block.channels)
  const { cin, cout } = block
  to.norm(`${name}.normlize_1`, cin)
  to.conv(`${name}.conv_1`, 3, cin, cout)
  to.linear(`${name}.dense_1`, width, cout)
  to.linear(`${name}.dense_2`, width, cout)
  to.norm(`${name}.normlize_2`, cout)
  to.conv(`${name}.conv_2`, 3, cout, cout)
  if (cin !== cout) to.conv(`${name}.match_input`, 1, cin, cout)
  if (block.attention) declareAttention(to, `${name}.attention`, cout)
}

function declareModel(config: ModelConfig): ReadonlyMap<string, Declaration> {
  const { unet, image, prototypes } = config
  const to = new Declarations()
  const width = unet.base * unet.timeMultiple
  const depth = image.channels * unet.stem ** 2
  declareProactBlock(to, config)
  declareTime(to, 'time_embeddings.time_blocks', TIME_ROWS, unet.base, width)
  to.linear('cond_embeddings.vector_fc.0', prototypes.count, width)
  to.linear('cond_embeddings.vector_fc.2', width, width)
  to.conv('first', 3, depth, unet.base)
  const { encoder, bottleneck, decoder } = plan(config)
  for (const block of [...encoder, ...bottleneck, ...decoder]) declareBlock(to, block, width)
  const last = unet.base * unet.multipliers[0]
  to.norm('final.0', last)
  to.conv('final.2', 3, last, depth)
  return to.all
}

function declarePriorBlock(to: Declarations, block: PriorBlock, width: number): void {
  const { name } = block
  // a transposed convolution [4,out,in] has the fan-in, and with equal channels the shape, of the convolution it undoes
  if (block.kind !== 'residual') return to.conv1d(`${name}.${block.kind}`, 4, block.channels, block.channels)
  const { cin, cout } = block
  to.norm(`${name}.norm1`, cin)
  to.conv1d(`${name}.conv1`, 3, cin, cout)
  to.linear(`${name}.time_emb_proj`, width, cout)
  to.norm(`${name}.norm2`, cout)
  to.conv1d(`${name}.conv2`, 3, cout, cout)
  if (cin !== cout) to.conv1d(`${name}.skip_connection`, 1, cin, cout)
}

function declarePrior(prior: PriorConfig, m: number): ReadonlyMap<string, Declaration> {
  const to = new Declarations()
  const width = 4 * prior.base
  declareTime(to, 'time_emb.time_blocks', prior.timesteps, prior.base, width)
  to.conv1d('initial_conv', 3, 1, prior.base)
  for (const block of priorPlan(prior, m)) declarePriorBlock(to, block, width)
  to.conv1d('final_conv', 3, prior.base * prior.multipliers[0], 1)
  return to.all
}

function started({ shape, start }: Declaration, stream: Random): Tensor {
  if (start.kind === 'sinusoid') return timeTable(shape[0], shape[1])
  const draw = {
    uniform: (bound: number) => (2 * stream.next() - 1) * bound,
    normal: (std: number) => std * stream.normal(),
  }
  const value = () => {
    if (start.kind === 'uniform') return draw.uniform(start.bound)
    if (start.kind === 'normal') return draw.normal(start.std)
    return start.kind === 'constant' ? start.value : stream.next()
  }
  return tensor(shape, Float32Array.from({ length: sizeOf(shape) }, value))
}

function start(declared: ReadonlyMap<string, Declaration>, seed: number): Weights {
  const stream = random(seed)
  return new Map([...declared].map(([name, declaration]) => [name, started(declaration, stream)]))
}

const shapes = (declared: ReadonlyMap<string, Declaration>): Map<string, number[]> =>
  new Map([...declared].map(([name, { shape }]) => [name, [...shape]]))

/** Untrained weights of a model; a pure function of (config, seed). */
export const initialWeights = (config: ModelConfig, seed: number): Weights => start(declareModel(config), seed)

/** Untrained weights of a prior over m activations, named without the `prior.` prefix. */
export const initialPriorWeights = (prior: PriorConfig, m: number, seed: number): Weights => start(declarePrior(prior, m), seed)

/** Every weight a model of this config has, with its shape in our layout: what a checkpoint is checked against. */
export const weightShapes = (config: ModelConfig): Map<string, number[]> => shapes(declareModel(config))

/** Every weight of a prior over m activations, named without the `prior.` prefix. */
export const priorShapes = (prior: PriorConfig, m: number): Map<string, number[]> => shapes(declarePrior(prior, m))

/** Weights that are never trained. */
export const isFrozen = (name: string): boolean => name.endsWith('time_blocks.0.weight')
