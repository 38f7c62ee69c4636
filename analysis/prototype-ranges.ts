/** How each prototype's activation is distributed over a representative set of pictures: its own plausible range. */
import type { PrototypeRange } from '../engine/patronus.ts'
import { dims, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { quantile } from './metrics/statistics.ts'

/** Bins of a stored histogram: enough to see two humps, few enough that thousands of prototypes stay a small file. */
const bins = 32

/** s [N,m] → one range a prototype. */
export function prototypeRanges(s: Tensor): PrototypeRange[] {
  const { N, m } = dims(s, 'N m')
  wantPictures('ranges of s', s)
  return Array.from({ length: m }, (_, j) => {
    const column = Float32Array.from({ length: N }, (_, i) => s.data[i * m + j]).sort()
    const mean = column.reduce((sum, v) => sum + v, 0) / N
    const std = Math.sqrt(column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / N)
    const q = (p: number) => quantile(column, p)
    const quantiles = { q01: q(0.01), q05: q(0.05), q15: q(0.15), q50: q(0.5), q85: q(0.85), q95: q(0.95), q99: q(0.99) }
    return { min: column[0], max: column[N - 1], mean, std, quantiles, histogram: histogramOf(column) }
  })
}

/** Counts of ascending values in `count` equal bins from the first to the last, which belongs to the last bin; all in the first when they are equal. */
export function histogramOf(ascending: ArrayLike<number>, count = bins): number[] {
  const counts = Array<number>(count).fill(0)
  const [min, max] = [ascending[0], ascending[ascending.length - 1]]
  for (let i = 0; i < ascending.length; i++)
    counts[max > min ? Math.min(count - 1, Math.floor(((ascending[i] - min) / (max - min)) * count)) : 0]++
  return counts
}
