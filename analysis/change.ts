/** Where two pictures differ, and how much of that lies inside a box: whether an edit stayed where its prototype is. */
import type { Box } from '../model/receptive-field.ts'
import { dims, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { colored } from './pixels.ts'

/** How one picture changed. Changes are on the scale of pixels, 0…1. */
export type Change = {
  /** Mean over pixels and channels of |after − before|. */
  readonly mean: number
  /** Largest mean over channels of one pixel. */
  readonly largest: number
}

/** How the squared change of one picture divides between a box and the rest. */
export type Inside = {
  /** Share of the squared change inside, 0…1; null when nothing changed. */
  readonly share: number | null
  /** Share of the pixels inside. */
  readonly area: number
  /** share/area: 1 = spread as if the box meant nothing. */
  readonly ratio: number | null
}

/** before, after [B,H,W,C] 0…1 → mean over channels of |after − before|, [B,H,W]. A grey picture counts as one of three equal channels. */
export function changeMap(before: Tensor, after: Tensor): Tensor {
  const [a, b] = comparable(before, after)
  wantPictures('change map', a)
  const { B, H, W, C } = dims(a, 'B H W C')
  const out = new Float32Array(B * H * W)
  for (let pixel = 0; pixel < out.length; pixel++) {
    let sum = 0
    for (let c = 0; c < C; c++) sum += Math.abs(b.data[pixel * C + c] - a.data[pixel * C + c])
    out[pixel] = sum / C
  }
  return { shape: [B, H, W], data: out }
}

/** Both with the same channels; throws when numbers or sizes differ. */
function comparable(before: Tensor, after: Tensor): readonly [Tensor, Tensor] {
  const [a, b] = before.shape[3] === after.shape[3] ? [before, after] : [colored(before), colored(after)]
  if (a.shape[0] !== b.shape[0])
    throw new Error(`before holds ${a.shape[0]} pictures and after ${b.shape[0]}; both need the same number, in the same order`)
  if (a.shape.join() !== b.shape.join())
    throw new Error(
      `before is ${a.shape[2]}×${a.shape[1]} and after ${b.shape[2]}×${b.shape[1]} pixels; link model to bring both to its size`,
    )
  return [a, b]
}

/** Picture `image` of a change map [B,H,W]. */
export function changeOf(map: Tensor, image: number): Change {
  const { H, W } = dims(map, 'B H W')
  let [sum, largest] = [0, 0]
  for (const value of map.data.subarray(image * H * W, (image + 1) * H * W)) {
    sum += value
    largest = Math.max(largest, value)
  }
  return { mean: sum / (H * W), largest }
}

/** Σ(after − before)² inside `box` as a share of all of it, for picture `image`; before, after [B,H,W,C]. */
export function shareInside(before: Tensor, after: Tensor, image: number, box: Box): Inside {
  const [a, b] = comparable(before, after)
  const { H, W, C } = dims(a, 'B H W C')
  let [inside, all] = [0, 0]
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++) {
      const isInside = x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1
      for (let c = 0; c < C; c++) {
        const at = ((image * H + y) * W + x) * C + c
        const squared = (b.data[at] - a.data[at]) ** 2
        all += squared
        if (isInside) inside += squared
      }
    }
  const area = ((box.x1 - box.x0) * (box.y1 - box.y0)) / (H * W)
  const share = all > 0 ? inside / all : null
  return { share, area, ratio: share === null ? null : share / area }
}

/** Mean of the numbers among `values`; null when there is none. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const numbers = values.filter(value => value !== null)
  return numbers.length > 0 ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null
}
