import sharp from 'sharp'
import { rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { FONT, fontFiles } from './fonts.ts'

/** One picture [1,H,W,C] or [H,W,C], 0…1, as bytes; values outside are clamped, and what is not a number is black. */
export function bytesOfImage(image: Tensor): { data: Buffer; raw: { width: number; height: number; channels: 1 | 3 | 4 } } {
  const [height, width, channels] = image.shape.slice(-3)
  if (channels !== 1 && channels !== 3 && channels !== 4)
    throw new Error(`An image needs 1, 3 or 4 channels, got shape [${image.shape}]`)
  // Uint8ClampedArray rounds, clamps, and turns NaN into 0.
  const bytes = new Uint8ClampedArray(image.data.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = image.data[i] * 255
  return { data: Buffer.from(bytes.buffer), raw: { width, height, channels } }
}

/** PNG of one picture, small. */
export async function encodePng(image: Tensor): Promise<Buffer> {
  const { data, raw } = bytesOfImage(image)
  return sharp(data, { raw })
    .toColourspace(raw.channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 6, adaptiveFiltering: false })
    .toBuffer()
}

/** The pictures of a batch side by side in a grid as near to a square as it goes: [B,H,W,C] → [1,r·H,c·W,C]. */
export function montage(images: Tensor): Tensor {
  const [B, H, W, C] = images.shape
  if (B === 1) return images
  const columns = Math.ceil(Math.sqrt(B))
  const out = new Float32Array(Math.ceil(B / columns) * H * columns * W * C)
  for (let b = 0; b < B; b++) {
    const one = rows(images, b, b + 1).data
    const left = (b % columns) * W
    const top = Math.floor(b / columns) * H
    for (let y = 0; y < H; y++) out.set(one.subarray(y * W * C, (y + 1) * W * C), ((top + y) * columns * W + left) * C)
  }
  return tensor([1, Math.ceil(B / columns) * H, columns * W, C], out)
}

/** An SVG document of ours, rasterised at its own size on white: [1,H,W,3]. resvg loads nothing from outside. */
export async function drawSvg(svg: string): Promise<Tensor> {
  const { Resvg } = await import('@resvg/resvg-js')
  const picture = new Resvg(svg, {
    background: 'white',
    font: { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: FONT },
  }).render()
  const { width, height, pixels } = picture
  const out = zeros([1, height, width, 3])
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) out.data[i * 3 + c] = pixels[i * 4 + c] / 255
  return out
}
