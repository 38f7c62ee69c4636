import type { Matrix } from './matrix.ts'
import { eigenvalues } from './symmetric.ts'

/** Mean [d] and covariance [d,d] of rows, divided by n − 1. */
export type Moments = { readonly mean: Float64Array; readonly covariance: Float64Array }

export function momentsOf({ rows, columns: d, data }: Matrix): Moments {
  const mean = new Float64Array(d)
  for (let i = 0; i < data.length; i++) mean[i % d] += data[i] / rows
  const covariance = new Float64Array(d * d)
  const centred = new Float64Array(d)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < d; j++) centred[j] = data[i * d + j] - mean[j]
    for (let j = 0; j < d; j++) {
      const scaled = centred[j] / (rows - 1)
      for (let k = 0; k <= j; k++) covariance[j * d + k] += scaled * centred[k]
    }
  }
  for (let j = 0; j < d; j++) for (let k = 0; k < j; k++) covariance[k * d + j] = covariance[j * d + k]
  return { mean, covariance }
}

const traceOf = (a: Float64Array, d: number): number => {
  let sum = 0
  for (let j = 0; j < d; j++) sum += a[j * d + j]
  return sum
}

/**
 * Columns l₁ … l_r of a positive semidefinite A [d,d] = Σ lᵢlᵢ', largest pivots first (Golub & Van Loan 4.2.8). r is the
 * rank of A: with fewer pictures than features it is smaller than d.
 */
function factor(a: Float64Array, d: number): Float64Array[] {
  const left = Float64Array.from({ length: d }, (_, j) => a[j * d + j])
  const smallest = d * Number.EPSILON * left.reduce((top, value) => Math.max(top, value), 0)
  const columns: Float64Array[] = []
  while (columns.length < d) {
    const pivot = left.indexOf(left.reduce((top, value) => Math.max(top, value)))
    if (!(left[pivot] > smallest)) break
    const column = a.slice(pivot * d, (pivot + 1) * d)
    for (const before of columns) {
      const share = before[pivot]
      for (let j = 0; j < d; j++) column[j] -= share * before[j]
    }
    const root = Math.sqrt(left[pivot])
    for (let j = 0; j < d; j++) {
      column[j] /= root
      left[j] -= column[j] ** 2
    }
    left[pivot] = 0
    columns.push(column)
  }
  return columns
}

/**
 * Tr((Σ₁Σ₂)^½). With Σ₁ = LL' the product has the eigenvalues of L'Σ₂L, which is symmetric: no root of a matrix is needed,
 * nor is there trouble where Σ₁ has no inverse.
 */
export function traceOfRoot(first: Float64Array, second: Float64Array, d: number): number {
  const columns = factor(first, d)
  const r = columns.length
  const product = new Float64Array(r * r)
  const image = new Float64Array(d)
  for (let i = 0; i < r; i++) {
    for (let j = 0; j < d; j++) {
      let sum = 0
      for (let k = 0; k < d; k++) sum += second[j * d + k] * columns[i][k]
      image[j] = sum
    }
    for (let k = 0; k <= i; k++) {
      let sum = 0
      for (let j = 0; j < d; j++) sum += columns[k][j] * image[j]
      product[i * r + k] = product[k * r + i] = sum
    }
  }
  const values = eigenvalues(product, r)
  // What is this small beside the largest is rounding, and a root would make it large.
  const noise = r * Number.EPSILON * (values[r - 1] ?? 0)
  return values.reduce((sum, value) => sum + (value > noise ? Math.sqrt(value) : 0), 0)
}

/**
 * Fréchet distance of two sets of features [n,d], each taken as a Gaussian: ‖μ₁−μ₂‖² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) (Heusel et
 * al. 2017, Eq. 6). With features of Inception-v3 it is called FID, with any others FD. It is too large for few rows: compare
 * only distances of sets of the same sizes.
 */
export function frechetDistance(a: Matrix, b: Matrix): number {
  const d = a.columns
  if (b.columns !== d) throw new Error(`Fréchet distance: both sets need the same features, got ${d} and ${b.columns} a picture`)
  if (a.rows < 2 || b.rows < 2)
    throw new Error(`Fréchet distance: wants at least 2 pictures a set, since one has no spread; got ${a.rows} and ${b.rows}`)
  const [first, second] = [momentsOf(a), momentsOf(b)]
  const apart = first.mean.reduce((sum, value, j) => sum + (value - second.mean[j]) ** 2, 0)
  const root =
    a.rows <= b.rows ? traceOfRoot(first.covariance, second.covariance, d) : traceOfRoot(second.covariance, first.covariance, d)
  return Math.max(0, apart + traceOf(first.covariance, d) + traceOf(second.covariance, d) - 2 * root)
}
