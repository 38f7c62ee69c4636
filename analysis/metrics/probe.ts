import { auroc } from './auroc.ts'
import { kFold, type Fold } from './folds.ts'
import { fitMultinomial } from './logistic.ts'
import { checkLabels, takeLabels, type Labels, type Matrix } from './matrix.ts'
import { scaledFold } from './standardize.ts'
import { meanOf, stdOf } from './statistics.ts'

export type ProbeAccuracy = {
  /** Share of test images whose class the probe names: mean and population std over folds. */
  readonly accuracy: number
  readonly std: number
  readonly perFold: readonly number[]
  /** One-vs-rest AUROC of the probe's probabilities per class, mean over folds; `null` where a class is absent (or alone) in every fold. */
  readonly oneVsRest: readonly (number | null)[]
}

function foldProbe(s: Matrix, classes: Labels, count: number, fold: Fold) {
  const scaled = scaledFold(s, fold)
  const truth = takeLabels(classes, fold.test)
  const { data } = fitMultinomial(scaled.train, takeLabels(classes, fold.train), count).probabilities(scaled.test)
  const probability = (i: number, k: number) => data[i * count + k]
  const all = Array.from({ length: count }, (_, k) => k)
  const right = truth.filter((label, i) => all.every(k => probability(i, label) >= probability(i, k))).length
  return {
    accuracy: right / truth.length,
    oneVsRest: all.map((k) => auroc(truth.map((label) => (label === k ? 1 : 0)), truth.map((_, i) => probability(i, k)))), // prettier-ignore
  }
}

/**
 * Accuracy of a multinomial linear probe on s. For sets with classes instead of attributes this is what the authors'
 * tool computes and the paper's table calls "Latent AUROC" (spec section 7.2); the true AUROC stands beside it.
 * `classes` are 0 … count-1.
 */
export function probeAccuracy(s: Matrix, classes: Labels, folds: readonly Fold[] = kFold(s.rows)): ProbeAccuracy {
  checkLabels(s, [classes])
  const count = Array.from(classes).reduce((top, label) => Math.max(top, label + 1), 0)
  const wrong = Array.from(classes).find(label => !Number.isInteger(label) || label < 0)
  if (wrong !== undefined) throw new Error(`probeAccuracy: classes are 0, 1, 2, …, got ${wrong}`)
  const results = folds.map(fold => foldProbe(s, classes, count, fold))
  const perFold = results.map(({ accuracy }) => accuracy)
  return {
    accuracy: meanOf(perFold) ?? 0,
    std: stdOf(perFold) ?? 0,
    perFold,
    oneVsRest: Array.from({ length: count }, (_, k) => meanOf(results.map(({ oneVsRest }) => oneVsRest[k]))),
  }
}
