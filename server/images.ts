import sharp, { type Sharp } from 'sharp'
import { rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { BadRequest } from './problem.ts'
import { FONT, fontFiles } from './fonts.ts'

/** Pixels beyond which a picture is refused before it is decoded: a file of 300 kB can hold 2,500,000,000. */
export const maxPixels = 64 << 20

/** Only decoders for these formats may run in this process; libvips brings many more, SVG among them. */
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp'] })
sharp.cache(false)

/** Opens a picture from outside. Broken and cut-off files are errors, not grey areas. */
export const openImage = (source: string | Buffer): Sharp =>
  sharp(source, { limitInputPixels: maxPixels, failOn: 'warning', pages: 1 })

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** Decodes every pixel of an upload, to know that others will be able to. Throws BadRequest with a reason a person understands. */
export async function checkImage(bytes: Buffer): Promise<ImageFormat> {
  try {
    const { format, width, height } = await openImage(bytes).metadata()
    await openImage(bytes).stats()
    if (format === 'png' || format === 'jpeg' || format === 'webp') return format
    throw new Error(`${format} of ${width}×${height}`)
  } catch (cause) {
    throw imageProblem(cause)
  }
}

function imageProblem(cause: unknown): BadRequest {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (/pixel limit/i.test(message))
    return new BadRequest(
      'image_too_large',
      `The image has more than ${maxPixels / (1 << 20)} million pixels; make it smaller and try again`,
      413,
    )
  if (/unsupported image format|blocked|input buffer contains/i.test(message))
    return new BadRequest('not_an_image', 'The file is not a PNG, JPEG or WebP image', 415)
  return new BadRequest(
    'broken_image',
    `The image is damaged or cut off (${message.split('\n')[0]}); save it again and try again`,
  )
}

/** A picture file as a node sees it: [1,H,W,C] 0…1 in sRGB with C = 1 or 3 as stored, turned as EXIF says, and its opacity [1,H,W,1]. */
export async function decodeImage(file: string): Promise<{ image: Tensor; alpha: Tensor }> {
  const source = openImage(file).autoOrient()
  const { space } = await openImage(file).metadata()
  const grey = space === 'b-w' || space === 'grey16'
  const { data, info } = await source
    .toColourspace(grey ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width: W, height: H, channels } = info
  const C = channels >= 3 ? 3 : 1
  const image = zeros([1, H, W, C])
  const alpha = zeros([1, H, W, 1])
  for (let i = 0; i < H * W; i++) {
    for (let c = 0; c < C; c++) image.data[i * C + c] = data[i * channels + c] / 255
    alpha.data[i] = channels > C ? data[i * channels + C] / 255 : 1
  }
  return { image, alpha }
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

/** PNG of a picture file whose opacity is that of another picture of the same size: what a mask editor sends back. */
export async function withAlphaOf(file: string, mask: Buffer): Promise<Buffer> {
  try {
    const [base, over] = [await openImage(file).metadata(), await openImage(mask).metadata()]
    if (base.width !== over.width || base.height !== over.height)
      throw new BadRequest(
        'mask_size',
        `The mask has ${over.width}×${over.height} pixels, its picture ${base.width}×${base.height}; send one of the same size`,
      )
    const alpha = await openImage(mask)
      .ensureAlpha()
      .extractChannel('alpha')
      .toColourspace('b-w')
      .raw({ depth: 'uchar' })
      .toBuffer()
    const raw = { width: over.width, height: over.height, channels: 1 } as const
    // Two pipelines: in one, sharp would take the opacity away after it was put on.
    const colours = await openImage(file).toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' }).toBuffer()
    return await sharp(colours, { raw: { ...raw, channels: 3 } })
      .joinChannel(alpha, { raw })
      .png()
      .toBuffer()
  } catch (cause) {
    throw cause instanceof BadRequest ? cause : imageProblem(cause)
  }
}

/** Smaller or partial forms of a stored picture that `/view` can be asked for (spec/comfyui.md 1.8). */
export async function convertImage(
  file: string,
  wanted: { preview?: string; channel?: string },
): Promise<{ mime: string; bytes: Buffer }> {
  try {
    if (wanted.preview !== undefined) {
      const [name, quality] = wanted.preview.split(';')
      const jpeg = name === 'jpeg' && !wanted.channel?.includes('a')
      const options = { quality: Math.min(100, Math.max(1, /^\d{1,3}$/.test(quality ?? '') ? Number(quality) : 90)) }
      const bytes = await (jpeg ? openImage(file).flatten().jpeg(options) : openImage(file).webp(options)).toBuffer()
      return { mime: jpeg ? 'image/jpeg' : 'image/webp', bytes }
    }
    const source = openImage(file)
    const bytes = await (wanted.channel === 'a' ? source.ensureAlpha().extractChannel('alpha') : source.removeAlpha())
      .png()
      .toBuffer()
    return { mime: 'image/png', bytes }
  } catch (cause) {
    throw imageProblem(cause)
  }
}
