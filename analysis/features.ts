import type { Patronus } from '../engine/patronus.ts'
import { concat, dims, map, type Tensor } from '../model/tensor.ts'
import type { FeatureNetwork } from '../engine/inception.ts'
import { batches, wantPictures } from './batches.ts'

/** Pictures whose feature maps are held at once, and pictures that a large network is given between two turns. */
const [chunk, fewer] = [64, 32]

/** Awaited after every part. */
export type OnPart = (done: number, total: number) => Promise<void> | void

/**
 * Mean-pooled encoder features [B,D] of images [B,H,W,C] in -1 … 1: z averaged over its cells, so what is in a picture and
 * not where. Values outside are clipped, as when a picture is saved.
 */
export const pooledFeatures = (patronus: Pick<Patronus, 'features'>, images: Tensor, onPart?: OnPart): Promise<Tensor> =>
  inParts(
    images,
    chunk,
    async part => meanOverCells(await patronus.features(map(part, value => Math.min(1, Math.max(-1, value))))),
    onPart,
  )

/** Features [B,F] of images [B,H,W,C] in -1 … 1 by a network that knows nothing of the model: the user's Inception-v3. */
export const networkFeatures = (network: Pick<FeatureNetwork, 'features'>, images: Tensor, onPart?: OnPart): Promise<Tensor> =>
  inParts(images, fewer, part => network.features(part), onPart)

async function inParts(images: Tensor, size: number, look: (part: Tensor) => Promise<Tensor>, onPart?: OnPart): Promise<Tensor> {
  wantPictures('features of pictures', images)
  const found: Tensor[] = []
  let done = 0
  for (const part of batches(images, size)) {
    found.push(await look(part))
    done += part.shape[0]
    await onPart?.(done, images.shape[0])
  }
  return concat(found)
}

/** z [B,n,n,D] → [B,D]. */
function meanOverCells(z: Tensor): Tensor {
  const { B, H, W, D } = dims(z, 'B H W D')
  const sums = new Float64Array(B * D)
  const size = H * W * D
  for (let i = 0; i < z.data.length; i++) sums[Math.floor(i / size) * D + (i % D)] += z.data[i]
  return { shape: [B, D], data: Float32Array.from(sums, sum => sum / (H * W)) }
}
