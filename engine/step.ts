/**
 * Compiled training steps: a function from state and inputs to the next state and outputs, with the state kept by the
 * engine. On a GPU the state stays in its memory from step to step; it is copied out when somebody reads it.
 */
import * as ort from 'onnxruntime-node'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { cached } from './cache.ts'
import {
  type Artifact,
  checkFeed,
  type CompileOptions,
  type Feed,
  inputValue,
  keyOf,
  OUTPUT,
  permuted,
  targetOf,
  type Signature,
  type Tensors,
} from './compile.ts'
import { chooseDevice, type DeviceChoice } from './device.ts'
import { writeModel } from './onnx/write.ts'
import { recordFunction } from './recorder/backend.ts'
import type { Target } from './recorder/graph.ts'
import { living } from './recorder/merge.ts'
import { inverse, OIHW, type Value } from './recorder/value.ts'
import { type OrtTensors, Session, toTensors } from './session.ts'

/** State names are free; a name missing from the returned state keeps its value. */
export type StepFunction = (state: Tensors, inputs: Tensors) => { readonly state: Tensors; readonly outputs: Tensors }

/** `params` of the signature are the state's names and shapes. Inputs have fixed shapes: a step is compiled for one batch size. */
export type StepSignature = Signature

export type CompiledStep = {
  /** Runs one step; the state moves on. */
  step(inputs: Feed): Promise<Record<string, Tensor>>
  /** The state as plain tensors, copied. */
  read(): Promise<Map<string, Tensor>>
  /** Replaces the state: all of it, or the names given. */
  write(state: Weights): void
  dispose(): Promise<void>
}

const STATE = 'state:'
const NEXT = 'next:'
/** Convolution weights are kept in the order convolutions read them, so that no step transposes them. */
const storedOrder = (shape: readonly number[]): readonly number[] | undefined => (shape.length === 4 ? OIHW : undefined)

export async function compileStep(
  fn: StepFunction,
  signature: StepSignature,
  initial: Weights,
  options: CompileOptions = {},
): Promise<CompiledStep> {
  const device = await chooseDevice(options.device ?? 'auto')
  const target = targetOf(device)
  const artifact = await cached(keyOf('step', signature, target), () => recordStep(fn, signature, target))
  const resident = artifact.outputs.map(port => port.name).filter(name => name.startsWith(NEXT))
  const session = await Session.create(artifact, new Uint8Array(0), device, { ...options, resident })
  let state: OrtTensors = {}
  let reader: Promise<Session> | undefined
  const replace = (next: OrtTensors) => {
    for (const name of Object.keys(next)) release(state[name])
    state = { ...state, ...next }
  }
  const write = (weights: Weights) =>
    replace(Object.fromEntries([...weights].map(([name, x]) => [STATE + name, toState(signature, name, x)])))
  write(initial)
  const missing = [...signature.params.keys()].filter(name => !state[STATE + name])
  if (missing.length) throw new Error(`${signature.name}: the initial state lacks ${missing.join(', ')}`)
  return {
    async step(feed) {
      const made = await session.runRaw({ ...state, ...toOrt(checkFeed(signature, feed)) })
      const outputs: OrtTensors = {}
      const next: OrtTensors = {}
      for (const [name, value] of Object.entries(made)) {
        if (name.startsWith(NEXT)) next[STATE + name.slice(NEXT.length)] = value
        else outputs[name] = value
      }
      replace(next)
      return toTensors(outputs)
    },
    async read() {
      const onDevice = Object.fromEntries(Object.entries(state).filter(([, x]) => x.location !== 'cpu'))
      const copied = Object.keys(onDevice).length
        ? await (await (reader ??= copier(artifact, Object.keys(onDevice), device))).runRaw(onDevice)
        : {}
      const here = (name: string) => copied[COPY + name] ?? state[name]
      return new Map([...signature.params].map(([name, shape]) => [name, fromState(here(STATE + name), shape)]))
    },
    write,
    async dispose() {
      Object.values(state).forEach(release)
      state = {}
      await session.dispose()
      if (reader) await (await reader).dispose()
    },
  }
}

