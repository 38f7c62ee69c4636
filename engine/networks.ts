/** The functions of a checkpoint that get compiled, with their signatures: encoder, U-Net, prior. */
import type * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig, PriorConfig } from '../model/config.ts'
import { encode } from '../model/encoder.ts'
import { priorShapes, weightShapes } from '../model/initialize.ts'
import { unet1d } from '../model/prior.ts'
import { activate, distances } from '../model/prototypes.ts'
import { unet } from '../model/unet.ts'
import type { NetworkFunction, Signature } from './compile.ts'

export type Network = { readonly fn: NetworkFunction; readonly signature: Signature }

const images = ({ image }: ModelConfig) => ({ shape: ['B', image.height, image.width, image.channels] as const })

const only = (shapes: ReadonlyMap<string, number[]>, wanted: (name: string) => boolean) =>
  new Map([...shapes].filter(([name]) => wanted(name)))

const isEncoder = (name: string) => name.startsWith('proactBlock.')

/** x [B,H,W,C] → s, minDistance, argmin [B,m]; distances [B,n,n,m]; features z [B,n,n,D]. */
export const encoderNetwork = (config: ModelConfig): Network => ({
  signature: {
    name: 'encoder',
    key: JSON.stringify(config),
    inputs: { x: images(config) },
    params: only(weightShapes(config), isEncoder),
  },
  fn(params, { x }) {
    const z = encode(config, params, x as tf.Tensor4D)
    const d = distances(config, params, z)
    const { s, minDistance, argmin } = activate(config, d)
    return { s, minDistance, argmin, distances: d, features: z }
  },
})

/** x [B,H,W,C], t [B], s [B,m] → eps [B,H,W,C]. */
export const unetNetwork = (config: ModelConfig): Network => ({
  signature: {
    name: 'unet',
    key: JSON.stringify(config),
    inputs: { x: images(config), t: { shape: ['B'], dtype: 'int32' }, s: { shape: ['B', config.prototypes.count] } },
    params: only(weightShapes(config), name => !isEncoder(name)),
  },
  fn: (params, { x, t, s }) => ({ eps: unet(config, params, x as tf.Tensor4D, t as tf.Tensor1D, s as tf.Tensor2D) }),
})

/** x [B,m], t [B] → eps [B,m]. Parameters without the `prior.` prefix. */
export const priorNetwork = (prior: PriorConfig, m: number): Network => ({
  signature: {
    name: 'prior',
    key: JSON.stringify([prior, m]),
    inputs: { x: { shape: ['B', m] }, t: { shape: ['B'], dtype: 'int32' } },
    params: priorShapes(prior, m),
  },
  fn: (params, { x, t }) => ({ eps: unet1d(prior, params, x as tf.Tensor2D, t as tf.Tensor1D) }),
})
