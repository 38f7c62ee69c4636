/** The authors' numbers (test/fixtures/parity, cut from the kit by cut.py) and how tests hold our networks against them. */
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Params } from '../model/layers.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { channelsLast, readNpy } from './npy.ts'

tf.setBackend('cpu')

export const fixtures = resolve('test/fixtures/parity')
/** The whole kit; not part of the repository. */
export const kit = resolve('../shared/parity')
export const kitIsThere = existsSync(kit)

export const checkpointIn = (root: string, dataset: string): string =>
  `${root}/records/diffusion/patronus/${dataset}-train/Logs_Checkpoints/checkpoints/version_0/ckpt.tar`

/** Vectors and tables as they are. */
export const ref = (folder: string, name: string): Tensor => readNpy(`${folder}/${name}.npy`)
/** Images and feature maps, channels last. */
export const refImages = (folder: string, name: string): Tensor => channelsLast(ref(folder, name))
export const refJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

export const toTf = <T extends tf.Tensor>({ shape, data }: Tensor): T => tf.tensor(data, [...shape], 'float32') as T
export const timesOf = ({ data }: Tensor): tf.Tensor1D => tf.tensor1d([...data], 'int32')
export const toParams = (weights: Weights): Params => Object.fromEntries([...weights].map(([name, x]) => [name, toTf(x)]))
