/** An ONNX Runtime session: plain tensors in, plain tensors out. The only file that touches onnxruntime-node's API. */
import * as ort from 'onnxruntime-node'
import type { Tensor } from '../model/tensor.ts'
import type { Artifact, Feed } from './compile.ts'
import { type DeviceChoice, isEager } from './device.ts'
import { WEIGHTS_FILE } from './onnx/write.ts'

export type OrtTensors = Record<string, ort.Tensor>

export type ThreadOptions = {
  /** Cores used for one run; absent = all physical ones. */
  readonly threads?: number
  /**
   * Waiting threads spin instead of sleeping. Off by default: worth 15 % on one small picture and a few percent on a
   * training step, but it takes up to twice the CPU time from whatever else runs, the page that shows the picture first.
   */
  readonly spin?: boolean
}

/** An input or output as the model declares it; axes that are free have a name instead of a number. */
export type DeclaredPort = { readonly name: string; readonly type: string; readonly shape: readonly (number | string)[] }

const declared = (port: ort.InferenceSession.ValueMetadata): DeclaredPort =>
  port.isTensor ? { name: port.name, type: port.type, shape: port.shape } : { name: port.name, type: 'no tensor', shape: [] }

export type SessionOptions = ThreadOptions & {
  /** Outputs that stay in the device's memory, where the device has one that onnxruntime-node can bind (WebGPU). */
  readonly resident?: readonly string[]
}

export class Session {
  readonly #session: ort.InferenceSession
  private constructor(session: ort.InferenceSession) {
    this.#session = session
  }

  static async create(
    { model, layout }: Pick<Artifact, 'model' | 'layout'>,
    weights: Uint8Array,
    device: DeviceChoice,
    { threads, spin = false, resident = [] }: SessionOptions = {},
  ): Promise<Session> {
    if (isEager(device.device))
      throw new Error(
        `device: ${device.device} runs a loaded checkpoint kernel by kernel; what is compiled needs cuda, webgpu or cpu`,
      )
    const session = await ort.InferenceSession.create(model, {
      executionProviders: device.device === 'cpu' ? ['cpu'] : [device.device, 'cpu'],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(threads ? { intraOpNumThreads: threads } : {}),
      ...(device.device === 'webgpu' && resident.length
        ? { preferredOutputLocation: Object.fromEntries(resident.map(name => [name, 'gpu-buffer' as const])) }
        : {}),
      ...(layout.bytes ? { externalData: [{ path: WEIGHTS_FILE, data: weights }] } : {}),
      // Activations of trained networks reach subnormal sizes, which most CPUs compute a hundred times slower.
      extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: spin ? '1' : '0' } } },
    })
    return new Session(session)
  }

  get inputs(): DeclaredPort[] {
    return this.#session.inputMetadata.map(declared)
  }

  get outputs(): DeclaredPort[] {
    return this.#session.outputMetadata.map(declared)
  }

  async run(feed: Feed, fetches?: readonly string[]): Promise<Record<string, Tensor>> {
    const inputs: OrtTensors = {}
    for (const [name, value] of Object.entries(feed))
      inputs[name] =
        value instanceof Int32Array
          ? new ort.Tensor('int32', value, [value.length])
          : new ort.Tensor('float32', value.data, value.shape)
    return toTensors(await this.runRaw(inputs, fetches))
  }

  /** ONNX Runtime's own tensors, for state that goes from one run to the next. */
  runRaw(inputs: OrtTensors, fetches?: readonly string[]): Promise<OrtTensors> {
    const outputs = fetches ? this.#session.run(inputs, fetches) : this.#session.run(inputs)
    return outputs as Promise<OrtTensors>
  }

  dispose(): Promise<void> {
    return this.#session.release()
  }
}

/** Outputs as plain float32 tensors under their names without the prefix; integers are converted. */
export function toTensors(outputs: OrtTensors): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => {
      const data = value.data instanceof Float32Array ? value.data : Float32Array.from(value.data as Int32Array)
      return [name.replace(/^\w+:/, ''), { shape: [...value.dims], data }]
    }),
  )
}
