/** The milder edit: instead of one prototype to its maximum, all of s by what is usual with something and not without it. */
import { dims, map, type Tensor } from '../model/tensor.ts'
import { column } from './ranges.ts'

/** How something is brought into s: prototypes alone to their `maximum` (the paper's way), or all of s by a `usual` step. */
export type EditKind = 'maximum' | 'usual'

/** Mean s [N,m] over pictures that have something less the mean over those that have not: a step for every prototype, [m]. */
export function usualStep(s: Tensor, has: (picture: number) => boolean): number[] {
  const [having, lacking] = [columnMeans(s, has), columnMeans(s, i => !has(i))]
  return having.map((value, j) => value - lacking[j])
}

/** The share of pictures in which a prototype counts as there. */
const there = 0.15

/**
 * What is usual where prototype j is strongest, in 15 % of the pictures s [N,m], and not elsewhere. Wants no labels. Throws for one
 * picture. `strength` [N] is that of a prototype of another model, when it is what goes with that one that is asked for.
 */
export function usualWith(s: Tensor, j: number, strength?: readonly number[]): number[] {
  const values = strength ?? column(s, j)
  if (values.length < 2)
    throw new Error(
      `what is usual where prototype ${j} is strong: wanted at least 2 pictures to tell it by, got ${values.length}; give more, or raise it to its maximum`,
    )
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a])
  const strongest = new Set(order.slice(0, Math.max(1, Math.round(there * values.length))))
  return usualStep(s, i => strongest.has(i))
}

/** s [B,m] with a step [m] added to every row; nothing falls below 0. */
export const stepped = (s: Tensor, step: readonly number[]): Tensor =>
  map(s, (old, i) => Math.max(0, old + step[i % step.length]))

/** Means over the rows of [N,m] that are wanted. */
function columnMeans(s: Tensor, wanted: (row: number) => boolean): number[] {
  const { N, m } = dims(s, 'N m')
  const rows = Array.from({ length: N }, (_, i) => i).filter(wanted)
  return Array.from({ length: m }, (_, j) => rows.reduce((sum, i) => sum + s.data[i * m + j], 0) / rows.length)
}
