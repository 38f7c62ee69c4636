/** Correlation of two lists of numbers; `null` when it does not exist: fewer than two pairs, or one list is constant. */

/** Pearson's product-moment correlation, -1 … 1. */
export function pearson(x: readonly number[], y: readonly number[]): number | null {
  if (x.length !== y.length) throw new Error(`correlation: wanted lists of one length, got ${x.length} and ${y.length}`)
  const n = x.length
  if (n < 2 || isConstant(x) || isConstant(y)) return null
  const [meanX, meanY] = [x, y].map(values => values.reduce((sum, value) => sum + value, 0) / n)
  let [xx, yy, xy] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [x[i] - meanX, y[i] - meanY]
    xx += dx * dx
    yy += dy * dy
    xy += dx * dy
  }
  const r = xy / Math.sqrt(xx * yy)
  return Number.isFinite(r) ? Math.min(1, Math.max(-1, r)) : null
}

const isConstant = (values: readonly number[]): boolean => values.every(value => value === values[0])

/** Spearman's rank correlation: Pearson's of the ranks, ties sharing the mean of their places. */
export const spearman = (x: readonly number[], y: readonly number[]): number | null => pearson(ranks(x), ranks(y))

/** Place of every value in ascending order, from 1; equal values share the mean of their places. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b])
  const places = new Array<number>(values.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && values[order[to]] === values[order[from]]) to++
    for (let i = from; i < to; i++) places[order[i]] = (from + to + 1) / 2
    from = to
  }
  return places
}
