import type { ModelConfig } from '../model/config.ts'
import { initialWeights } from '../model/initialize.ts'
import type { Tensor } from '../model/tensor.ts'
import type { DataSet } from '../analysis/data-set.ts'
import { farApartPrototypes } from './far-apart.ts'
import { networks } from './networks.ts'

/**
 * The control that every table about s carries (spec section 11): no training at all. The same encoder with its first
 * weights, as many prototypes, taken from real patches far from each other.
 */
export type Control = {
  /** s [B,m] of images [B,H,W,C] in -1 … 1. */
  activations(images: Tensor): Promise<Tensor>
  dispose(): Promise<void>
}

export async function untrainedControl(
  config: ModelConfig,
  data: DataSet,
  options: { images: number; seed: number },
): Promise<Control> {
  const nets = networks(config)
  const first = initialWeights(config, options.seed)
  const prototypes = await farApartPrototypes(nets, first, data, { count: config.prototypes.count, ...options })
  const weights = new Map(first).set('proactBlock.prototype_vectors', prototypes)
  return { activations: images => nets.activations(weights, images), dispose: () => nets.dispose() }
}
