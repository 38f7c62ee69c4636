/** Pictures on nodes: drawing, and loading of finished images. */
import type { SavedImage } from '../../nodes/node.ts'
import type { Picture } from '../state.ts'
import { contained, type Box } from './cells.ts'

/** Up to this many pixels a side a picture is shown with hard edges: every pixel of a 64 × 64 face is information. */
const CRISP = 128

export function drawPicture(ctx: CanvasRenderingContext2D, picture: Picture, cell: Box): void {
  const box = contained(picture, cell)
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
