/**
 * A tfjs backend that computes nothing: every kernel adds ONNX nodes to a `Graph`. Running a network function on it
 * once (its gradient included) yields the function as an ONNX model.
 */
import * as tf from '@tensorflow/tfjs-core'
import { Graph, type Target } from './graph.ts'
import { arithmetic } from './arithmetic.ts'
import { convolution } from './convolution.ts'
import type { Kernel } from './kernel.ts'
import { matrix } from './matrix.ts'
import { reduction } from './reduction.ts'
import { shapes } from './shapes.ts'
import type { DType, Value } from './value.ts'

/** Change this when a kernel changes what it records: it is part of the key of the disk cache. */
export const RECORDER_VERSION = 4

const BACKEND = 'patronus-recorder'
const kernels: Readonly<Record<string, Kernel>> = { ...arithmetic, ...reduction, ...matrix, ...shapes, ...convolution }

class Recorder extends tf.KernelBackend {
  graph = new Graph('cpu')
  readonly #values = new tf.DataStorage<Value>(this, tf.engine())

  symbol(value: Value): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo({ dataId: this.hold(value), shape: [...value.shape], dtype: value.dtype })
  }
  hold(value: Value): tf.DataId {
    const dataId = {}
    this.#values.set(dataId, value)
    return dataId
  }
  lookup(dataId: tf.DataId): Value {
    return this.#values.get(dataId)
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    return this.hold(this.graph.constant(numbers(values), shape, knownType(dtype)))
  }
  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType): void {
    this.#values.set(dataId, this.graph.constant(numbers(values), shape, knownType(dtype)))
  }
  override readSync(): never {
    throw new Error('recorder: a network function may not read numbers (dataSync, arraySync) while it is being recorded')
  }
  override read(): never {
    return this.readSync()
  }
  override disposeData(dataId: tf.DataId): boolean {
    return this.#values.delete(dataId)
  }
  override numDataIds(): number {
    return this.#values.numDataIds()
  }
  override incRef(): void {}
  override refCount(): number {
    return 1
  }
  override memory() {
    return { unreliable: true }
  }
  override floatPrecision(): 32 {
    return 32
  }
  override epsilon(): number {
    return 1e-7
  }
}

function knownType(dtype: string): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype
  throw new Error(`recorder: tensors of type ${dtype} cannot be recorded; use float32, int32 or bool`)
}

function numbers(values: tf.BackendValues): ArrayLike<number> {
  if (values.length && typeof values[0] === 'object') throw new Error('recorder: text tensors cannot be recorded')
  return Float64Array.from(values as ArrayLike<number>)
}

let recorder: Recorder | undefined

/** The backend, with its kernels registered on first use. */
function theRecorder(): Recorder {
  if (recorder) return recorder
  const made = (recorder = new Recorder())
  tf.registerBackend(BACKEND, () => made, 0)
  for (const [kernelName, kernel] of Object.entries(kernels))
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc: call => record(made, kernelName, kernel, call) })
  return made
}

function record(
  backend: Recorder,
  name: string,
  kernel: Kernel,
  { inputs, attrs }: { inputs: tf.NamedTensorInfoMap; attrs?: tf.NamedAttrMap },
) {
  const values = Object.fromEntries(
    Object.entries(inputs).flatMap(([key, info]) => (info ? [[key, backend.lookup(info.dataId)]] : [])),
  )
  try {
    const made = kernel(backend.graph, values, (attrs ?? {}) as Record<string, unknown>)
    const infos = (Array.isArray(made) ? made : [made]).map(value => ({
      dataId: backend.hold(value),
      shape: [...value.shape],
      dtype: value.dtype,
    }))
    return Array.isArray(made) ? infos : infos[0]
  } catch (cause) {
    const shown = Object.entries(values).map(([key, v]) => `${key} [${v.shape}]`)
    throw new Error(`recorder: ${name}(${shown.join(', ')}): ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/**
 * Runs `fn` on symbols and gives back what it recorded and the values it returned.
 * tfjs is single-threaded and `fn` synchronous, so switching the global backend for its duration is safe.
 */
export function recordFunction<Names extends Record<string, tf.Tensor>>(
  fn: (symbol: (value: Value) => tf.Tensor, graph: Graph) => Names,
  target: Target = 'cpu',
): { graph: Graph; outputs: Map<string, Value> } {
  const backend = theRecorder()
  const graph = (backend.graph = new Graph(target))
  const outputs = new Map<string, Value>()
  const before = tf.engine().backendName
  tf.setBackend(BACKEND)
  try {
    tf.tidy(() => {
      for (const [name, t] of Object.entries(fn(value => backend.symbol(value), graph)))
        outputs.set(name, backend.lookup(t.dataId))
    })
    return { graph, outputs }
  } catch (cause) {
    const missing = /Kernel '(\w+)' not registered/.exec(String((cause as Error).message))
    if (missing)
      throw new Error(`recorder: tfjs kernel "${missing[1]}" cannot be recorded yet; add it to engine/recorder/`, { cause })
    throw cause
  } finally {
    if (before) tf.setBackend(before)
    else tf.engine().backendName = null as unknown as string // as it was: tfjs then picks a real backend when one is needed
  }
}
