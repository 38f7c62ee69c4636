/**
 * Eigenvalues of a symmetric matrix [n,n], ascending: Householder's tridiagonal form, then QL with implicit shifts
 * (Golub & Van Loan, Matrix Computations, 8.3). About 2n³ operations.
 */
export function eigenvalues(symmetric: Float64Array, n: number): Float64Array {
  const { diagonal, beside } = tridiagonal(symmetric.slice(), n)
  return qlEigenvalues(diagonal, beside).sort()
}

/** Q'AQ for an orthogonal Q, zero but for the diagonal and the entries beside it. Writes into `a`. */
function tridiagonal(a: Float64Array, n: number): { diagonal: Float64Array; beside: Float64Array } {
  const beside = new Float64Array(n)
  const v = new Float64Array(n)
  const w = new Float64Array(n)
  for (let k = 0; k < n - 2; k++) {
    let scale = 0
    for (let i = k + 1; i < n; i++) scale = Math.max(scale, Math.abs(a[i * n + k]))
    if (scale === 0) continue
    let norm = 0
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k] / scale
      norm += v[i] ** 2
    }
    // The reflection I − 2vv'/v'v takes column k to ∓‖column‖ in its first entry; the sign avoids cancellation.
    const length = v[k + 1] > 0 ? -Math.sqrt(norm) : Math.sqrt(norm)
    beside[k] = scale * length
    const beta = 1 / (norm - v[k + 1] * length)
    v[k + 1] -= length
    let half = 0
    for (let i = k + 1; i < n; i++) {
      let sum = 0
      for (let j = k + 1; j < n; j++) sum += a[i * n + j] * v[j]
      w[i] = beta * sum
      half += (beta / 2) * w[i] * v[i]
    }
    for (let i = k + 1; i < n; i++) w[i] -= half * v[i]
    for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) a[i * n + j] -= v[i] * w[j] + w[i] * v[j]
  }
  if (n > 1) beside[n - 2] = a[(n - 1) * n + n - 2]
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]), beside }
}

/** Eigenvalues of a tridiagonal matrix; `beside[i]` stands between diagonal entries i and i+1. Writes into both. */
function qlEigenvalues(diagonal: Float64Array, beside: Float64Array): Float64Array {
  const n = diagonal.length
  for (let first = 0; first < n; first++)
    for (let round = 0; ; round++) {
      let last = first
      while (last < n - 1 && !isNegligible(diagonal, beside, last)) last++
      if (last === first) break
      if (round === 60) throw new Error(`eigenvalues: no convergence for a matrix of ${n}; is every entry a finite number?`)
      sweep(diagonal, beside, first, last)
    }
  return diagonal
}

const isNegligible = (diagonal: Float64Array, beside: Float64Array, i: number): boolean =>
  Math.abs(beside[i]) <= Number.EPSILON * (Math.abs(diagonal[i]) + Math.abs(diagonal[i + 1]))

/** One QL sweep over entries first … last with Wilkinson's shift, as plane rotations from below. */
function sweep(diagonal: Float64Array, beside: Float64Array, first: number, last: number): void {
  const slope = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first])
  const root = Math.hypot(slope, 1)
  let g = diagonal[last] - diagonal[first] + beside[first] / (slope + (slope < 0 ? -root : root))
  let [sine, cosine, taken] = [1, 1, 0]
  for (let i = last - 1; i >= first; i--) {
    const f = sine * beside[i]
    const b = cosine * beside[i]
    const r = Math.hypot(f, g)
    beside[i + 1] = r
    if (r === 0) {
      // The matrix fell apart here: go on with what is left.
      diagonal[i + 1] -= taken
      beside[last] = 0
      return
    }
    sine = f / r
    cosine = g / r
    const shifted = diagonal[i + 1] - taken
    const turned = (diagonal[i] - shifted) * sine + 2 * cosine * b
    taken = sine * turned
    diagonal[i + 1] = shifted + taken
    g = cosine * turned - b
  }
  diagonal[first] -= taken
  beside[first] = g
  beside[last] = 0
}
