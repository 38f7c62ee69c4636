/** How alike the prototypes of one model are, and those of two models when matched one to one (the distinct loss's ablation). */
import { dims, type Tensor } from '../model/tensor.ts'
import { pearson } from './metrics/correlation.ts'
import { column } from './ranges.ts'

/** |cos| of each prototype [m,D] with the one most like it; empty for a single prototype. Vectors of zeros are like nothing. */
export function nearestCosines(prototypes: Tensor): number[] {
  const { m, D } = dims(prototypes, 'm D')
  const vector = (j: number) => prototypes.data.subarray(j * D, (j + 1) * D)
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d], 0)
  const lengths = Array.from({ length: m }, (_, j) => Math.sqrt(dot(vector(j), vector(j))))
  const cosine = (i: number, j: number) =>
    lengths[i] && lengths[j] ? Math.abs(dot(vector(i), vector(j))) / (lengths[i] * lengths[j]) : 0
  if (m < 2) return []
  return Array.from({ length: m }, (_, i) => Math.max(...Array.from({ length: m }, (_, j) => (j === i ? 0 : cosine(i, j)))))
}

export type Match = { readonly own: number; readonly other: number; readonly correlation: number }

/** The prototypes of two models paired one to one so that s over the same pictures, [N,m] and [N,m'], agrees most in all. */
export function matchPrototypes(s: Tensor, other: Tensor): Match[] {
  const [mine, theirs] = [s, other].map(table => Array.from({ length: table.shape[1] }, (_, j) => column(table, j)))
  const correlation = mine.map(values => theirs.map(others => pearson(values, others) ?? 0))
  return assign(correlation.map(row => row.map(value => -value))).flatMap((j, i) =>
    j === null ? [] : [{ own: i, other: j, correlation: correlation[i][j] }],
  )
}

/**
 * Rows to columns, each at most once, at least total cost: the Hungarian method with potentials, O(n²m) (Kuhn 1955; shortest
 * augmenting paths after Jonker & Volgenant 1987). More rows than columns: `null` for the rows that get none.
 */
export function assign(cost: readonly (readonly number[])[]): (number | null)[] {
  const [n, m] = [cost.length, cost[0]?.length ?? 0]
  if (n > m) {
    const columns = assign(Array.from({ length: m }, (_, j) => cost.map(row => row[j])))
    const rows = new Array<number | null>(n).fill(null)
    for (const [j, i] of columns.entries()) rows[i!] = j
    return rows
  }
  // Rows and columns count from 1; 0 is the free place that the search starts from.
  const [u, v] = [new Float64Array(n + 1), new Float64Array(m + 1)]
  const rowOf = new Int32Array(m + 1)
  for (let i = 1; i <= n; i++) {
    rowOf[0] = i
    const [least, from] = [new Float64Array(m + 1).fill(Infinity), new Int32Array(m + 1)]
    const seen = new Uint8Array(m + 1)
    let at = 0
    while (rowOf[at] !== 0) {
      seen[at] = 1
      const row = rowOf[at]
      let next = 0
      for (let j = 1; j <= m; j++) {
        if (seen[j]) continue
        const slack = cost[row - 1][j - 1] - u[row] - v[j]
        if (slack < least[j]) ((least[j] = slack), (from[j] = at))
        if (next === 0 || least[j] < least[next]) next = j
      }
      const step = least[next]
      for (let j = 0; j <= m; j++)
        if (seen[j]) ((u[rowOf[j]] += step), (v[j] -= step))
        else least[j] -= step
      at = next
    }
    for (; at !== 0; at = from[at]) rowOf[at] = rowOf[from[at]]
  }
  const columns = new Array<number | null>(n).fill(null)
  for (let j = 1; j <= m; j++) if (rowOf[j] > 0) columns[rowOf[j] - 1] = j - 1
  return columns
}
