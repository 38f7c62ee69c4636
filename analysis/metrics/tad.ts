import { aurocMatrix } from './auroc.ts'
import { kFold, type Fold } from './folds.ts'
import { checkLabels, takeLabels, type Labels, type Matrix } from './matrix.ts'
import { scaledFold } from './standardize.ts'
import { meanOf, stdOf } from './statistics.ts'

/** Spec section 7.1: an attribute counts when one column tells it this well and no other attribute tells it almost as well. */
export const capturedAt = { auroc: 0.75, redundancy: 0.2 } as const

export type AttributeCapture = {
  /** Best single column of s, and its AUROC (either sign). */
  readonly column: number
  readonly best: number
  /** AUROC of the next best column; 0 when there is only one column, as in the authors' code. */
  readonly second: number
  readonly gap: number
  /** Largest mutual information with another attribute, over the attribute's own entropy. */
  readonly redundancy: number
  readonly captured: boolean
}

export type Tad = {
  /** Sum (not mean) of the gaps of captured attributes. */
  readonly tad: number
  readonly captured: number
  /** One entry an attribute; `null` for an attribute that is constant here: nothing can be said about it. */
  readonly attributes: readonly (AttributeCapture | null)[]
}

/** Mutual information of two binary attributes in nats; of an attribute with itself, its entropy. */
export function mutualInformation(a: Labels, b: Labels): number {
  const joint = [0, 0, 0, 0]
  for (let i = 0; i < a.length; i++) joint[2 * (a[i] === 1 ? 1 : 0) + (b[i] === 1 ? 1 : 0)] += 1 / a.length
  const [p00, p01, p10, p11] = joint
  const term = (p: number, pa: number, pb: number): number => (p > 0 ? p * Math.log(p / (pa * pb)) : 0)
  const [a0, a1, b0, b1] = [p00 + p01, p10 + p11, p00 + p10, p01 + p11]
  return term(p00, a0, b0) + term(p01, a0, b1) + term(p10, a1, b0) + term(p11, a1, b1)
}

function captureOf(row: Float64Array, redundancy: number): AttributeCapture {
  const column = row.indexOf(row.reduce((a, b) => Math.max(a, b)))
  const best = row[column]
  const second = row.reduce((top, value, j) => (j === column ? top : Math.max(top, value)), 0)
  return {
    column,
    best,
    second,
    gap: best - second,
    redundancy,
    captured: best >= capturedAt.auroc && redundancy <= capturedAt.redundancy,
  }
}

/**
 * Total AUROC Difference (spec section 7.1, from NashAE by way of InfoDiffusion): how much one entry of s alone stands
 * for one attribute. `s` is standardised by the caller where the protocol asks for it (only ranks matter, up to float32 ties).
 */
export function tad(s: Matrix, attributes: readonly Labels[]): Tad {
  checkLabels(s, attributes)
  const captures = aurocMatrix(s, attributes).map((row, i) => {
    if (!row) return null
    const others = attributes.filter((_, k) => k !== i).map(other => mutualInformation(attributes[i], other))
    return captureOf(row, Math.max(0, ...others) / mutualInformation(attributes[i], attributes[i]))
  })
  const captured = captures.filter(capture => capture?.captured)
  return { tad: captured.reduce((sum, capture) => sum + (capture?.gap ?? 0), 0), captured: captured.length, attributes: captures }
}

export type TadOverFolds = {
  readonly tad: number
  readonly tadStd: number
  readonly captured: number
  readonly capturedStd: number
}

/** The published protocol: TAD of the standardised train part of every fold; mean and population deviation over folds. */
export function tadOverFolds(s: Matrix, attributes: readonly Labels[], folds: readonly Fold[] = kFold(s.rows)): TadOverFolds {
  const perFold = folds.map(fold =>
    tad(
      scaledFold(s, fold).train,
      attributes.map(labels => takeLabels(labels, fold.train)),
    ),
  )
  const [tads, captured] = [perFold.map(fold => fold.tad), perFold.map(fold => fold.captured)]
  return { tad: meanOf(tads) ?? 0, tadStd: stdOf(tads) ?? 0, captured: meanOf(captured) ?? 0, capturedStd: stdOf(captured) ?? 0 }
}
