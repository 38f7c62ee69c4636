import { random, type Random } from '../../model/noise.ts'
import { takeRows, type Matrix } from './matrix.ts'
import { meanOf, stdOf } from './statistics.ts'

/** (x·y/d + 1)³ of row i of one set and row j of another. */
function kernel(x: Matrix, i: number, y: Matrix, j: number): number {
  const d = x.columns
  let sum = 0
  for (let k = 0; k < d; k++) sum += x.data[i * d + k] * y.data[j * d + k]
  return (sum / d + 1) ** 3
}

/** Mean of the kernel over pairs of different rows of one set. */
function within(x: Matrix): number {
  let sum = 0
  for (let i = 0; i < x.rows; i++) for (let j = 0; j < i; j++) sum += kernel(x, i, x, j)
  return (2 * sum) / (x.rows * (x.rows - 1))
}

/** Squared maximum mean discrepancy with the cubic kernel, unbiased (Gretton et al. 2012, Eq. 3): it may fall below 0. */
export function mmd2(x: Matrix, y: Matrix): number {
  let between = 0
  for (let i = 0; i < x.rows; i++) for (let j = 0; j < y.rows; j++) between += kernel(x, i, y, j)
  return within(x) + within(y) - (2 * between) / (x.rows * y.rows)
}

export type Kid = {
  readonly mean: number
  /** Population standard deviation over subsets; `null` when they all hold the same rows. */
  readonly std: number | null
  readonly subsets: number
  /** Rows of each set in a subset. */
  readonly size: number
}

/** `count` different rows of 0 … n-1. */
function drawRows(n: number, count: number, stream: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < count; i++) {
    const j = i + stream.int(n - i)
    const held = order[i]
    order[i] = order[j]
    order[j] = held
  }
  return order.subarray(0, count)
}

/**
 * Kernel distance of two sets of features [n,d] (Bińkowski et al. 2018, arXiv:1801.01401, Sec. 4): unbiased MMD² over 100
 * subsets of at most 1,000 rows, at most half of the smaller set, so that subsets differ. Unlike the Fréchet distance it
 * does not grow when pictures are few.
 */
export function kid(a: Matrix, b: Matrix, seed: number, subsets = 100): Kid {
  if (a.columns !== b.columns)
    throw new Error(`KID: both sets need the same features, got ${a.columns} and ${b.columns} a picture`)
  const fewer = Math.min(a.rows, b.rows)
  if (fewer < 2) throw new Error(`KID: wants at least 2 pictures a set, since pairs are compared; got ${a.rows} and ${b.rows}`)
  const size = Math.max(2, Math.min(1000, fewer >> 1))
  const stream = random(seed)
  const values = Array.from({ length: subsets }, () =>
    mmd2(takeRows(a, drawRows(a.rows, size, stream)), takeRows(b, drawRows(b.rows, size, stream))),
  )
  return {
    mean: meanOf(values) ?? 0,
    std: a.rows > size || b.rows > size ? stdOf(values) : null,
    subsets,
    size,
  }
}
