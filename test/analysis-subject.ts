import type { Artefacts } from '../analysis/artefacts.ts'
import { encodeIn } from '../analysis/batches.ts'
import { attribute, countOf, type DataSet } from '../analysis/data-set.ts'
import type { Report } from '../analysis/report.ts'
import type { Patronus } from '../engine/patronus.ts'
import { zeros, type Tensor } from '../model/tensor.ts'

/** What the analyses are asked about, all alike, by the law in analyses-everywhere.test.ts. */
export type Subject = {
  readonly patronus: Patronus
  /** The prototypes themselves, [m,D]. */
  readonly vectors: Tensor
  readonly data: DataSet
  /** The pictures of `data`, [N,H,W,C] -1 … 1. */
  readonly x0: Tensor
  /** Parts of atlases, kept from one analysis to the next as the program keeps them. */
  readonly artefacts: Artefacts
}

/** What an analysis found, and the pages that are made of it. */
export type Answer = { readonly found: unknown; readonly reports?: readonly Report[] }

/** Data that some analyses have no answer for. */
export type Want = 'no pictures' | 'one picture' | 'no attributes'

export type Analysis = {
  readonly name: string
  ask(subject: Subject): Promise<Answer>
  /** What the error says where there is no answer: what was asked, what was wanted, what came, what to do. */
  readonly refuses: { readonly [W in Want]?: RegExp }
}

export const noPictures = (question: string): RegExp =>
  new RegExp(`^${question}: wanted at least one picture.*, got none; check the folder or the selection`)

/** s of the pictures; of no pictures [0,m], so that the analysis itself is asked. */
export const sOf = async ({ patronus, x0 }: Subject): Promise<Tensor> =>
  x0.shape[0] ? (await encodeIn(patronus, x0)).s : zeros([0, patronus.info.config.prototypes.count])

/** One list of labels an attribute. */
export const labelsOf = (data: DataSet): Uint8Array[] => (data.attributes?.names ?? []).map(name => attribute(data, name))

/** A class a picture, from what it has of all attributes; without attributes all pictures are of one class. */
export const classesOf = (data: DataSet): Uint8Array =>
  Uint8Array.from({ length: countOf(data) }, (_, i) => labelsOf(data).reduce((sum, labels, a) => sum + labels[i] * 2 ** a, 0))
