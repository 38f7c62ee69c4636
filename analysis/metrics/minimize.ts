/** Value of a function at `x`; the gradient is written into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number

export type MinimizeOptions = {
  /** Stop when no entry of the gradient is larger. */
  readonly tolerance?: number
  readonly maxIterations?: number
  /** Pairs of steps remembered. */
  readonly memory?: number
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

const addScaled = (a: Float64Array, c: number, b: Float64Array): Float64Array => a.map((value, i) => value + c * b[i])

type Pair = { readonly step: Float64Array; readonly change: Float64Array; readonly rho: number }

/** -H·g by the two-loop recursion (Nocedal & Wright, algorithm 7.4). */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  let q: Float64Array = gradient.slice()
  const alphas: number[] = []
  for (const { step, change, rho } of [...pairs].reverse()) {
    const alpha = rho * dot(step, q)
    alphas.unshift(alpha)
    q = addScaled(q, -alpha, change)
  }
  const last = pairs.at(-1)
  const gamma = last ? 1 / (last.rho * dot(last.change, last.change)) : 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)))
  q = q.map(value => value * gamma)
  for (const [i, { step, change, rho }] of pairs.entries()) q = addScaled(q, alphas[i] - rho * dot(change, q), step)
  return q.map(value => -value)
}

/**
 * L-BFGS with a backtracking line search, for smooth convex functions of up to a few thousand numbers: the probes.
 * (npm has no kept L-BFGS; `ml-logistic-regression` is plain gradient descent.) Changes nothing it is given.
 */
export function minimize(objective: Objective, start: Float64Array, options: MinimizeOptions = {}): Float64Array {
  const { tolerance = 1e-6, maxIterations = 1000, memory = 10 } = options
  let x: Float64Array = start.slice()
  let gradient: Float64Array = new Float64Array(x.length)
  let value = objective(x, gradient)
  const pairs: Pair[] = []
  for (let iteration = 0; iteration < maxIterations && gradient.some(g => Math.abs(g) > tolerance); iteration++) {
    const along = direction(gradient, pairs)
    const slope = dot(along, gradient)
    const nextGradient = new Float64Array(x.length)
    let length = 1
    let next = addScaled(x, length, along)
    let nextValue = objective(next, nextGradient)
    while (!(nextValue <= value + 1e-4 * length * slope) && length > 1e-12) {
      length /= 2
      next = addScaled(x, length, along)
      nextValue = objective(next, nextGradient)
    }
    // Rounding leaves nothing to gain.
    if (!(nextValue <= value)) break
    const step = addScaled(next, -1, x)
    const change = addScaled(nextGradient, -1, gradient)
    const curvature = dot(step, change)
    if (curvature > 1e-12 * dot(change, change)) pairs.push({ step, change, rho: 1 / curvature })
    if (pairs.length > memory) pairs.shift()
    ;[x, gradient, value] = [next, nextGradient, nextValue]
  }
  return x
}
