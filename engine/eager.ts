/**
 * The same functions computed kernel by kernel on a tfjs backend: the reference that every compiled function is tested
 * against, and the way to use tfjs-node-gpu or tfjs-node where somebody has installed them.
 */
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import type { EagerDevice } from './device.ts'
import { useBackend } from './eager-backend.ts'
import { checkFeed, type Compiled, type Feed, type NetworkFunction, type Signature, type Tensors } from './compile.ts'

/** `fn` with its parameters fixed to `weights`, run eagerly; same signature and results as `compile`. */
export async function eager(
  fn: NetworkFunction,
  signature: Signature,
  weights: Weights,
  device: EagerDevice = 'tfjs-cpu',
): Promise<Compiled> {
  const name = await useBackend(device)
  const params = inBackend(name, () => toTensors(weights))
  return {
    async run(feed, only) {
      const made = inBackend(name, () => tf.tidy(() => fn(params, toTensors(entries(checkFeed(signature, feed))))))
      const outputs = await Promise.all(
        Object.entries(made)
          .filter(([key]) => !only || only.includes(key))
          .map(async ([key, t]) => [key, await plain(t)] as const),
      )
      tf.dispose(made)
      return Object.fromEntries(outputs)
    },
    async dispose() {
      tf.dispose(params)
    },
  }
}

const entries = (feed: Feed): Map<string, Tensor | Int32Array> => new Map(Object.entries(feed))

const toTensors = (plainTensors: ReadonlyMap<string, Tensor | Int32Array>): Tensors =>
  Object.fromEntries(
    [...plainTensors].map(([key, x]) => [
      key,
      x instanceof Int32Array ? tf.tensor1d(x, 'int32') : tf.tensor(x.data, [...x.shape], 'float32'),
    ]),
  )

async function plain(t: tf.Tensor): Promise<Tensor> {
  return { shape: [...t.shape], data: Float32Array.from(await t.data()) }
}

/** Runs `f` with `name` as the global backend, and puts back what was there. */
export function inBackend<T>(name: string, f: () => T): T {
  const before = tf.engine().backendName
  if (name === 'cpu') quietCpu()
  if (before === name) return f()
  tf.setBackend(name)
  try {
    return f()
  } finally {
    if (before) tf.setBackend(before)
  }
}

/** The CPU backend greets with an advertisement for tfjs-node on first use; whoever wants that has been told by our own docs. */
function quietCpu(): void {
  Object.assign(tf.findBackend('cpu'), { firstUse: false })
}
