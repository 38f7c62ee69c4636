import type { Matrix } from './matrix.ts'

/** A table made ready for trees: each column once as it is and once ascending. Values are float32, as scikit-learn's trees have them. */
export type Presorted = {
  readonly rows: number
  /** [column][row] */
  readonly columns: readonly Float32Array[]
  /** [column][k]: the row with the k-th smallest value of the column. */
  readonly order: readonly Uint32Array[]
}

export function presort({ rows, columns, data }: Matrix): Presorted {
  const table = Array.from({ length: columns }, (_, j) => Float32Array.from({ length: rows }, (_, i) => data[i * columns + j]))
  const order = table.map(column => Uint32Array.from(column, (_, i) => i).sort((i, k) => column[i] - column[k]))
  return { rows, columns: table, order }
}

/** Levels of questions in a tree. */
const depth = 3
/** The nodes of a whole tree, numbered by level: node k has its children at 2k+1 and 2k+2. */
const nodes = 2 ** (depth + 1) - 1
/** Values nearer than this are one value to scikit-learn (FEATURE_THRESHOLD), and nodes flatter than `flat` are not split. */
const sameValue = 1e-7
const flat = Number.EPSILON
/** Relative difference of two improvements that may come from the order of their sums alone. */
const rounding = 1e-9

/** A regression tree: at node k, rows with `column[k]` above `threshold[k]` go right; `column[k]` = −1 ends there. */
export type Tree = {
  readonly column: Int32Array
  readonly threshold: Float64Array
  /** Squared error that the question of node k takes away. */
  readonly gain: Float64Array
  /** Node where each row the tree was grown on ends. */
  readonly leaf: Uint8Array
}

/** The node where a row ends; `value(j)` is its entry j. */
export function leafOf({ column, threshold }: Pick<Tree, 'column' | 'threshold'>, value: (j: number) => number): number {
  let node = 0
  while (column[node] >= 0) node = 2 * node + (value(column[node]) > threshold[node] ? 2 : 1)
  return node
}

/**
 * Grows a tree of depth 3 that predicts `target`, splitting where Friedman's improvement is largest (Friedman 2001,
 * Eq. 35; for one target it ranks splits as the squared error does). Exact: every place between two values is tried.
 * Small nodes are often parted alike by several columns; of these the first in `turn` wins, a random order of the columns
 * as in scikit-learn. In the order of the table the first columns would seem more important than they are.
 */
export function growTree(table: Presorted, target: Float64Array, turn: Uint32Array): Tree {
  const tree: Tree = {
    column: new Int32Array(nodes).fill(-1),
    threshold: new Float64Array(nodes),
    gain: new Float64Array(nodes),
    leaf: new Uint8Array(table.rows),
  }
  const order = table.order.map(ascending => ascending.slice())
  let open: Part[] = [{ node: 0, from: 0, to: table.rows }]
  for (let level = 0; level < depth; level++) {
    const split = open.filter(part => askBest(table, order, target, turn, part, tree))
    open = split.flatMap(part => partRows(table, order, part, tree, level + 1 < depth))
  }
  return tree
}

/** The rows of a node: `from` … `to`-1 of every column's order. */
type Part = { readonly node: number; readonly from: number; readonly to: number }

/** Writes the best question of a node into the tree; false when there is none. */
function askBest(
  { columns }: Presorted,
  order: readonly Uint32Array[],
  target: Float64Array,
  turn: Uint32Array,
  { node, from, to }: Part,
  tree: Tree,
): boolean {
  const count = to - from
  let sum = 0
  let squares = 0
  for (let k = from; k < to; k++) {
    const value = target[order[0][k]]
    sum += value
    squares += value * value
  }
  if (count < 2 || squares / count - (sum / count) ** 2 <= flat) return false
  let best = 0
  for (const j of turn) {
    const values = columns[j]
    const ascending = order[j]
    let left = 0
    let last = values[ascending[from]]
    for (let k = from; k < to; k++) {
      const value = values[ascending[k]]
      if (value - last > sameValue) {
        const before = k - from
        const after = to - k
        const difference = after * left - before * (sum - left)
        // Multiplied out: a division at every place would be most of the work.
        if (difference * difference > best * before * after * (1 + rounding)) {
          best = (difference * difference) / (before * after)
          tree.column[node] = j
          tree.threshold[node] = last / 2 + value / 2
        }
      }
      left += target[ascending[k]]
      last = value
    }
  }
  tree.gain[node] = best / count
  return best > 0
}

/** Sends the rows of a node to its children: in the tree's leaves and, when they may be parted again, in every column's order. */
function partRows({ columns }: Presorted, order: readonly Uint32Array[], part: Part, tree: Tree, again: boolean): Part[] {
  const { node, from, to } = part
  const values = columns[tree.column[node]]
  let middle = from
  for (let k = from; k < to; k++) {
    const row = order[0][k]
    const right = values[row] > tree.threshold[node]
    tree.leaf[row] = 2 * node + (right ? 2 : 1)
    if (!right) middle++
  }
  if (!again) return []
  const held = new Uint32Array(to - middle)
  for (const ascending of order) {
    let left = from
    let right = 0
    for (let k = from; k < to; k++) {
      const row = ascending[k]
      if (tree.leaf[row] === 2 * node + 1) ascending[left++] = row
      else held[right++] = row
    }
    ascending.set(held, left)
  }
  return [
    { node: 2 * node + 1, from, to: middle },
    { node: 2 * node + 2, from: middle, to },
  ]
}
