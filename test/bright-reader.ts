import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { DataSet } from '../analysis/data-set.ts'
import { gaussian } from '../model/noise.ts'
import { dims, map } from '../model/tensor.ts'

/** A reader of two attributes that anyone can check: how bright a picture is in its upper and in its lower half, as a probability. */
export const brightReader: AttributeReader = {
  names: ['bright above', 'bright below'],
  async probabilities(images) {
    const { N, H, W, C } = dims(images, 'N H W C')
    const half = (H / 2) * W * C
    const data = Float32Array.from({ length: 2 * N }, (_, i) => {
      const own = images.data.subarray(i * half, (i + 1) * half)
      return 1 / (1 + Math.exp((-4 * own.reduce((sum, v) => sum + Math.min(1, Math.max(-1, v)), 0)) / half))
    })
    return { shape: [N, 2], data }
  },
}

/** Noise on grounds that are bright or dark above and below, and what the reader's attributes really are. */
export function brightPictures(count: number, channels: 1 | 3, side = 16): DataSet {
  const values = Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? (i >> 1) % 2 : (i >> 2) % 2))
  const size = (side * side * channels) / 2
  const { data } = map(gaussian([2 * count * size], 5), (v, i) => (values[Math.floor(i / size)] ? 0.6 : -0.6) + 0.1 * v)
  return { name: 'grounds', shape: [side, side, channels], images: data, attributes: { names: brightReader.names, values } }
}
