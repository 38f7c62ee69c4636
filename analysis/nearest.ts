import type { Patronus } from '../engine/patronus.ts'
import { type Box, exactBox, receptiveField } from '../model/receptive-field.ts'
import type { Tensor } from '../model/tensor.ts'

/** A patch of a data set: which picture, which cell of the encoder's grid, how far from the prototype. */
export type Patch = {
  /** Index of the picture in the order it was given. */
  readonly image: number
  /** Row-major cell in the n×n grid. */
  readonly cell: number
  /** Squared distance d ≥ 0. */
  readonly distance: number
  readonly s: number
  /** The patch in pixels. */
  readonly box: Box
}

/**
 * For every prototype the `count` pictures that hold the patches nearest to it, nearest first, at most one patch a picture.
 * ProtoPNet's way to show a prototype (Chen et al. 2019, arXiv:1806.10574, section 2.3), without moving the prototypes.
 *
 * batches  pictures [B,H,W,C] in −1 … 1, in order
 */
export async function nearestPatches(
  patronus: Patronus,
  batches: AsyncIterable<Tensor> | Iterable<Tensor>,
  count: number,
): Promise<Patch[][]> {
  const { config } = patronus.info
  const m = config.prototypes.count
  const field = receptiveField(config.encoder, config.image.height)
  const best: Patch[][] = Array.from({ length: m }, () => [])
  let image = 0
  for await (const batch of batches) {
    const { s, minDistance, argmin } = await patronus.encode(batch)
    for (let b = 0; b < batch.shape[0]; b++, image++)
      for (let j = 0; j < m; j++) {
        const distance = minDistance.data[b * m + j]
        const list = best[j]
        if (list.length === count && distance >= list[count - 1].distance) continue
        const cell = argmin.data[b * m + j]
        const patch = { image, cell, distance, s: s.data[b * m + j], box: exactBox(field, cell, config.image.height) }
        const at = list.findIndex(other => other.distance > distance)
        list.splice(at < 0 ? list.length : at, 0, patch)
        list.length = Math.min(list.length, count)
      }
  }
  if (image === 0) throw new Error('nearest patches: wanted at least one picture to search, got none')
  return best
}
