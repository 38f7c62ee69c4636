/** What a prototype looks like: raise it on a batch of pictures, regenerate them, and look where it is strongest (spec section 6.1). */
import type { Patronus } from '../engine/patronus.ts'
import { exactBox, officialBox, receptiveField, type Box } from '../model/receptive-field.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { checkPrototype, column, raisedTo, withColumn, type Raised } from './ranges.ts'
import { invertImages, sampleFrom, type Hooks } from './sampling.ts'
import { cellMaps, mapOf } from './where.ts'

export type VisualizeOptions = {
  readonly steps: number
  /** s_J to raise to; default the prototype's own maximum. */
  readonly value?: Raised
  /** `exact` is all that the cell sees; `official` the box of the authors' figures. */
  readonly box?: 'exact' | 'official'
  /** Which picture stands for the prototype: the one where s_J is highest (official), or where it rose most. */
  readonly choose?: 'highest' | 'rise'
}

export type Visualization = {
  readonly prototype: number
  /** What s_J was set to. */
  readonly value: number
  /** s_J of every picture before and after, [B]. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** The regenerated pictures x', [B,H,W,C], about -1…1. */
  readonly images: Tensor
  /** Index of the picture that shows the prototype best, where in it, and s of each of its cells [n,n]. */
  readonly representative: number
  readonly box: Box
  readonly map: Tensor
}

/** x0 [B,H,W,C] -1…1. Steps 3 to 8 of the algorithm, for one prototype or several; the inversion is shared. */
export async function visualize(
  patronus: Patronus,
  x0: Tensor,
  prototypes: readonly number[],
  options: VisualizeOptions,
  { onStep }: Hooks = {},
): Promise<Visualization[]> {
  wantPictures('visualization', x0)
  const { steps, value } = options
  for (const j of prototypes) checkPrototype(j, patronus.info)
  const { s } = await patronus.encode(x0)
  const total = steps * (1 + prototypes.length)
  const noise = await invertImages(patronus, x0, s, { steps }, { onStep: (done, _, x) => onStep?.(done, total, x) })
  const found: Visualization[] = []
  for (const [i, j] of prototypes.entries()) {
    const target = raisedTo(value, j, patronus.info, s)
    let images = x0
    for await (const step of sampleFrom(patronus, noise, withColumn(s, j, target), { steps })) {
      images = step.x
      await onStep?.((1 + i) * steps + step.index + 1, total, step.x0)
    }
    found.push({
      prototype: j,
      value: target,
      before: column(s, j),
      images,
      ...(await locate(patronus, images, j, column(s, j), options)),
    })
  }
  return found
}

/** Steps 6 to 8: encode again, choose the representative, and find its most activated cell. */
async function locate(
  patronus: Patronus,
  images: Tensor,
  j: number,
  before: readonly number[],
  { box = 'exact', choose = 'highest' }: VisualizeOptions,
): Promise<Pick<Visualization, 'after' | 'representative' | 'box' | 'map'>> {
  const { s, argmin } = await patronus.encode(images)
  const after = column(s, j)
  const score = choose === 'highest' ? after : after.map((value, b) => value - before[b])
  const representative = score.indexOf(Math.max(...score))
  const { config } = patronus.info
  const field = receptiveField(config.encoder, config.image.height)
  const boxOf = box === 'exact' ? exactBox : officialBox
  return {
    after,
    representative,
    box: boxOf(field, column(argmin, j)[representative], config.image.height),
    map: await activationMap(patronus, rows(images, representative, representative + 1), j),
  }
}

/** s of every cell for one prototype: image [1,H,W,C] → [n,n]. Its highest entry is the image's s_J. */
export const activationMap = async (patronus: Patronus, image: Tensor, prototype: number): Promise<Tensor> =>
  mapOf(await cellMaps(patronus, image), 0, prototype)
