/** The pictures that stand for prototypes in the editor: for each the nearest patch of a set of pictures, as one strip beside the checkpoint. */
import sharp from 'sharp'
import { samplesFrom } from '../analysis/conditional-samples.ts'
import { nearestPatches } from '../analysis/nearest.ts'
import { crop } from '../analysis/overlay.ts'
import type { Patronus } from '../engine/patronus.ts'
import { receptiveField } from '../model/receptive-field.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'
import { countOf, type DataSet, pictures } from '../analysis/data-set.ts'

const BATCH = 64

/**
 * Pictures drawn from s [N,m] and fresh noise, for data sets whose own pictures must not travel with a checkpoint: a tile
 * is a piece of a picture.
 */
export async function drawnPictures(patronus: Patronus, s: Tensor, name: string, count = 256): Promise<DataSet> {
  const every = Math.max(1, Math.floor(s.shape[0] / count))
  const some = concat(Array.from({ length: Math.min(count, s.shape[0]) }, (_, i) => rows(s, i * every, i * every + 1)))
  const { height, width, channels } = patronus.info.config.image
  const drawn = await samplesFrom(patronus, some, { steps: 25, seed: 1, batch: BATCH })
  return { name, shape: [height, width, channels], images: drawn.data }
}

function* batches(data: DataSet, count: number): Generator<Tensor> {
  for (let from = 0; from < count; from += BATCH) {
    const indices = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => from + i)
    yield { shape: [indices.length, ...data.shape], data: pictures(data, indices) }
  }
}

/**
 * Writes `path` (PNG): one square tile a prototype, left to right, as wide as the encoder's receptive field. Patches cut by
 * the picture's border are drawn in the tile's middle on grey. Searches the first `images` pictures.
 */
export async function writeTiles(patronus: Patronus, data: DataSet, path: string, images = 4000): Promise<void> {
  const { config } = patronus.info
  const side = receptiveField(config.encoder, config.image.height).size
  const nearest = await nearestPatches(patronus, batches(data, Math.min(images, countOf(data))), 1)
  const tiles = nearest.map(([{ image, box }], j) => {
    const patch = crop({ shape: [1, ...data.shape], data: pictures(data, [image]) }, box)
    const [, height, width, channels] = patch.shape
    const bytes = Buffer.from(Uint8Array.from(patch.data, v => Math.round((Math.min(1, Math.max(-1, v)) + 1) * 127.5)))
    return {
      input: bytes,
      raw: { width, height, channels: channels as 1 | 3 },
      left: j * side + Math.floor((side - width) / 2),
      top: Math.floor((side - height) / 2),
    }
  })
  const grey = { r: 128, g: 128, b: 128 }
  await sharp({ create: { width: side * tiles.length, height: side, channels: 3, background: grey } })
    .composite(tiles)
    .png()
    .toFile(path)
}
