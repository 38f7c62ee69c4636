import { random, type Random } from '../../model/noise.ts'
import type { Matrix } from './matrix.ts'
import { meanOf, stdOf } from './statistics.ts'

type Kernel = (i: number, j: number) => number

/** (x·y/d + 1)³ of row i of one set and row j of another. */
function kernelOf(x: Matrix, y: Matrix): Kernel {
  const d = x.columns
  const [xs, ys] = [x.data, y.data]
  return (i, j) => {
    let sum = 0
    for (let k = 0; k < d; k++) sum += xs[i * d + k] * ys[j * d + k]
    return (sum / d + 1) ** 3
  }
}

/** Pairs of rows whose kernel is remembered: 32 MB. Subsets meet the same pairs again and again. */
const mostKept = 4e6

function remembered(kernel: Kernel, rows: number, columns: number): Kernel {
  if (rows * columns > mostKept) return kernel
  const kept = new Float64Array(rows * columns).fill(NaN)
  return (i, j) => {
    const at = i * columns + j
    return Number.isNaN(kept[at]) ? (kept[at] = kernel(i, j)) : kept[at]
  }
}

/** Mean of the kernel over pairs of different rows of one set. */
function within(kernel: Kernel, rows: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < rows.length; i++) for (let j = 0; j < i; j++) sum += kernel(rows[i], rows[j])
  return (2 * sum) / (rows.length * (rows.length - 1))
}

function between(kernel: Kernel, rows: Uint32Array, others: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < rows.length; i++) for (let j = 0; j < others.length; j++) sum += kernel(rows[i], others[j])
  return sum / (rows.length * others.length)
}

const allRows = ({ rows }: Matrix): Uint32Array => Uint32Array.from({ length: rows }, (_, i) => i)

/** Squared maximum mean discrepancy with the cubic kernel, unbiased (Gretton et al. 2012, Eq. 3): it may fall below 0. */
export const mmd2 = (x: Matrix, y: Matrix): number =>
  within(kernelOf(x, x), allRows(x)) + within(kernelOf(y, y), allRows(y)) - 2 * between(kernelOf(x, y), allRows(x), allRows(y))

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
  const kernel = (x: Matrix, y: Matrix) => remembered(kernelOf(x, y), x.rows, y.rows)
  const [ofA, ofB, ofBoth] = [kernel(a, a), kernel(b, b), kernel(a, b)]
  const values = Array.from({ length: subsets }, () => {
    const [inA, inB] = [drawRows(a.rows, size, stream), drawRows(b.rows, size, stream)]
    return within(ofA, inA) + within(ofB, inB) - 2 * between(ofBoth, inA, inB)
  })
  return {
    mean: meanOf(values) ?? 0,
    std: a.rows > size || b.rows > size ? stdOf(values) : null,
    subsets,
    size,
  }
}
