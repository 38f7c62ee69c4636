/** Where the labels of points go. */
import type { Area } from './draw.ts'

type Box = Area

export type Labelled = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** From right, left, above and below to the corners, near before far: offsets of a label's centre in half sizes of the label and pixels. */
const places = [8, 16].flatMap(far =>
  [
    [1, 0],
    [-1, 0],
    [0, -1],
    [0, 1],
    [1, -1],
    [-1, -1],
    [1, 1],
    [-1, 1],
  ].map(([right, down]) => ({ right, down, far })),
)

/**
 * Left edge and baseline for every label, first come, first served: the first place inside `area` that covers no point and no earlier
 * label, else the one that covers least.
 */
export function placeLabels(
  labels: readonly Labelled[],
  points: readonly { x: number; y: number }[],
  area: Area,
): { x: number; y: number }[] {
  const taken: Box[] = points.map(({ x, y }) => ({ left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 }))
  return labels.map(({ x, y, width, height }) => {
    const boxes = places.map(({ right, down, far }): Box => {
      const middle = [x + right * (width / 2 + far), y + down * (height / 2 + far - (right ? 4 : 0))]
      return {
        left: middle[0] - width / 2,
        right: middle[0] + width / 2,
        top: middle[1] - height / 2,
        bottom: middle[1] + height / 2,
      }
    })
    const costs = boxes.map(box => taken.reduce((sum, other) => sum + overlap(box, other), outside(box, area) * 4))
    const best = boxes[costs.indexOf(Math.min(...costs))]
    taken.push(best)
    return { x: best.left, y: best.bottom - height * 0.22 }
  })
}

const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
  Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))

/** Square pixels of a label that stick out of the plot. */
const outside = (box: Box, area: Area): number => (box.right - box.left) * (box.bottom - box.top) - overlap(box, area)
