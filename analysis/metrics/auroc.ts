import { checkLabels, type Labels, type Matrix } from './matrix.ts'

/**
 * Area under the ROC curve = P(score of a positive > score of a negative) + ½ P(equal) (Mann-Whitney).
 * Labels are 0 or 1. `null` when only one class is there: the question has no answer then.
 */
export const auroc = (labels: Labels, scores: ArrayLike<number>): number | null => aurocs([labels], scores)[0]

/** `auroc` of several attributes for one list of scores, which is sorted once. */
export function aurocs(attributes: readonly Labels[], scores: ArrayLike<number>): (number | null)[] {
  const n = scores.length
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => scores[i] - scores[j])
  const rank = new Float64Array(n)
  for (let from = 0, to = 0; from < n; from = to) {
    while (to < n && scores[order[to]] === scores[order[from]]) to++
    if (to === from) throw new Error(`auroc: score ${order[from]} is not a number`)
    for (let i = from; i < to; i++) rank[order[i]] = (from + to + 1) / 2
  }
  return attributes.map(labels => {
    let positives = 0
    let rankSum = 0
    for (let i = 0; i < n; i++) if (labels[i] === 1) (positives++, (rankSum += rank[i]))
    const pairs = positives * (n - positives)
    return pairs ? (rankSum - (positives * (positives + 1)) / 2) / pairs : null
  })
}

/**
 * How well each column of s alone tells each attribute, whichever sign it has: [attribute][column] = max(AUROC, 1 - AUROC)
 * (spec section 7.1). Columns are compared as float32, as the authors' code does. A constant attribute gives `null`.
 */
export function aurocMatrix(s: Matrix, attributes: readonly Labels[]): (Float64Array | null)[] {
  checkLabels(s, attributes)
  const table = attributes.map(() => new Float64Array(s.columns))
  const constant = new Set<number>()
  const column = new Float32Array(s.rows)
  for (let j = 0; j < s.columns; j++) {
    for (let i = 0; i < s.rows; i++) column[i] = s.data[i * s.columns + j]
    for (const [a, value] of aurocs(attributes, column).entries())
      if (value === null) constant.add(a)
      else table[a][j] = Math.max(value, 1 - value)
  }
  return table.map((row, a) => (constant.has(a) ? null : row))
}
