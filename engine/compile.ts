/**
 * Turns a tfjs function into an ONNX Runtime session: record it, write it, run it. The function sees tensors as tfjs
 * does; how they are stored between operators is the recorder's business.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { createHash } from 'node:crypto'
import { type Tensor, sizeOf } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { cached } from './cache.ts'
import { chooseDevice, type DeviceChoice, type DeviceName } from './device.ts'
import { type Layout, writeModel } from './onnx/write.ts'
import { recordFunction, RECORDER_VERSION } from './recorder/backend.ts'
import type { Port, Target } from './recorder/graph.ts'
import { living, mergeBatches, type Program } from './recorder/merge.ts'
import type { DType, Value } from './recorder/value.ts'
import { Session, type ThreadOptions } from './session.ts'

/** Shape of an input; 'B' as first axis means "any batch size". */
export type InputSpec = { readonly shape: readonly (number | 'B')[]; readonly dtype?: DType }
export type Signature = {
  /** Names the function in errors and in the cache; with `key` it must identify what the function computes. */
  readonly name: string
  /** Everything that decides what `fn` records besides the signature (a config, as JSON). */
  readonly key?: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** Shapes of the parameters by name. In `compile` they become constants, in `compileStep` state. */
  readonly params: ReadonlyMap<string, readonly number[]>
}
export type Tensors = Record<string, tf.Tensor>
export type NetworkFunction = (params: Tensors, inputs: Tensors) => Tensors
/** What a caller hands in: plain tensors, or integers for int32 inputs. */
export type Feed = Readonly<Record<string, Tensor | Int32Array>>

export type Compiled = {
  /** All outputs, or those named: what nobody asks for is not copied out of the session. */
  run(inputs: Feed, only?: readonly string[]): Promise<Record<string, Tensor>>
  dispose(): Promise<void>
}
export type CompileOptions = ThreadOptions & { readonly device?: DeviceName | DeviceChoice }

