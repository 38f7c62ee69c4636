/** ProtoPNet's way to show a prototype: the patches of a data set that are nearest to it (Chen et al. 2019, arXiv:1806.10574). */
import type { Patronus } from '../engine/patronus.ts'
import { type Box, exactBox, receptiveField } from '../model/receptive-field.ts'
import { resizeBicubic } from '../model/resize.ts'
import { concat, dims, rows, type Tensor } from '../model/tensor.ts'
import { quantile } from './metrics/statistics.ts'
import { cellMaps, mapOf } from './where.ts'

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
 * ProtoPNet's way to show a prototype (section 2.3), without moving the prototypes.
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
  if (image === 0)
    throw new Error(
      'nearest patches: wanted at least one picture to search, got none; check the folder or the selection that they come from',
    )
  return best
}

/** All that the patch's cell sees; or ProtoPNet's own box, where the up-sampled activation map is among its highest 5 %. */
export const boxModes = ['receptive field', '95th percentile'] as const
export type BoxMode = (typeof boxModes)[number]

/** The patches of one prototype, with what their pictures look like. */
export type Shown = {
  readonly prototype: number
  readonly patches: readonly Patch[]
  /** The pictures of the patches, [k,H,W,C] -1 … 1. */
  readonly pictures: Tensor
  /**
   * Mean squared distance between the encoder's features at the patches, over all pairs: 0 when all are alike. In the units of d;
   * `null` for a single patch.
   */
  readonly spread: number | null
}

/** Patches of one prototype [k] in their pictures [k,H,W,C] -1 … 1, boxed as asked. */
export async function showPatches(
  patronus: Patronus,
  prototype: number,
  patches: readonly Patch[],
  pictures: Tensor,
  mode: BoxMode,
): Promise<Shown> {
  const { height, width } = patronus.info.config.image
  const z = await patronus.features(pictures)
  const spread = meanSquaredDistance(featuresAt(z, patches))
  if (mode === 'receptive field') return { prototype, patches, pictures, spread }
  const maps = await cellMaps(patronus, pictures)
  const boxed = patches.map((patch, i) => ({ ...patch, box: percentileBox(mapOf(maps, i, prototype), height, width) }))
  return { prototype, patches: boxed, pictures, spread }
}

/**
 * Smallest box that holds every pixel of the map [n,n], brought to height×width, that reaches its 95th percentile (Chen et al.
 * 2019, section 2.3). Up-sampled with the bicubic kernel of `model/resize.ts`; the grid is stretched over the whole picture, so
 * that the box may lie beside what the cell really sees.
 */
export function percentileBox(map: Tensor, height: number, width: number): Box {
  const { n, columns } = dims(map, 'n columns')
  const { data } = resizeBicubic({ shape: [1, n, columns, 1], data: map.data }, height, width)
  const least = quantile(data.slice().sort(), 0.95)
  const box = { x0: width, y0: height, x1: 0, y1: 0 }
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] < least) continue
      box.x0 = Math.min(box.x0, x)
      box.y0 = Math.min(box.y0, y)
      box.x1 = Math.max(box.x1, x + 1)
      box.y1 = Math.max(box.y1, y + 1)
    }
  return box
}

/** The patch where one prototype is strongest in each picture [B,H,W,C] -1 … 1, in their order. */
export async function ownPatches(patronus: Patronus, prototype: number, pictures: Tensor): Promise<Patch[]> {
  const { config } = patronus.info
  const field = receptiveField(config.encoder, config.image.height)
  const { s, minDistance, argmin } = await patronus.encode(pictures)
  const m = config.prototypes.count
  return Array.from({ length: pictures.shape[0] }, (_, image) => {
    const at = image * m + prototype
    const cell = argmin.data[at]
    return { image, cell, distance: minDistance.data[at], s: s.data[at], box: exactBox(field, cell, config.image.height) }
  })
}

/** z [k,n,n,D] at the cell of each patch, [k,D]. */
function featuresAt(z: Tensor, patches: readonly Patch[]): Tensor {
  const { n, columns, D } = dims(z, 'k n columns D')
  const cells = { shape: [z.shape[0] * n * columns, D], data: z.data }
  return concat(patches.map(({ cell }, i) => rows(cells, i * n * columns + cell, i * n * columns + cell + 1)))
}

/** Mean of ‖a - b‖² over all pairs of rows of [N,D]; `null` for fewer than two. */
export function meanSquaredDistance(z: Tensor): number | null {
  const { N, D } = dims(z, 'N D')
  if (N < 2) return null
  let sum = 0
  for (let a = 0; a < N; a++)
    for (let b = a + 1; b < N; b++) for (let d = 0; d < D; d++) sum += (z.data[a * D + d] - z.data[b * D + d]) ** 2
  return sum / ((N * (N - 1)) / 2)
}
