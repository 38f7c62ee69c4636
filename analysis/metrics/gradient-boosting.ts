import { shuffled } from '../../model/noise.ts'
import { type Labels, type Matrix } from './matrix.ts'
import { growTree, leafOf, type Presorted, type Tree } from './tree.ts'

/** scikit-learn's defaults of GradientBoostingClassifier, which spec section 7.3 asks for. */
const stages = 100
const rate = 0.1

/** A fitted classifier. */
export type Boosted = {
  /** How much each column took part in telling the classes: its share of all squared error taken away, sum 1; all 0 when nothing could be told. */
  readonly importances: Float64Array
  /** The class of every row. */
  predict(x: Matrix): Float64Array
}

type Stage = { readonly tree: Tree; readonly values: Float64Array }

/** Scores [N,K] (K = 1 for two classes: the log odds of the second) to what is missing in class k: 1 or 0 minus its probability. */
function residuals(scores: readonly Float64Array[], k: number, isClass: (row: number) => boolean): Float64Array {
  return scores[k].map((score, i) => {
    if (scores.length === 1) return (isClass(i) ? 1 : 0) - 1 / (1 + Math.exp(-score))
    let sum = 0
    for (const other of scores) sum += Math.exp(other[i] - score)
    return (isClass(i) ? 1 : 0) - 1 / sum
  })
}

/** One Newton step of the log loss in every leaf (Friedman 2001, Algorithms 5 and 6), times the learning rate. */
function leafValues({ leaf, column }: Tree, missing: Float64Array, classes: number): Float64Array {
  const [slope, curvature] = [new Float64Array(column.length), new Float64Array(column.length)]
  for (let i = 0; i < leaf.length; i++) {
    slope[leaf[i]] += missing[i]
    const p = Math.abs(missing[i])
    curvature[leaf[i]] += p * (1 - p)
  }
  const factor = classes > 2 ? (classes - 1) / classes : 1
  return slope.map((sum, node) => (curvature[node] < 1e-150 ? 0 : (rate * factor * sum) / curvature[node]))
}

/**
 * Gradient boosting with trees and log loss (Friedman 2001, "Greedy function approximation"): 100 stages of trees of
 * depth 3 at a learning rate of .1, begun at the frequencies of the classes; scikit-learn's classifier with its defaults.
 * `seed` decides between columns that tell the same. Labels are class numbers. With a single class there is nothing to tell: that class is always predicted.
 */
export function fitBoosted(table: Presorted, labels: Labels, seed = 0): Boosted {
  const columns = table.columns.length
  const classes = [...new Set(Array.from(labels))].sort((a, b) => a - b)
  const outputs = classes.length === 2 ? [classes[1]] : classes
  const share = (label: number) => Array.from(labels).filter(other => other === label).length / table.rows
  const start = outputs.map(label =>
    classes.length === 2 ? Math.log(share(label) / (1 - share(label))) : Math.log(share(label)),
  )
  const scores = start.map(score => new Float64Array(table.rows).fill(score))
  const importances = new Float64Array(columns)
  const grown: Stage[][] = []
  for (let stage = 0; stage < stages && classes.length > 1; stage++) {
    const missing = outputs.map((label, k) => residuals(scores, k, i => labels[i] === label))
    const trees = missing.map((target, k): Stage => {
      const tree = growTree(table, target, shuffled(columns, seed + stage * outputs.length + k))
      return { tree, values: leafValues(tree, target, classes.length) }
    })
    for (const [k, { tree, values }] of trees.entries()) {
      for (let i = 0; i < table.rows; i++) scores[k][i] += values[tree.leaf[i]]
      tree.column.forEach((column, node) => column >= 0 && (importances[column] += tree.gain[node]))
    }
    grown.push(trees)
  }
  const total = importances.reduce((sum, gain) => sum + gain, 0)
  return {
    importances: total > 0 ? importances.map(gain => gain / total) : importances,
    predict: x => Float64Array.from({ length: x.rows }, (_, row) => classOf(x, row, start, grown, classes)),
  }
}

/** The likeliest class of one row. */
function classOf(x: Matrix, row: number, start: readonly number[], grown: readonly Stage[][], classes: readonly number[]) {
  const value = (j: number) => Math.fround(x.data[row * x.columns + j])
  const scores = start.map((score, k) => grown.reduce((sum, stage) => sum + stage[k].values[leafOf(stage[k].tree, value)], score))
  if (classes.length === 2) return classes[scores[0] > 0 ? 1 : 0]
  return classes[scores.indexOf(Math.max(...scores))]
}
