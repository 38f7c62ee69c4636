/** Pictures on nodes: a grid that fits a space, and loading of finished images. */
import type { SavedImage } from '../../nodes/node.ts'
import type { Picture } from '../state.ts'

export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** The grid of `count` pictures of one `aspect` (width / height) that shows them largest in a space. Gap in the same units. Pure. */
export function grid(
  count: number,
  aspect: number,
  space: { width: number; height: number },
  gap = 4,
): { columns: number; rows: number; width: number; height: number } {
  let best = { columns: 1, rows: count, width: 0, height: 0 }
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns)
    const width = Math.min((space.width - gap * (columns - 1)) / columns, ((space.height - gap * (rows - 1)) / rows) * aspect)
    if (width > best.width) best = { columns, rows, width, height: width / aspect }
  }
  return best
}

/** Where each of `count` pictures goes: `grid`, centred in the space. Pure. */
export function cells(count: number, aspect: number, space: Box, gap = 4): Box[] {
  const { columns, rows, width, height } = grid(count, aspect, space, gap)
  if (!(width > 0)) return []
  const left = space.x + (space.width - columns * width - (columns - 1) * gap) / 2
  const top = space.y + (space.height - rows * height - (rows - 1) * gap) / 2
  return Array.from({ length: count }, (_, i) => ({
    x: left + (i % columns) * (width + gap),
    y: top + Math.floor(i / columns) * (height + gap),
    width,
    height,
  }))
}

/** Up to this many pixels a side a picture is shown with hard edges: every pixel of a 64 × 64 face is information. */
const CRISP = 128

export function drawPicture(ctx: CanvasRenderingContext2D, picture: Picture, box: Box): void {
  const { imageSmoothingEnabled } = ctx
  ctx.imageSmoothingEnabled = picture.width > CRISP || picture.height > CRISP
  ctx.drawImage(picture as Picture & CanvasImageSource, box.x, box.y, box.width, box.height)
  ctx.imageSmoothingEnabled = imageSmoothingEnabled
}

/** Finished images by address; loads on first asking and calls back when there is something new to draw. */
export function createPictures(
  url: (image: SavedImage) => string,
  loaded: () => void,
): { get(image: SavedImage): Picture | undefined } {
  const cache = new Map<string, HTMLImageElement>()
  const KEEP = 300
  return {
    get(image) {
      const address = url(image)
      let element = cache.get(address)
      if (!element) {
        element = new Image()
        element.onload = loaded
        element.src = address
        cache.set(address, element)
        for (const old of [...cache.keys()].slice(0, Math.max(0, cache.size - KEEP))) cache.delete(old)
      }
      return element.complete && element.naturalWidth > 0 ? element : undefined
    },
  }
}
