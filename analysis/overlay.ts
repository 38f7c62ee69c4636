/** Drawing into pictures [1,H,W,C] 0…1: enlarging, boxes, heat maps. New pictures come back; nothing is changed in place. */
import type { Box } from '../model/receptive-field.ts'
import { dims, zeros, type Tensor } from '../model/tensor.ts'
import { colored } from './pixels.ts'

/** Whole factor that brings the longer side to at least `pixels`: small pictures are shown with square pixels, not blurred. */
export const enlargement = ({ shape }: Tensor, pixels: number): number =>
  Math.max(1, Math.ceil(pixels / Math.max(shape[1], shape[2])))

/** Every pixel `factor`×`factor` times: [B,H,W,C] → [B,factor·H,factor·W,C]. */
export function enlarge(images: Tensor, factor: number): Tensor {
  const { B, H, W, C } = dims(images, 'B H W C')
  const out = zeros([B, H * factor, W * factor, C])
  for (let row = 0; row < B * H * factor; row++)
    for (let column = 0; column < W * factor; column++) {
      const from = (Math.floor(row / factor) * W + Math.floor(column / factor)) * C
      out.data.set(images.data.subarray(from, from + C), (row * W * factor + column) * C)
    }
  return out
}

/** The pixels inside `box`: [1,H,W,C] → [1,y1-y0,x1-x0,C]. */
export function crop(image: Tensor, { x0, y0, x1, y1 }: Box): Tensor {
  const { W, C } = dims(image, '1 H W C')
  const out = zeros([1, y1 - y0, x1 - x0, C])
  for (let y = y0; y < y1; y++) out.data.set(image.data.subarray((y * W + x0) * C, (y * W + x1) * C), (y - y0) * (x1 - x0) * C)
  return out
}

/** A box on a picture enlarged `factor` times. */
export const scaled = ({ x0, y0, x1, y1 }: Box, factor: number): Box => ({
  x0: x0 * factor,
  y0: y0 * factor,
  x1: x1 * factor,
  y1: y1 * factor,
})

/** RGB with a yellow frame just outside `box` on a dark line, so that it shows on any ground and covers nothing inside. */
export function drawBox(image: Tensor, box: Box, thickness = 2): Tensor {
  const { H, W } = dims(image, '1 H W C')
  const source = colored(image)
  const data = source.data.slice()
  const grown = (by: number): Box => ({ x0: box.x0 - by, y0: box.y0 - by, x1: box.x1 + by, y1: box.y1 + by })
  const inside = (x: number, y: number, { x0, y0, x1, y1 }: Box) => x >= x0 && x < x1 && y >= y0 && y < y1
  const [bright, dark] = [grown(thickness), grown(thickness + 1)]
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++) {
      if (inside(x, y, box) || !inside(x, y, dark)) continue
      data.set(inside(x, y, bright) ? [1, 0.85, 0.1] : [0.1, 0.1, 0.1], (y * W + x) * 3)
    }
  return { shape: source.shape, data }
}

/** Five points of the inferno map (matplotlib, CC0): dark to bright in even steps of lightness, safe for colour-blind eyes. */
const inferno = [
  [0.001, 0, 0.014],
  [0.342, 0.062, 0.429],
  [0.736, 0.216, 0.33],
  [0.978, 0.557, 0.035],
  [0.988, 0.998, 0.645],
] as const

/** Where its points lie, 0…1, for a legend. */
export const heatStops = inferno.map((_, i) => i / (inferno.length - 1))

/** `at` 0…1 → RGB 0…1. */
export function heatColor(at: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, at)) * (inferno.length - 1)
  const i = Math.min(inferno.length - 2, Math.floor(place))
  const mix = (c: number) => inferno[i][c] + (place - i) * (inferno[i + 1][c] - inferno[i][c])
  return [mix(0), mix(1), mix(2)]
}

/** A map [1,H,W] as a picture of its own, RGB: colours over 0 … `top`. */
export function heatPicture(heat: Tensor, top: number): Tensor {
  const { H, W } = dims(heat, '1 H W')
  const out = zeros([1, H, W, 3])
  for (let i = 0; i < heat.data.length; i++) out.data.set(heatColor(heat.data[i] / Math.max(top, 1e-6)), i * 3)
  return out
}

/**
 * A map [n,n] over the picture, RGB: cell (row, column) is centred at pixel start + jump·index, bilinear in between, colours over
 * 0 … `top`. The picture shines through as grey.
 */
export function heatOverlay(
  image: Tensor,
  heat: Tensor,
  { jump, start }: { jump: number; start: number },
  top: number,
  opacity = 0.65,
): Tensor {
  const { H, W } = dims(image, '1 H W C')
  const { data } = colored(image)
  const out = zeros([1, H, W, 3])
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++) {
      const at = (y * W + x) * 3
      const grey = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]
      const color = heatColor(bilinear(heat, (y + 0.5 - start) / jump, (x + 0.5 - start) / jump) / Math.max(top, 1e-6))
      for (let c = 0; c < 3; c++) out.data[at + c] = opacity * color[c] + (1 - opacity) * grey
    }
  return out
}

/** Value of a grid [rows,columns] between its cells; outside, that of the nearest cell. */
export function bilinear({ shape: [rows, columns], data }: Tensor, row: number, column: number): number {
  const [r, c] = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))]
  const [r0, c0] = [Math.floor(r), Math.floor(c)]
  const [r1, c1] = [Math.min(rows - 1, r0 + 1), Math.min(columns - 1, c0 + 1)]
  const along = (at: number) => data[at * columns + c0] * (1 - (c - c0)) + data[at * columns + c1] * (c - c0)
  return along(r0) * (1 - (r - r0)) + along(r1) * (r - r0)
}
