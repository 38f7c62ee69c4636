/** A smooth convex function of n numbers. Of the Hessian (n×n, row-major) only the lower triangle is filled in and read. */
export type Convex = {
  value(x: Float64Array): number
  /** Adds nothing to what is there: both arrays come in as zeros. */
  derivatives(x: Float64Array, gradient: Float64Array, hessian: Float64Array): void
}

/** L of A = L·Lᵀ, in place of A's lower triangle. A tiny ridge keeps directions that the function does not see solvable. */
function cholesky(a: Float64Array, n: number): void {
  let largest = 0
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i])
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] + (i === j ? 1e-10 * largest : 0)
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k]
      a[i * n + j] = i === j ? Math.sqrt(Math.max(sum, Number.EPSILON * largest)) : sum / a[j * n + j]
    }
}

/** x of L·Lᵀ·x = b. */
function solve(l: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  const x = b.slice()
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= l[i * n + k] * x[k]
    x[i] /= l[i * n + i]
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= l[k * n + i] * x[k]
    x[i] /= l[i * n + i]
  }
  return x
}

/**
 * Where a convex function is smallest: Newton's method with step halving, until no entry of the gradient is larger than
 * `tolerance`. For up to a few thousand numbers. Entries of s are often nearly copies of each other; there Newton needs
 * ten steps where L-BFGS needed thousands.
 */
export function minimize(f: Convex, start: Float64Array, { tolerance = 1e-6, maxIterations = 100 } = {}): Float64Array {
  const n = start.length
  let x: Float64Array = start.slice()
  let value = f.value(x)
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const gradient = new Float64Array(n)
    const hessian = new Float64Array(n * n)
    f.derivatives(x, gradient, hessian)
    if (gradient.every(g => Math.abs(g) <= tolerance)) break
    cholesky(hessian, n)
    const step = solve(hessian, gradient)
    const slope = step.reduce((sum, value, i) => sum + value * gradient[i], 0)
    let length = 1
    let next: Float64Array
    let nextValue: number
    do {
      next = x.map((at, i) => at - length * step[i])
      nextValue = f.value(next)
    } while (!(nextValue <= value - 1e-4 * length * slope) && (length /= 2) > 1e-10)
    // Rounding leaves nothing to gain.
    if (!(nextValue < value)) break
    ;[x, value] = [next, nextValue]
  }
  return x
}
