/**
 * The U-Net as PyTorch would export it (torch.onnx.export of the authors' code, spec sections 1.2 to 1.6): NCHW throughout,
 * GroupNorm as Reshape, InstanceNormalization, Reshape, Mul, Add; SiLU as Sigmoid, Mul; attention on [HW,B,C] as
 * nn.MultiheadAttention does it. Written by hand, operator by operator, from the same weights: what our recorder is held against.
 * Shapes are fixed to one batch size, which is what ONNX Runtime likes best.
 */
import { writeModel } from '../engine/onnx/write.ts'
import type { Artifact } from '../engine/compile.ts'
import { OUTPUT } from '../engine/compile.ts'
import type { Attribute, Constant, Ints, Node, Parameter } from '../engine/recorder/graph.ts'
import type { ModelConfig } from '../model/config.ts'
import { weightShapes } from '../model/initialize.ts'
import { type Block, plan } from '../model/plan.ts'

/** [kh,kw,in,out] → [out,in,kh,kw]; [in,out] → [out,in]. */
const torchOrder = (rank: number): readonly number[] | undefined => ({ 4: [3, 2, 0, 1], 2: [1, 0] })[rank]

/** A value in the graph and its shape: [B,C,H,W] for maps, [B,C] for embeddings. */
type Map4 = { readonly name: string; readonly channels: number; readonly size: number }

class Writer {
  readonly nodes: Node[] = []
  readonly constants = new Map<string, Constant>()
  readonly parameters = new Map<string, Parameter>()
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly batch: number
  #count = 0

  constructor(shapes: ReadonlyMap<string, readonly number[]>, batch: number) {
    this.shapes = shapes
    this.batch = batch
  }

  op(op: string, inputs: readonly (string | Ints)[], attributes: Record<string, Attribute> = {}, count = 1): string[] {
    const outputs = Array.from({ length: count }, () => `n${this.#count++}`)
    this.nodes.push({ op, inputs, outputs, attributes })
    return outputs
  }

  one(op: string, inputs: readonly (string | Ints)[], attributes: Record<string, Attribute> = {}): string {
    return this.op(op, inputs, attributes)[0]
  }

  /** A weight in PyTorch's axis order. */
  weight(key: string): string {
    return this.#parameter(key, torchOrder(this.shapes.get(key)!.length))
  }

  /** The same as we store it. */
  weightAsStored(key: string): string {
    return this.#parameter(key)
  }

  #parameter(key: string, perm?: readonly number[]): string {
    const name = `${key}@${perm ?? ''}`
    this.parameters.set(name, { name, key, shape: this.shapes.get(key)!, perm })
    return name
  }

  constant(data: readonly number[], dims: readonly number[]): string {
    const name = `c${this.#count++}`
    this.constants.set(name, { dims, dtype: 'float32', data })
    return name
  }

  linear(name: string, x: string): string {
    return this.one('Gemm', [x, this.weight(`${name}.weight`), this.weight(`${name}.bias`)], { transB: 1 })
  }

  silu(x: string): string {
    return this.one('Mul', [x, this.one('Sigmoid', [x])])
  }

  conv(name: string, x: Map4, kernel: 1 | 3, stride: 1 | 2 = 1): Map4 {
    const pad = kernel === 3 ? 1 : 0
    const attributes = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [1, 1],
      group: 1,
    }
    const made = this.one('Conv', [x.name, this.weight(`${name}.weight`), this.weight(`${name}.bias`)], attributes)
    return { name: made, channels: this.shapes.get(`${name}.bias`)![0], size: x.size / stride }
  }

  groupNorm(name: string, x: Map4, groups: number): string {
    const grouped = this.one('Reshape', [x.name, { ints: [0, groups, -1] }])
    const [ones, zeros] = [1, 0].map(value => this.constant(Array<number>(groups).fill(value), [groups]))
    const normal = this.one('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: 1e-5 } })
    const back = this.one('Reshape', [normal, { ints: [this.batch, x.channels, x.size, x.size] }])
    const perChannel = (key: string) => this.one('Unsqueeze', [this.weight(key), { ints: [1, 2] }])
    return this.one('Add', [this.one('Mul', [back, perChannel(`${name}.weight`)]), perChannel(`${name}.bias`)])
  }
}

