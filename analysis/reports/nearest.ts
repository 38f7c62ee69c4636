import type { CheckpointInfo } from '../../engine/patronus.ts'
import { concat, map, rows, type Tensor } from '../../model/tensor.ts'
import type { Atlas } from '../atlas.ts'
import type { BoxMode, Shown } from '../nearest.ts'
import { crop, drawBox, enlarge } from '../overlay.ts'
import { colored } from '../pixels.ts'
import { prototypeLabel } from '../ranges.ts'
import type { Figure, Report, Table } from '../report.ts'

/** All that the page is made of. */
export type Searched = {
  readonly info: CheckpointInfo
  /** What was searched. */
  readonly data: string
  readonly pictures: number
  readonly mode: BoxMode
  readonly shown: readonly Shown[]
  /** The same prototypes raised by the model, to stand beside the real patches. */
  readonly generated?: Atlas
}

/** Real patches nearest to prototypes as a page: figures first, then every patch as a table. */
export function nearestReport({ info, data, pictures, mode, shown, generated }: Searched, facts: Report['facts']): Report {
  return {
    title: `Nearest patches of ${info.name}`,
    summary: [
      `For each of ${shown.length} prototypes the nearest patches among ${pictures} pictures of ${data}, at most one a picture; ${generated ? 'above them what the model draws when the prototype is raised to its maximum, framed where it is strongest.' : 'nothing was generated, so what the prototype has beyond these pictures does not show.'}`,
      mode === 'receptive field'
        ? 'The frame is all that the patch encoder sees there.'
        : 'The frame holds the highest 5 % of the activation map, up-sampled as ProtoPNet does; the encoder may see other pixels.',
    ],
    sections: [
      { heading: 'Patches, the nearest first', figures: shown.map(one => patchFigure(one, info, generated)) },
      { heading: 'Numbers', tables: [spreadTable(shown, info), patchTable(shown, info)] },
    ],
    facts,
  }
}

function patchFigure({ prototype, patches, pictures, spread }: Shown, info: CheckpointInfo, generated?: Atlas): Figure {
  const real = patchPictures(pictures, patches)
  const drawn = generated && drawnPatches(generated, prototype, patches.length)
  return {
    title: `Prototype ${prototypeLabel(prototype, info)}`,
    caption: `d from ${patches[0].distance.toPrecision(3)} to ${patches[patches.length - 1].distance.toPrecision(3)}${spread === null ? '' : `; mean squared distance of the patches from each other ${spread.toPrecision(3)}`}.`,
    images: concat([...(drawn ? [drawn.framed, drawn.crops] : []), real.framed, real.crops]),
    columns: patches.length,
    rowLabels: [...(drawn ? ['generated', 'its patch'] : []), 'real', 'its patch'],
  }
}

/** What the model draws with a prototype raised; white where it drew fewer pictures than patches were found. */
function drawnPatches(
  { entries, images, faces }: Atlas,
  prototype: number,
  columns: number,
): ReturnType<typeof patchPictures> | undefined {
  const at = entries.findIndex(entry => entry.prototype === prototype)
  if (at < 0) return undefined
  const count = Math.min(faces, columns)
  const boxes = entries[at].boxes.slice(0, count).map(box => ({ box }))
  const { framed, crops } = patchPictures(rows(images, at * faces, at * faces + count), boxes)
  const [, H, W, C] = framed.shape
  const white = { shape: [columns - count, H, W, C], data: new Float32Array((columns - count) * H * W * C).fill(1) }
  return { framed: concat([framed, white]), crops: concat([crops, white]) }
}

/** Pictures 0 … 1, in colour, with their patches framed; and the patches, enlarged by a whole factor in the middle of a white picture. */
export function patchPictures(
  pictures: Tensor,
  patches: readonly Pick<Shown['patches'][number], 'box'>[],
): { framed: Tensor; crops: Tensor } {
  const seen = map(colored(pictures), v => Math.min(1, Math.max(0, (v + 1) / 2)))
  const one = (i: number) => rows(seen, i, i + 1)
  const [, H, W] = pictures.shape
  return {
    framed: concat(patches.map(({ box }, i) => drawBox(one(i), box, 1))),
    crops: concat(patches.map(({ box }, i) => centred(crop(one(i), box), H, W))),
  }
}

/** A smaller picture [1,h,w,3], enlarged by a whole factor, in the middle of a white one [1,H,W,3]. */
export function centred(image: Tensor, H: number, W: number): Tensor {
  const large = enlarge(image, Math.max(1, Math.min(Math.floor(H / image.shape[1]), Math.floor(W / image.shape[2]))))
  const [, h, w] = large.shape
  const data = new Float32Array(H * W * 3).fill(1)
  const [top, left] = [(H - h) >> 1, (W - w) >> 1]
  for (let y = 0; y < h; y++) data.set(large.data.subarray(y * w * 3, (y + 1) * w * 3), ((top + y) * W + left) * 3)
  return { shape: [1, H, W, 3], data }
}

export const patchTable = (shown: readonly Shown[], info: CheckpointInfo): Table => ({
  title: 'Nearest patches',
  columns: ['prototype', 'rank', 'picture', 'cell', 'd', 's', 'x0', 'y0', 'x1', 'y1'],
  rows: shown.flatMap(({ prototype, patches }) =>
    patches.map(({ image, cell, distance, s, box: { x0, y0, x1, y1 } }, i) => [
      prototypeLabel(prototype, info),
      i + 1,
      image,
      cell,
      distance,
      s,
      x0,
      y0,
      x1,
      y1,
    ]),
  ),
})

/** How alike the patches of each prototype are; `generated` is the same of patches that the model drew. */
export const spreadTable = (shown: readonly Shown[], info: CheckpointInfo, generated?: Shown): Table => ({
  title: 'How far the patches are from each other',
  columns: ['prototype', 'patches', 'nearest d', 'spread'],
  rows: [
    ...shown.map(({ prototype, patches, spread }) => [
      prototypeLabel(prototype, info),
      patches.length,
      patches[0].distance,
      spread,
    ]),
    ...(generated
      ? [
          [
            `${prototypeLabel(generated.prototype, info)}, generated`,
            generated.patches.length,
            Math.min(...generated.patches.map(({ distance }) => distance)),
            generated.spread,
          ],
        ]
      : []),
  ],
})
