import type { Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import type { Agreement, AttributeAgreement } from './agreement.ts'
import { dci, type Dci } from './metrics/dci.ts'
import { split } from './metrics/folds.ts'
import { latentAuroc, type LatentAuroc } from './metrics/latent-auroc.ts'
import { fromTensor, type Labels } from './metrics/matrix.ts'
import { quantile } from './metrics/statistics.ts'
import { tad, tadOverFolds, type TadOverFolds } from './metrics/tad.ts'

/** What s says about binary attributes: by a linear probe on all of it, and by single prototypes. */
export type LatentQuality = {
  readonly images: number
  /** Five folds, as the authors judge. */
  readonly auroc: LatentAuroc
  /** Probe fitted on the first half, judged on the second: the protocol of the pilots (spec section 11). */
  readonly halves: number | null
  readonly tad: TadOverFolds
  /** Fitted on the first half, judged on the second. */
  readonly dci: Omit<Dci, 'attributes'>
  /** The prototype that tells an attribute best by itself, over all images; `null` for a constant attribute. */
  readonly best: readonly ({ readonly prototype: number; readonly auroc: number } | null)[]
}

export function latentQuality(s: Tensor, attributes: readonly Labels[]): LatentQuality {
  const table = fromTensor(s)
  const { attributes: _, ...matched } = dci(table, attributes)
  return {
    images: table.rows,
    auroc: latentAuroc(table, attributes),
    halves: latentAuroc(table, attributes, [split(table.rows, Math.floor(table.rows / 2))]).mean,
    tad: tadOverFolds(table, attributes),
    dci: matched,
    best: tad(table, attributes).attributes.map(found => found && { prototype: found.column, auroc: found.best }),
  }
}

/** How s is distributed: the first thing that goes wrong in training is that it vanishes (spec section 11). */
export type Spread = {
  readonly quantiles: Readonly<Record<'min' | 'q01' | 'q05' | 'q50' | 'q95' | 'q99' | 'max', number>>
  /** Prototypes that no image brings above .01: they are far from every patch. */
  readonly unused: readonly number[]
  /** Highest value of each prototype. */
  readonly maxima: readonly number[]
}

export function spreadOf(s: Tensor): Spread {
  wantPictures('distribution of s', s)
  const m = s.shape[1]
  const ascending = s.data.slice().sort()
  const maxima = new Array<number>(m).fill(-Infinity)
  for (let i = 0; i < s.data.length; i++) maxima[i % m] = Math.max(maxima[i % m], s.data[i])
  const at = (q: number) => quantile(ascending, q)
  return {
    quantiles: { min: at(0), q01: at(0.01), q05: at(0.05), q50: at(0.5), q95: at(0.95), q99: at(0.99), max: at(1) },
    unused: maxima.flatMap((top, j) => (top < 0.01 ? [j] : [])),
    maxima,
  }
}

/** Below this an attribute counts as failed. */
export const passMark = 0.85

const number = (value: number | null): string => (value === null ? '–' : value.toFixed(2))

/**
 * One sentence for each attribute that samples from s do not show reliably: what was read, and which part of the model
 * the measurements point to. The probe tells whether s carries the attribute at all; if it does, the denoiser lost it.
 */
export function failures(samples: Agreement, trained: LatentQuality, control: LatentQuality): string[] {
  const failed = samples.attributes.flatMap((attribute, a) =>
    attribute.agreement !== null && attribute.agreement < passMark ? [{ attribute, a }] : [],
  )
  return failed.map(({ attribute, a }) => {
    const [probe, untrained] = [trained.auroc.attributes[a], control.auroc.attributes[a]]
    const where =
      probe === null
        ? 'the probe could not judge s here'
        : probe < 0.9
          ? `s hardly carries it (latent AUROC ${number(probe)}, control ${number(untrained)}): the prototypes miss it`
          : `s carries it (latent AUROC ${number(probe)}, control ${number(untrained)}): the denoiser does not draw it`
    return `${attribute.name}: ${describeReading(attribute)}; ${where}.`
  })
}

function describeReading({ agreement, majority, confusion }: AttributeAgreement): string {
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion
  const bar = (agreement ?? 0) <= majority ? `, no better than always answering the same (${number(majority)})` : ''
  return (
    `agreement ${number(agreement)}${bar}; missing in ${falseNegative} of ${truePositive + falseNegative} that should have it, ` +
    `seen in ${falsePositive} of ${trueNegative + falsePositive} that should not`
  )
}
