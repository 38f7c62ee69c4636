import { pooledFeatures } from '../analysis/features.ts'
import { setDistance, type SetDistance } from '../analysis/set-distance.ts'
import type { FeatureNetwork } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Classifier } from './classifier.ts'

/** How far drawn pictures are from real ones, as a whole, beside how far real ones are from each other. */
export type Distances = {
  /** What the pictures were looked at with, as a sentence goes on after "features: ". */
  readonly features: string
  /** Numbers a picture. */
  readonly width: number
  /** Pictures in each of the sets. */
  readonly images: number
  /** Pictures drawn from s of some test pictures, against as many other test pictures. */
  readonly samples: SetDistance
  /** The bar: the pictures that were drawn from, against the same others. */
  readonly real: SetDistance
}

export type Extractor = { readonly description: string; features(images: Tensor): Promise<Tensor> }

/** The referee's eyes where there is one; else the model's own, which flatter it. */
export function featuresOf(patronus: Patronus, classifier?: Classifier): Extractor {
  if (classifier)
    return {
      description:
        'the last convolution of the held-out attribute classifier, averaged over the picture; it has never seen a drawn picture',
      features: images => classifier.features(images),
    }
  return {
    description:
      "the checkpoint's own encoder, z averaged over the picture. They flatter the model: s is computed from this z and pictures are drawn to have that s, so what the encoder does not see does not count",
    features: images => pooledFeatures(patronus, images),
  }
}

export const inceptionFeatures = ({ name, id, features }: FeatureNetwork): Extractor => ({
  description: `the network in ${name} (SHA-256 ${id.slice(0, 16)}…), given as Inception-v3; pictures resized and scaled as pytorch-fid does, not compressed`,
  features,
})

/** All three [n,H,W,C]: `drawn` from s of `sources`; `others` are test pictures that nothing was drawn from. */
export type Sets = { readonly drawn: Tensor; readonly sources: Tensor; readonly others: Tensor }

export async function measureDistances({ description, features }: Extractor, sets: Sets, seed: number): Promise<Distances> {
  const others = await features(sets.others)
  return {
    features: description,
    width: others.shape[1],
    images: others.shape[0],
    samples: setDistance(await features(sets.drawn), others, seed),
    real: setDistance(await features(sets.sources), others, seed),
  }
}
