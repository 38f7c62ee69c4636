/** Which prototypes stand for an attribute: those whose presence tells it best (spec section 6.8, step 3). */
import type { Tensor } from '../model/tensor.ts'
import { auroc } from './metrics/auroc.ts'
import type { Labels } from './metrics/matrix.ts'
import { column } from './ranges.ts'

export type Standing = { readonly prototype: number; readonly auroc: number }

/**
 * The `count` prototypes with the highest AUROC for an attribute, best first. Raising them should bring the attribute, so a
 * prototype that tells it by its absence (AUROC below ½) does not stand for it. Throws when the attribute does not vary here.
 */
export function standFor(s: Tensor, labels: Labels, name: string, count: number): Standing[] {
  const found = Array.from({ length: s.shape[1] }, (_, prototype) => ({
    prototype,
    auroc: auroc(labels, column(s, prototype)),
  }))
  const known = found.filter((standing): standing is Standing => standing.auroc !== null)
  if (known.length === 0)
    throw new Error(
      `attribute "${name}" is the same in all ${labels.length} pictures, so nothing can stand for it; give pictures with and without it`,
    )
  return known.sort((a, b) => b.auroc - a.auroc).slice(0, count)
}
