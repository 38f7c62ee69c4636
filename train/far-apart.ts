import { random, shuffled } from '../model/noise.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { seedFor } from './seeds.ts'
import { countOf, pictures, type DataSet } from '../analysis/data-set.ts'
import type { Networks } from './networks.ts'

/** Patches taken of one image as candidates. */
const perImage = 64

/**
 * First prototypes [m,D]: encodings of real patches, each drawn with probability proportional to its squared distance to
 * the nearest one chosen before (k-means++, Arthur & Vassilvitskii 2007). A departure from the authors' U[0,1): there the
 * prototypes lie far from every patch, s starts near 0 and the model learns to do without it (spec section 11).
 */
export async function farApartPrototypes(
  networks: Networks,
  weights: Weights,
  data: DataSet,
  options: { count: number; images: number; seed: number },
): Promise<Tensor> {
  const candidates = await patchEncodings(networks, weights, data, options)
  return chooseFarApart(candidates, options.count, seedFor('prototypes', options.seed))
}

/** Encodings of `perImage` random patches of each of `images` training images, [images·perImage, D]. */
async function patchEncodings(
  networks: Networks,
  weights: Weights,
  data: DataSet,
  { images, seed }: { images: number; seed: number },
): Promise<Tensor> {
  const order = shuffled(countOf(data), seedFor('prototypes', seed, 1)).subarray(0, images),
    parts: Float32Array[] = []
  const stream = random(seedFor('prototypes', seed, 2)),
    chunk = 32
  let D = 0
  for (let from = 0; from < order.length; from += chunk) {
    const indices = order.subarray(from, from + chunk)
    const z = await networks.features(weights, { shape: [indices.length, ...data.shape], data: pictures(data, indices) })
    const cells = z.shape[1] * z.shape[2]
    D = z.shape[3]
    for (let i = 0; i < indices.length; i++)
      for (let k = 0; k < Math.min(perImage, cells); k++) {
        const at = (i * cells + stream.int(cells)) * D
        parts.push(z.data.slice(at, at + D))
      }
  }
  const out = new Float32Array(parts.length * D)
  parts.forEach((part, i) => out.set(part, i * D))
  return { shape: [parts.length, D], data: out }
}

/** `count` rows of candidates [N,D], k-means++; the first at random. Throws when fewer rows differ from each other. */
export function chooseFarApart(candidates: Tensor, count: number, seed: number): Tensor {
  const [N, D] = candidates.shape,
    stream = random(seed),
    out = new Float32Array(count * D)
  const nearest = new Float64Array(N).fill(Infinity)
  let chosen = stream.int(N)
  for (let k = 0; k < count; k++) {
    const row = rows(candidates, chosen, chosen + 1).data
    out.set(row, k * D)
    let total = 0
    for (let i = 0; i < N; i++) {
      let d = 0
      for (let c = 0; c < D; c++) d += (candidates.data[i * D + c] - row[c]) ** 2
      total += nearest[i] = Math.min(nearest[i], d)
    }
    if (total === 0 && k + 1 < count)
      throw new Error(`prototypes: ${count} different patches wanted, the images hold ${k + 1}; use more images`)
    let left = stream.next() * total
    for (chosen = 0; chosen < N - 1 && (left -= nearest[chosen]) > 0;) chosen++
  }
  return { shape: [count, D], data: out }
}
