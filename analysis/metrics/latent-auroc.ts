import { auroc } from './auroc.ts'
import { kFold, type Fold } from './folds.ts'
import { fitLogistic } from './logistic.ts'
import { checkLabels, takeLabels, type Labels, type Matrix } from './matrix.ts'
import { scaledFold } from './standardize.ts'
import { meanOf, stdOf } from './statistics.ts'

export type LatentAuroc = {
  /** Mean over attributes, then over folds; `null` when no attribute could be judged. */
  readonly mean: number | null
  /** Population standard deviation over folds. */
  readonly std: number | null
  /** Mean over folds, one entry an attribute; `null` where an attribute has one class in the train or test part of every fold. */
  readonly attributes: readonly (number | null)[]
}

const hasBothClasses = (labels: Labels): boolean => {
  const positives = Array.from(labels).filter(label => label === 1).length
  return positives > 0 && positives < labels.length
}

/** AUROC on the test part of a linear probe fitted on the train part, per attribute. */
function foldAurocs(s: Matrix, attributes: readonly Labels[], fold: Fold): (number | null)[] {
  const scaled = scaledFold(s, fold)
  return attributes.map(labels => {
    const known = takeLabels(labels, fold.train)
    if (!hasBothClasses(known)) return null
    const probabilities = fitLogistic(scaled.train, known).probabilities(scaled.test).data
    return auroc(
      takeLabels(labels, fold.test),
      probabilities.filter((_, i) => i % 2 === 1),
    )
  })
}

/**
 * Latent AUROC (spec section 7.2): how well a linear probe on s tells binary attributes. Five folds as the authors draw
 * them unless others are given; one `split(n, k)` is the plain train/test variant.
 */
export function latentAuroc(s: Matrix, attributes: readonly Labels[], folds: readonly Fold[] = kFold(s.rows)): LatentAuroc {
  checkLabels(s, attributes)
  const perFold = folds.map(fold => foldAurocs(s, attributes, fold))
  const foldMeans = perFold.map(meanOf)
  return {
    mean: meanOf(foldMeans),
    std: stdOf(foldMeans),
    attributes: attributes.map((_, a) => meanOf(perFold.map(fold => fold[a]))),
  }
}
