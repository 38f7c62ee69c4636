import { sizeOf, tensor, type Tensor } from './tensor.ts'

/**
 * A stream of random numbers whose whole state is one 32-bit integer (mulberry32, period 2³²), so that training can store
 * it in a checkpoint and go on exactly where it stopped.
 */
export class Random {
  state: number

  constructor(state: number) {
    this.state = state >>> 0
  }

  /** Uniform in [0,1), 32 bits. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let z = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }

  /** Uniform over 0 … n-1. */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }

  /** Standard normal, by Box–Muller; takes two uniform draws. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }
}

/** Neighbouring seeds start far apart: the seed is mixed once (the finaliser of MurmurHash3). */
function mixed(seed: number): number {
  let h = seed | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)) >>> 0
}

/** A stream that is a pure function of `seed`, any integer up to 2⁵³. */
export const random = (seed: number): Random => new Random(mixed(seed))

/** The stream that continues from a stored `state`. */
export const restored = (state: number): Random => new Random(state)

/** Standard normal noise that is a pure function of (shape, seed). */
export function gaussian(shape: readonly number[], seed: number): Tensor {
  const stream = random(seed)
  const data = new Float32Array(sizeOf(shape))
  for (let i = 0; i < data.length; i++) data[i] = stream.normal()
  return tensor(shape, data)
}

/** 0 … n-1 in random order (Fisher–Yates); a pure function of (n, seed). */
export function shuffled(n: number, seed: number): Uint32Array {
  const stream = random(seed)
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = stream.int(i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
