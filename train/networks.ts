import type * as tf from '@tensorflow/tfjs-core'
import {
  compile,
  type Compiled,
  type CompileOptions,
  type InputSpec,
  type NetworkFunction,
  type Signature,
} from '../engine/compile.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Denoiser } from '../model/denoiser.ts'
import { encode } from '../model/encoder.ts'
import { activate, distances } from '../model/prototypes.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { unet } from '../model/unet.ts'
import type { Weights } from '../model/weights.ts'
import { weightShapes } from '../model/initialize.ts'

/** Encoder and U-Net for looking at a run that is under way: weights are inputs, so one recording serves every step. */
export type Networks = {
  /** Feature maps z [B,n,n,D] of images [B,H,W,C] in -1 … 1. */
  features(weights: Weights, images: Tensor): Promise<Tensor>
  /** Activations s [B,m]. */
  activations(weights: Weights, images: Tensor): Promise<Tensor>
  denoiser(weights: Weights, s: Tensor): Denoiser
  dispose(): Promise<void>
}

/** Pictures a single call of the encoder sees: bounds the memory of its feature maps. */
const chunk = 32

export const isEncoder = (name: string): boolean => name.startsWith('proactBlock.')

export function networks(config: ModelConfig, run: CompileOptions = {}): Networks {
  const { image } = config,
    shapes = [...weightShapes(config)]
  const declared = (chosen: (name: string) => boolean) =>
    Object.fromEntries(shapes.filter(([name]) => chosen(name)).map(([name, shape]) => [name, { shape }]))
  const given = (weights: Weights, chosen: (name: string) => boolean) =>
    Object.fromEntries([...weights].filter(([name]) => chosen(name)))
  const picture: InputSpec = { shape: ['B', image.height, image.width, image.channels] }
  const kept: Compiled[] = []
  const key = JSON.stringify(config)
  const make = async (name: string, inputs: Signature['inputs'], fn: NetworkFunction) => {
    const made = await compile(fn, { name, key, inputs, params: new Map() }, new Map(), run)
    kept.push(made)
    return made
  }
  // Made when first asked for: a run that needs no sheets never records them.
  const lazily = <T>(build: () => Promise<T>) => {
    let built: Promise<T> | undefined
    return () => (built ??= build())
  }
  const notPrototypes = (name: string) => isEncoder(name) && !name.endsWith('prototype_vectors')
  const encoder = lazily(() =>
    make('train-features', { x: picture, ...declared(notPrototypes) }, (_, inputs) => ({
      z: encode(config, inputs, inputs.x as tf.Tensor4D),
    })),
  )
  const block = lazily(() =>
    make('train-activations', { x: picture, ...declared(isEncoder) }, (_, inputs) => ({
      s: activate(config, distances(config, inputs, encode(config, inputs, inputs.x as tf.Tensor4D))).s,
    })),
  )
  const estimator = lazily(() =>
    make(
      'train-denoiser',
      {
        x: picture,
        t: { shape: ['B'], dtype: 'int32' },
        s: { shape: ['B', config.prototypes.count] },
        ...declared(name => !isEncoder(name)),
      },
      (_, inputs) => ({
        eps: unet(config, inputs, inputs.x as tf.Tensor4D, inputs.t as tf.Tensor1D, inputs.s as tf.Tensor2D),
      }),
    ),
  )
  return {
    features: async (weights, x) => (await (await encoder()).run({ x, ...given(weights, notPrototypes) })).z,
    activations: async (weights, images) => {
      const own = given(weights, isEncoder),
        B = images.shape[0]
      const out = new Float32Array(B * config.prototypes.count)
      for (let from = 0; from < B; from += chunk) {
        const { s } = await (await block()).run({ x: rows(images, from, Math.min(B, from + chunk)), ...own })
        out.set(s.data, from * config.prototypes.count)
      }
      return { shape: [B, config.prototypes.count], data: out }
    },
    denoiser: (weights, s) => {
      const own = given(weights, name => !isEncoder(name))
      return async (x, t) => (await (await estimator()).run({ x, t: new Int32Array(x.shape[0]).fill(t), s, ...own })).eps
    },
    dispose: async () => {
      for (const runnable of kept.splice(0)) await runnable.dispose()
    },
  }
}