/** The model and everything needed to run it: what the disk cache keeps. */
export type Artifact = {
  readonly model: Uint8Array
  readonly layout: Layout
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

/**
 * `fn(params, inputs)` with its parameters fixed to `weights`, for every batch size in one session.
 * Throws when a weight is missing or has another shape than the signature says.
 */
export async function compile(
  fn: NetworkFunction,
  signature: Signature,
  weights: Weights,
  options: CompileOptions = {},
): Promise<Compiled> {
  const device = await chooseDevice(options.device ?? 'auto')
  const target = targetOf(device)
  const artifact = await cached(keyOf('compile', signature, target), () => recordInference(fn, signature, target))
  const session = await Session.create(artifact, packWeights(artifact.layout, weights, signature.name), device, options)
  return {
    run: async (feed, only) =>
      session.run(
        checkFeed(signature, feed),
        only?.map(name => OUTPUT + name),
      ),
    dispose: () => session.dispose(),
  }
}

/** What a recording is made for: a few operators are written differently for thousands of small cores. */
export const targetOf = ({ device }: Pick<DeviceChoice, 'device'>): Target => (device === 'cpu' ? 'cpu' : 'gpu')

export const keyOf = (kind: string, { name, key, inputs, params }: Signature, target: Target): string =>
  createHash('sha256')
    .update(JSON.stringify([kind, RECORDER_VERSION, target, name, key, inputs, [...params]]))
    .digest('hex')

/** Records at two batch sizes and merges; a signature without 'B' is recorded once. */
export function recordInference(fn: NetworkFunction, signature: Signature, target: Target): Artifact {
  const free = Object.values(signature.inputs).some(({ shape }) => shape[0] === 'B')
  const at = (batch: number) => recordAt(fn, signature, batch, target)
  // 2 and 3: neither is an axis length that a reshape could be confused with by accident at both sizes.
  const first = at(2)
  const nodes = free ? mergeBatches(first.program.nodes, at(3).program.nodes) : first.program.nodes
  const { model, layout } = writeModel(
    signature.name,
    { ...first.program, nodes },
    first.inputs,
    first.outputs,
    free ? 'B' : undefined,
  )
  return { model, layout, inputs: first.inputs, outputs: first.outputs }
}

type Recording = { program: Program; inputs: Port[]; outputs: Port[] }

function recordAt(fn: NetworkFunction, signature: Signature, batch: number, target: Target): Recording {
  const inputs = Object.entries(signature.inputs).map(([name, spec]) => inputValue(name, spec, batch))
  const { graph, outputs } = recordFunction((symbol, graph) => {
    const params = Object.fromEntries([...signature.params].map(([name, shape]) => [name, symbol(graph.parameter(name, shape))]))
    return fn(params, Object.fromEntries(inputs.map(value => [value.name, symbol(value)])))
  }, target)
  const ports = [...outputs].map(([name, value]) => graph.output(OUTPUT + name, value))
  const { constants, parameters } = graph
  return {
    program: {
      nodes: living(
        graph,
        ports.map(port => port.name),
      ),
      constants,
      parameters,
    },
    inputs,
    outputs: ports,
  }
}

/** Outputs carry a prefix, because an output may have the name of an input. */
export const OUTPUT = 'out:'

export function inputValue(name: string, { shape, dtype = 'float32' }: InputSpec, batch: number): Value {
  const fixed = shape.map(n => (n === 'B' ? batch : n))
  return { name, shape: fixed, held: fixed, dtype }
}

/** The bytes of the weights file: every parameter in the axis order the graph wants. */
export function packWeights(layout: Layout, weights: Weights, name: string): Uint8Array {
  const bytes = new Uint8Array(layout.bytes)
  for (const { key, shape, perm, offset } of layout.parameters) {
    const weight = weights.get(key)
    if (!weight || sizeOf(weight.shape) !== sizeOf(shape) || weight.shape.some((n, i) => n !== shape[i]))
      throw new Error(
        `compile ${name}: weight "${key}" should be [${shape}], got ${weight ? `[${weight.shape}]` : 'nothing'}; the checkpoint does not fit its config`,
      )
    new Float32Array(bytes.buffer, offset, weight.data.length).set(perm ? permuted(weight, perm) : weight.data)
  }
  return bytes
}

/** The numbers of x in axis order `perm` (new axis i is old axis perm[i]). */
export function permuted(x: Tensor, perm: readonly number[]): Float32Array {
  const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)))
  const dims = perm.map(axis => x.shape[axis])
  const steps = perm.map(axis => strides[axis])
  const out = new Float32Array(x.data.length)
  const index = dims.map(() => 0)
  let from = 0
  for (let to = 0; to < out.length; to++) {
    out[to] = x.data[from]
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += steps[axis]
      if (++index[axis] < dims[axis]) break
      from -= steps[axis] * dims[axis]
      index[axis] = 0
    }
  }
  return out
}

export function checkFeed({ name, inputs }: Pick<Signature, 'name' | 'inputs'>, feed: Feed): Feed {
  let batch: number | undefined
  for (const [key, { shape, dtype = 'float32' }] of Object.entries(inputs)) {
    const value = feed[key]
    if (!value) throw new Error(`${name}: input "${key}" is missing`)
    const got = value instanceof Int32Array ? [value.length] : value.shape
    const fits = got.length === shape.length && shape.every((n, i) => n === 'B' || n === got[i])
    if (!fits || (dtype === 'int32') !== value instanceof Int32Array)
      throw new Error(`${name}: input "${key}" should be ${dtype} [${shape}], got [${got}]`)
    if (shape[0] !== 'B') continue
    if (batch !== undefined && batch !== got[0])
      throw new Error(`${name}: input "${key}" has batch ${got[0]}, the others ${batch}`)
    batch = got[0]
  }
  return feed
}
