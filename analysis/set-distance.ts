import type { Tensor } from '../model/tensor.ts'
import { frechetDistance } from './metrics/frechet.ts'
import { kid, type Kid } from './metrics/kid.ts'
import { fromTensor } from './metrics/matrix.ts'

/** How far two sets of pictures are apart, each taken as a whole, in the features that they are seen by. */
export type SetDistance = {
  /** Fréchet distance: FID when the features are Inception-v3's, FD otherwise. */
  readonly fd: number
  readonly kid: Kid
}

/** Distance of two sets of features [n,F]; the seed draws the subsets of KID. */
export function setDistance(a: Tensor, b: Tensor, seed: number): SetDistance {
  for (const { data } of [a, b])
    if (!data.every(Number.isFinite))
      throw new Error(
        'distance of pictures: their features are not finite numbers; look at the pictures, the model may have diverged',
      )
  const [first, second] = [fromTensor(a), fromTensor(b)]
  return { fd: frechetDistance(first, second), kid: kid(first, second, seed) }
}
