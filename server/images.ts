import sharp, { type Region } from 'sharp'
import { rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { createDecodePool, decodeScript } from './decode-pool.ts'
import { decoders, type Conversion, type Converted, type Decoders, type ImageFormat, type Pixels, type Size } from './decode.ts'
import { FONT, fontFiles } from './fonts.ts'

export { imageLimits, type ImageFormat } from './decode.ts'

/** Where pictures from outside are decoded: in processes of their own, started with the first one; from sources, in this one. */
let chosen: Decoders | undefined
function decoder(): Decoders {
  const script = decodeScript()
  return (chosen ??= script === undefined ? decoders : createDecodePool({ script }))
}

/** Decodes every pixel of an upload, to know that others will be able to. Throws BadRequest with a reason a person understands. */
export const checkImage = (bytes: Buffer): Promise<ImageFormat> => decoder().check(bytes)

/** Smaller or partial forms of a stored picture that `/view` can be asked for (spec/comfyui.md 1.8). */
export const convertImage = (file: string, wanted: Conversion): Promise<Converted> => decoder().convert(file, wanted)

/** A picture of a data set: without opacity, in sRGB or grey. */
export const flatPicture = (file: string, channels: 1 | 3): Promise<Pixels> => decoder().flat(file, channels)

/** Pixels of a picture file. */
export const imageSize = (file: string): Promise<Size> => decoder().size(file)

/** PNG of a part of a picture file. */
export const cutImage = (file: string, place: Region): Promise<Buffer> => decoder().cut(file, place)

/** PNG of a picture file whose opacity is that of another picture of the same size: what a mask editor sends back. */
export const withAlphaOf = (file: string, mask: Buffer): Promise<Buffer> => decoder().mask(file, mask)

/**
 * Pixels of a picture that a node is given. As floats, with its mask, this many take half a gigabyte, and each node that makes a
 * picture of them as much again; every network here wants a few thousand.
 */
export const mostPixels = 32 << 20

/**
 * A picture file as a node sees it: [1,H,W,C] 0…1 in sRGB with C = 1 or 3 as stored, turned as EXIF says, and 1 - its opacity
 * [1,H,W]. One of more than `mostPixels` is made smaller; `stored` is its size then.
 */
export async function decodeImage(file: string): Promise<{ image: Tensor; mask: Tensor; stored?: Size }> {
  const { data, width: W, height: H, channels, stored } = await decoder().read(file, mostPixels)
  const C = channels >= 3 ? 3 : 1
  const image = zeros([1, H, W, C])
  const mask = zeros([1, H, W])
  for (let i = 0; i < H * W; i++) for (let c = 0; c < C; c++) image.data[i * C + c] = data[i * channels + c] / 255
  // The zeros of an opaque picture are never touched, and so take no memory.
  if (channels > C) for (let i = 0; i < H * W; i++) mask.data[i] = 1 - data[i * channels + C] / 255
  return { image, mask, ...((stored.width !== W || stored.height !== H) && { stored }) }
}

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
