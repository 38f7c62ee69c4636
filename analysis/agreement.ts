import { dims, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { meanOf } from './metrics/statistics.ts'
import type { Labels } from './metrics/matrix.ts'

/** What a classifier read in pictures against what should be there. */
export type Confusion = {
  readonly truePositive: number
  readonly falseNegative: number
  readonly falsePositive: number
  readonly trueNegative: number
}

export type AttributeAgreement = {
  readonly name: string
  /** Share of pictures read right; `null` when the attribute is the same in all of them: any constant answer would be right. */
  readonly agreement: number | null
  /** Mean of the shares read right among those with and those without the attribute; `null` like `agreement`. */
  readonly balanced: number | null
  /** The bar without any model: always answering what is more frequent. */
  readonly majority: number
  readonly confusion: Confusion
}

export type Agreement = {
  /** Mean over attributes that vary; `null` when none does. */
  readonly mean: number | null
  readonly majorityMean: number | null
  readonly attributes: readonly AttributeAgreement[]
}

/** Compares probabilities [N,A] with one list of 0/1 labels an attribute; above ½ reads as present. */
export function agreement(names: readonly string[], truth: readonly Labels[], probabilities: Tensor): Agreement {
  const { N, A } = dims(probabilities, 'N A')
  wantPictures('agreement', probabilities)
  const counts = truth.map(labels => labels.length)
  if (truth.length !== A || names.length !== A || counts.some(count => count !== N))
    throw new Error(
      `agreement: ${A} attributes of ${N} pictures were read, but there are labels of ${counts.length || 'none'} (${counts.join(', ') || 'no'} pictures); give the labels of the same attributes and pictures`,
    )
  const attributes = names.map((name, a) =>
    attributeAgreement(
      name,
      confusionOf(truth[a], i => probabilities.data[i * A + a] > 0.5),
    ),
  )
  const varying = attributes.filter(({ agreement }) => agreement !== null)
  return {
    mean: meanOf(varying.map(({ agreement }) => agreement)),
    majorityMean: meanOf(varying.map(({ majority }) => majority)),
    attributes,
  }
}

function confusionOf(truth: Labels, reads: (picture: number) => boolean): Confusion {
  const count = (label: number, read: boolean) =>
    Array.from(truth).filter((value, i) => value === label && reads(i) === read).length
  return {
    truePositive: count(1, true),
    falseNegative: count(1, false),
    falsePositive: count(0, true),
    trueNegative: count(0, false),
  }
}

function attributeAgreement(name: string, confusion: Confusion): AttributeAgreement {
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion
  const present = truePositive + falseNegative
  const absent = falsePositive + trueNegative
  const varies = present > 0 && absent > 0
  return {
    name,
    agreement: varies ? (truePositive + trueNegative) / (present + absent) : null,
    balanced: varies ? (truePositive / present + trueNegative / absent) / 2 : null,
    majority: Math.max(present, absent) / (present + absent),
    confusion,
  }
}
