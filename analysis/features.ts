import type { Patronus } from '../engine/patronus.ts'
import { concat, dims, rows, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'

/** Pictures whose feature maps are held at once. */
const chunk = 64

/**
 * Mean-pooled encoder features [B,D] of images [B,H,W,C] in -1 … 1: z averaged over its cells, so what is in a picture and
 * not where. Values outside are clipped, as when a picture is saved. `onPart` is awaited after every part.
 */
export async function pooledFeatures(
  patronus: Pick<Patronus, 'features'>,
  images: Tensor,
  onPart?: (done: number, total: number) => Promise<void> | void,
): Promise<Tensor> {
  wantPictures('features of pictures', images)
  const total = images.shape[0]
  const parts: Tensor[] = []
  for (let from = 0; from < total; from += chunk) {
    const to = Math.min(from + chunk, total)
    const part = rows(images, from, to)
    const clipped = { shape: part.shape, data: part.data.map(value => Math.min(1, Math.max(-1, value))) }
    parts.push(meanOverCells(await patronus.features(clipped)))
    await onPart?.(to, total)
  }
  return concat(parts)
}

/** z [B,n,n,D] → [B,D]. */
function meanOverCells(z: Tensor): Tensor {
  const { B, H, W, D } = dims(z, 'B H W D')
  const sums = new Float64Array(B * D)
  const size = H * W * D
  for (let i = 0; i < z.data.length; i++) sums[Math.floor(i / size) * D + (i % D)] += z.data[i]
  return { shape: [B, D], data: Float32Array.from(sums, sum => sum / (H * W)) }
}
