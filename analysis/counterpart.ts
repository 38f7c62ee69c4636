/** Two models asked the same question: what of one goes with a prototype of the other. */
import type { Tensor } from '../model/tensor.ts'
import { pearson } from './metrics/correlation.ts'
import { column } from './ranges.ts'

/** s of the same N pictures by two models. */
export type Counterparts = {
  /** By the model whose prototypes are asked about, [N,M]. */
  readonly theirs: Tensor
  /** By the one that answers the same, [N,m]. */
  readonly own: Tensor
}

/** Its own prototype that goes best with prototype `j` of the other model, and how alike they are (correlation). Throws for one that the other has not. */
export function partnerOf(j: number, { theirs, own }: Counterparts): { prototype: number; alike: number } {
  if (j < 0 || j >= theirs.shape[1])
    throw new Error(`prototype ${j} does not exist in the other model: it has ${theirs.shape[1]}`)
  const values = column(theirs, j)
  const all = Array.from({ length: own.shape[1] }, (_, k) => pearson(values, column(own, k)) ?? 0)
  const prototype = all.indexOf(Math.max(...all))
  return { prototype, alike: all[prototype] }
}
