/** The images a probe is fitted on and those it is judged on, as ascending row numbers. */
export type Fold = { readonly train: Uint32Array; readonly test: Uint32Array }

/**
 * MT19937 (Matsumoto & Nishimura 1998), seeded by one integer: the generator behind NumPy's RandomState. It is here so
 * that the folds are the very ones the authors' code draws; use model/noise.ts for everything else.
 */
export function mersenneTwister(seed: number): () => number {
  const N = 624
  const state = new Uint32Array(N)
  state[0] = seed >>> 0
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i
  let at = N
  const twist = () => {
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff)
      state[i] = state[(i + 397) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    at = 0
  }
  return () => {
    if (at === N) twist()
    let y = state[at++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
}

/** 0 … n-1 shuffled as NumPy's `RandomState(seed).shuffle` does: Fisher-Yates from the end, indices by masked rejection. */
export function numpyPermutation(n: number, seed: number): Uint32Array {
  const next = mersenneTwister(seed)
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1
    let j = (next() & mask) >>> 0
    while (j > i) j = (next() & mask) >>> 0
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

/** scikit-learn's `KFold(count, shuffle=True, random_state=seed)`, the protocol of spec section 7: 5 folds, seed 0. */
export function kFold(n: number, count = 5, seed = 0): Fold[] {
  if (n < 2) throw new Error(`kFold: ${count} folds want at least ${count} pictures, got ${n}; give more`)
  if (!Number.isInteger(count) || count < 2 || count > n)
    throw new Error(`kFold: wants 2 … ${n} folds of ${n} images, got ${count}`)
  const order = numpyPermutation(n, seed)
  let from = 0
  return Array.from({ length: count }, (_, k) => {
    const size = Math.floor(n / count) + (k < n % count ? 1 : 0)
    const test = order.slice(from, from + size).sort()
    from += size
    const held = new Set(test)
    return { test, train: Uint32Array.from({ length: n }, (_, i) => i).filter(i => !held.has(i)) }
  })
}

/** Train and test without shuffling: the first `trainRows` rows against the rest. For sets that were drawn at random anyway. */
export function split(n: number, trainRows: number): Fold {
  if (n < 2) throw new Error(`split: wants at least 2 pictures, to fit on some and judge on others; got ${n}`)
  if (!(trainRows >= 1 && trainRows < n))
    throw new Error(`split: wants 1 … ${n - 1} of ${n} images to train on, got ${trainRows}`)
  const all = Uint32Array.from({ length: n }, (_, i) => i)
  return { train: all.slice(0, trainRows), test: all.slice(trainRows) }
}