/** Frees a state tensor that lies on the device; one in our own memory is the garbage collector's. */
const release = (x: ort.Tensor | undefined): void => {
  if (x && x.location !== 'cpu') x.dispose()
}

const COPY = 'copy:'

/** A session that copies state from the device: onnxruntime-node offers no other way to read a tensor that lies there. */
function copier(artifact: Artifact, names: readonly string[], device: DeviceChoice): Promise<Session> {
  const inputs = artifact.inputs.filter(port => names.includes(port.name))
  const outputs = inputs.map(port => ({ ...port, name: COPY + port.name }))
  const nodes = inputs.map(({ name }) => ({ op: 'Identity', inputs: [name], outputs: [COPY + name], attributes: {} }))
  const { model, layout } = writeModel('copy', { nodes, constants: new Map(), parameters: new Map() }, inputs, outputs)
  return Session.create({ model, layout }, new Uint8Array(0), device)
}

function toOrt(feed: Feed): OrtTensors {
  return Object.fromEntries(
    Object.entries(feed).map(([name, x]) => [
      name,
      x instanceof Int32Array ? new ort.Tensor('int32', x, [x.length]) : new ort.Tensor('float32', x.data, x.shape),
    ]),
  )
}

function toState({ name, params }: StepSignature, key: string, x: Tensor): ort.Tensor {
  const shape = params.get(key)
  if (!shape || x.shape.length !== shape.length || x.shape.some((n, i) => n !== shape[i]))
    throw new Error(`${name}: state "${key}" should be ${shape ? `[${shape}]` : 'absent'}, got [${x.shape}]`)
  const perm = storedOrder(shape)
  return new ort.Tensor('float32', perm ? permuted(x, perm) : x.data.slice(), perm ? perm.map(axis => shape[axis]) : [...shape])
}

function fromState(x: ort.Tensor, shape: readonly number[]): Tensor {
  const data = x.data as Float32Array
  const perm = storedOrder(shape)
  return { shape, data: perm ? permuted({ shape: [...x.dims], data }, inverse(perm)) : data.slice() }
}

/** Records one step. Only state that the function returns becomes an output. */
export function recordStep(fn: StepFunction, signature: StepSignature, target: Target): Artifact {
  const inputs = Object.entries(signature.inputs).map(([name, spec]) => inputValue(name, spec, 1))
  const held: Value[] = [...signature.params].map(([name, shape]) => ({
    name: STATE + name,
    shape,
    held: shape,
    dtype: 'float32',
    perm: storedOrder(shape),
  }))
  const { graph, outputs } = recordFunction(symbol => {
    const state = Object.fromEntries(held.map(value => [value.name.slice(STATE.length), symbol(value)]))
    const made = fn(state, Object.fromEntries(inputs.map(value => [value.name, symbol(value)])))
    const named = (prefix: string, tensors: Tensors) =>
      Object.fromEntries(Object.entries(tensors).map(([name, t]) => [prefix + name, t]))
    return { ...named(NEXT, made.state), ...named(OUTPUT, made.outputs) }
  }, target)
  const ports = [...outputs].map(([name, value]) =>
    graph.output(name, value, name.startsWith(NEXT) ? storedOrder(value.shape) : undefined),
  )
  const program = {
    nodes: living(
      graph,
      ports.map(port => port.name),
    ),
    constants: graph.constants,
    parameters: graph.parameters,
  }
  const stored = held.map(v => ({ name: v.name, dtype: v.dtype, shape: v.perm ? v.perm.map(axis => v.shape[axis]) : v.shape }))
  const ordered = [...stored, ...inputs]
  const { model, layout } = writeModel(signature.name, program, ordered, ports)
  return { model, layout, inputs: ordered, outputs: ports }
}