/** The exported network for one batch size, with its weights beside it. Inputs x [B,C,H,W], t [B] int32, s [B,m]; output eps. */
export function referenceUnet(config: ModelConfig, batch: number): Artifact {
  const { image, unet, prototypes } = config
  if (unet.stem !== 1 || unet.conditionScale !== 1)
    throw new Error('the reference export is of the official network: no stem, s unscaled')
  const g = new Writer(weightShapes(config), batch)
  const rows = g.one('Gather', [g.weightAsStored('time_embeddings.time_blocks.0.weight'), 't'], { axis: 0 })
  const time = g.linear('time_embeddings.time_blocks.3', g.silu(g.linear('time_embeddings.time_blocks.1', rows)))
  const condition = g.linear('cond_embeddings.vector_fc.2', g.silu(g.linear('cond_embeddings.vector_fc.0', 's')))
  const apply = (block: Block, h: Map4) => applyBlock(g, config, block, h, { time, condition })

  const { encoder, bottleneck, decoder } = plan(config)
  let h = g.conv('first', { name: 'x', channels: image.channels, size: image.height }, 3)
  const skips = [h]
  for (const block of encoder) skips.push((h = apply(block, h)))
  for (const block of bottleneck) h = apply(block, h)
  for (const block of decoder) h = apply(block, block.kind === 'residual' ? concatenated(g, h, skips.pop()!) : h)
  const last = g.conv('final.2', { ...h, name: g.silu(g.groupNorm('final.0', h, unet.groups)) }, 3)
  g.nodes.push({ op: 'Identity', inputs: [last.name], outputs: [`${OUTPUT}eps`], attributes: {} })

  const picture = [batch, image.channels, image.height, image.width]
  const inputs = [
    { name: 'x', shape: picture, dtype: 'float32' as const },
    { name: 't', shape: [batch], dtype: 'int32' as const },
    { name: 's', shape: [batch, prototypes.count], dtype: 'float32' as const },
  ]
  const outputs = [{ name: `${OUTPUT}eps`, shape: picture, dtype: 'float32' as const }]
  return {
    ...writeModel('reference', { nodes: g.nodes, constants: g.constants, parameters: g.parameters }, inputs, outputs),
    inputs,
    outputs,
  }
}

const concatenated = (g: Writer, a: Map4, b: Map4): Map4 => ({
  name: g.one('Concat', [a.name, b.name], { axis: 1 }),
  channels: a.channels + b.channels,
  size: a.size,
})

type Embeddings = { readonly time: string; readonly condition: string }

function applyBlock(g: Writer, { unet }: ModelConfig, block: Block, h: Map4, embeddings: Embeddings): Map4 {
  if (block.kind !== 'residual') return resized(g, block, h)
  const { name } = block
  const inner = g.conv(`${name}.conv_1`, { ...h, name: g.silu(g.groupNorm(`${name}.normlize_1`, h, unet.groups)) }, 3)
  const shift = (dense: string, embedding: string) =>
    g.one('Unsqueeze', [g.linear(`${name}.${dense}`, g.silu(embedding)), { ints: [2, 3] }])
  const timed = g.one('Add', [inner.name, shift('dense_1', embeddings.time)])
  const u = { ...inner, name: g.one('Add', [timed, shift('dense_2', embeddings.condition)]) }
  const second = g.conv(`${name}.conv_2`, { ...u, name: g.silu(g.groupNorm(`${name}.normlize_2`, u, unet.groups)) }, 3)
  const skip = block.cin === block.cout ? h : g.conv(`${name}.match_input`, h, 1)
  const out = { ...second, name: g.one('Add', [second.name, skip.name]) }
  return block.attention ? attention(g, `${name}.attention`, out, unet.heads, unet.groups) : out
}

function resized(g: Writer, { kind, name }: Exclude<Block, { kind: 'residual' }>, h: Map4): Map4 {
  if (kind === 'down') return g.conv(`${name}.downsample`, h, 3, 2)
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
  const larger = g.one('Resize', [h.name, '', g.constant([1, 1, 2, 2], [4])], attributes)
  return g.conv(`${name}.upsample.1`, { ...h, name: larger, size: h.size * 2 }, 3)
}

/** [B,C,H,W] → [B,HW,C] → [HW,B,C], then per head [B·heads,HW,C/heads]: nn.MultiheadAttention(batch_first) as it is exported. */
function attention(g: Writer, name: string, x: Map4, heads: number, groups: number): Map4 {
  const [B, C, P] = [g.batch, x.channels, x.size ** 2]
  const positions = g.one('Reshape', [g.groupNorm(`${name}.group_norm`, x, groups), { ints: [B, C, P] }])
  const sequence = g.one('Transpose', [g.one('Transpose', [positions], { perm: [0, 2, 1] })], { perm: [1, 0, 2] })
  // The exporter folds the weight's transpose: [C,3C], as we store it.
  const projected = g.one('MatMul', [sequence, g.weightAsStored(`${name}.mhsa.in_proj_weight`)])
  const packed = g.one('Add', [projected, g.weight(`${name}.mhsa.in_proj_bias`)])
  const parts = g.op('Split', [packed, { ints: [C, C, C] }], { axis: 2 }, 3)
  const perHead = parts.map(part =>
    g.one('Transpose', [g.one('Reshape', [part, { ints: [P, B * heads, C / heads] }])], { perm: [1, 0, 2] }),
  )
  const [q, k, v] = perHead
  const scaled = g.one('Div', [q, g.constant([Math.sqrt(C / heads)], [])])
  const weights = g.one('Softmax', [g.one('MatMul', [scaled, g.one('Transpose', [k], { perm: [0, 2, 1] })])], { axis: -1 })
  const mixed = g.one('Transpose', [g.one('MatMul', [weights, v])], { perm: [1, 0, 2] })
  const out = g.linear(`${name}.mhsa.out_proj`, g.one('Reshape', [mixed, { ints: [P * B, C] }]))
  const back = g.one('Transpose', [g.one('Reshape', [out, { ints: [P, B, C] }])], { perm: [1, 0, 2] })
  const map = g.one('Reshape', [g.one('Transpose', [back], { perm: [0, 2, 1] }), { ints: [B, C, x.size, x.size] }])
  return { ...x, name: g.one('Add', [x.name, map]) }
}
