import * as tf from '@tensorflow/tfjs-core'
import { compile, type CompileOptions } from '../engine/compile.ts'
import { random, shuffled } from '../model/noise.ts'
import type { Tensor } from '../model/tensor.ts'
import { countOf, pictures, pictureSize, type DataSet } from '../analysis/data-set.ts'
import { seedFor } from './seeds.ts'

/** The directions in which the pictures of a set differ most. */
export type Principal = {
  /** The mean picture, [P] for P values a picture. */
  readonly mean: Tensor
  /** One orthonormal direction a column, the widest first, [P,K]. */
  readonly directions: Tensor
  /** Standard deviation of the pictures along each, [K]. */
  readonly deviations: Float64Array
}

/** Rounds of the iteration: enough for the wide directions to settle; the narrow ones need only be decorrelated. */
const rounds = 6
const chunk = 256

/**
 * Principal components of at most `images` pictures, by orthogonal iteration (Golub & Van Loan, Matrix Computations,
 * 8.2.4): Q ← orthonormal basis of Cov·Q. The products run in the engine, the pictures pass by in pieces. Throws when the
 * set has fewer pictures than `count` asks for.
 */
export async function principalComponents(
  data: DataSet,
  { count, images, seed }: { count: number; images: number; seed: number },
  run: CompileOptions = {},
): Promise<Principal> {
  const order = shuffled(countOf(data), seedFor('principal', seed)).subarray(0, images)
  const P = pictureSize(data),
    N = order.length
  if (count > Math.min(N - 1, P))
    throw new Error(
      `principal components: ${count} wanted of ${N} pictures of ${P} values; lower warmUp.components or give more pictures`,
    )
  const pieces: Tensor[] = []
  for (let from = 0; from < N; from += chunk) {
    const indices = order.subarray(from, from + chunk)
    pieces.push({ shape: [indices.length, P], data: pictures(data, indices) })
  }
  const mean = meanOf(pieces, P, N)
  const engine = await compile(
    (_, { x, mean, q }) => {
      const along = tf.matMul(tf.sub(x, mean) as tf.Tensor2D, q as tf.Tensor2D)
      return { spread: tf.sum(tf.square(along), 0), back: tf.matMul(tf.sub(x, mean) as tf.Tensor2D, along, true) }
    },
    {
      name: 'principal',
      inputs: { x: { shape: ['B', P] }, mean: { shape: [P] }, q: { shape: [P, count] } },
      params: new Map(),
    },
    new Map(),
    run,
  )
  try {
    const product = async (q: Tensor, wanted: 'spread' | 'back'): Promise<Float64Array> => {
      const total = new Float64Array(wanted === 'spread' ? count : P * count)
      for (const x of pieces) {
        const part = (await engine.run({ x, mean, q }, [wanted]))[wanted].data
        for (let i = 0; i < total.length; i++) total[i] += part[i]
      }
      return total
    }
    const stream = random(seedFor('principal', seed, 1))
    let directions = orthonormal(
      Float64Array.from({ length: P * count }, () => stream.normal()),
      P,
      count,
    )
    for (let round = 0; round < rounds; round++) directions = orthonormal(await product(directions, 'back'), P, count)
    const deviations = (await product(directions, 'spread')).map(sum => Math.sqrt(sum / N))
    return { mean, directions, deviations }
  } finally {
    await engine.dispose()
  }
}

function meanOf(pieces: readonly Tensor[], P: number, N: number): Tensor {
  const mean = new Float64Array(P)
  for (const { data } of pieces) for (let i = 0; i < data.length; i++) mean[i % P] += data[i] / N
  return { shape: [P], data: Float32Array.from(mean) }
}

/** Columns of x [P,K] made orthonormal in order (modified Gram–Schmidt; in float64 once is enough for float32 to hold). */
function orthonormal(x: Float64Array, P: number, K: number): Tensor {
  const columns = Array.from({ length: K }, (_, k) => Float64Array.from({ length: P }, (_, i) => x[i * K + k]))
  for (const [k, column] of columns.entries()) {
    const whole = Math.sqrt(dot(column, column))
    for (const before of columns.slice(0, k)) subtract(column, dot(before, column), before)
    const left = Math.sqrt(dot(column, column))
    // Pictures that differ in fewer ways than there are columns leave nothing but rounding here, and that is no direction.
    const scale = left > 1e-9 * whole ? 1 / left : 0
    for (let i = 0; i < P; i++) column[i] *= scale
  }
  const data = new Float32Array(P * K)
  columns.forEach((column, k) => column.forEach((value, i) => (data[i * K + k] = value)))
  return { shape: [P, K], data }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/** a ← a − share·b. */
function subtract(a: Float64Array, share: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i] -= share * b[i]
}
