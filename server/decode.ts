import sharp, { type Region, type Sharp } from 'sharp'
import { BadRequest } from './problem.ts'
import { webpFrames } from './webp-frames.ts'

/**
 * What a picture from outside may cost (spec/reliability.md 1.3). Pixels are known before anything is decoded: a file of 300 kB
 * can hold 2,500,000,000. Bytes count the samples: an interlaced picture is held whole. Frames: an animation is a picture here.
 */
export const imageLimits = { pixels: 64 << 20, bytes: 256 << 20, frames: 1000 } as const

/** Only decoders for these formats may run in this process; libvips brings many more, SVG among them. */
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp'] })
sharp.cache(false)

/** Opens a picture from outside. Broken and cut-off files are errors, not grey areas. */
export const openImage = (source: string | Buffer, failOn: 'warning' | 'error' = 'warning'): Sharp =>
  sharp(source, { limitInputPixels: imageLimits.pixels, failOn, pages: 1 })

export type ImageFormat = 'png' | 'jpeg' | 'webp'
/** 8 bits a channel, row by row. */
export type Pixels = { readonly data: Uint8Array; readonly width: number; readonly height: number; readonly channels: number }
export type Conversion = { readonly preview?: string; readonly channel?: string }
export type Size = { readonly width: number; readonly height: number }
export type Converted = { readonly mime: string; readonly bytes: Buffer }

/** Everything that reads compressed pixels. Runs in a process of its own (decode-process.ts) where there is one. */
export type Decoders = {
  /** Decodes every pixel of an upload, to know that others will be able to. */
  check(bytes: Buffer): Promise<ImageFormat>
  /** A picture file in sRGB or grey as stored, turned as EXIF says; made smaller where it has more pixels than `most`. */
  read(file: string, most?: number): Promise<Pixels & { readonly stored: Size }>
  /** A picture file without its opacity, in sRGB, or grey for one channel, as training reads it (train/datasets/folder.ts). */
  flat(file: string, channels: 1 | 3): Promise<Pixels>
  /** Smaller or partial forms of a stored picture that `/view` can be asked for (spec/comfyui.md 1.8). */
  convert(file: string, wanted: Conversion): Promise<Converted>
  size(file: string): Promise<Size>
  /** PNG of a part. */
  cut(file: string, place: Region): Promise<Buffer>
  /** PNG of a picture file whose opacity is that of another picture of the same size. */
  mask(file: string, mask: Buffer): Promise<Buffer>
}

/** Decodes in this process. Every failure is a BadRequest whose reason a person understands. */
export const decoders: Decoders = {
  check: explained(async bytes => {
    const { format } = await affordable(bytes)
    await openImage(bytes).stats()
    return format as ImageFormat
  }),
  read: explained(async (file, most) => {
    const { space, autoOrient: stored } = await affordable(file)
    const grey = space === 'b-w' || space === 'grey16'
    const { data, info } = await openImage(file)
      .autoOrient()
      .resize({ ...fitting(stored, most ?? Infinity), fit: 'fill' })
      .toColourspace(grey ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return { data, width: info.width, height: info.height, channels: info.channels, stored }
  }),
  flat: explained(async (file, channels) => {
    await affordable(file)
    const opened = openImage(file, 'error').autoOrient().removeAlpha()
    const { data, info } = await (channels === 1 ? opened.greyscale() : opened)
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return { data, width: info.width, height: info.height, channels: info.channels }
  }),
  convert: explained(async (file, { preview, channel }) => {
    await affordable(file)
    if (preview === undefined) {
      const source = openImage(file)
      const part = channel === 'a' ? source.ensureAlpha().extractChannel('alpha') : source.removeAlpha()
      return { mime: 'image/png', bytes: await part.png().toBuffer() }
    }
    const [name, quality] = preview.split(';')
    const jpeg = name === 'jpeg' && !channel?.includes('a')
    const options = { quality: Math.min(100, Math.max(1, /^\d{1,3}$/.test(quality ?? '') ? Number(quality) : 90)) }
    const bytes = await (jpeg ? openImage(file).flatten().jpeg(options) : openImage(file).webp(options)).toBuffer()
    return { mime: jpeg ? 'image/jpeg' : 'image/webp', bytes }
  }),
  size: explained(async file => {
    const { width, height } = await affordable(file)
    return { width, height }
  }),
  cut: explained((file, place) => openImage(file).extract(place).png().toBuffer()),
  mask: explained(async (file, mask) => {
    const [base, over] = [await affordable(file), await affordable(mask)]
    if (base.width !== over.width || base.height !== over.height)
      throw new BadRequest(
        'mask_size',
        `The mask has ${over.width}×${over.height} pixels, its picture ${base.width}×${base.height}; send one of the same size`,
      )
    const raw = { width: over.width, height: over.height, channels: 1 } as const
    const alpha = await openImage(mask)
      .ensureAlpha()
      .extractChannel('alpha')
      .toColourspace('b-w')
      .raw({ depth: 'uchar' })
      .toBuffer()
    // Two pipelines: in one, sharp would take the opacity away after it was put on.
    const colours = await openImage(file).toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' }).toBuffer()
    return sharp(colours, { raw: { ...raw, channels: 3 } })
      .joinChannel(alpha, { raw })
      .png()
      .toBuffer()
  }),
}

/** The same shape with `most` pixels at most. */
function fitting({ width, height }: Size, most: number): Size {
  const scale = Math.min(1, Math.sqrt(most / (width * height)))
  const shrunk = (side: number) => (scale === 1 ? side : Math.max(1, Math.floor(side * scale)))
  return { width: shrunk(width), height: shrunk(height) }
}

/** What the header says, if that may be decoded. */
async function affordable(source: string | Buffer) {
  if ((await webpFrames(source, imageLimits.frames)) > imageLimits.frames)
    throw new BadRequest(
      'image_too_large',
      `The image has more than ${imageLimits.frames} frames or parts; save one of them as a picture`,
      413,
    )
  const metadata = await openImage(source).metadata()
  const { width, height, channels, depth } = metadata
  const bytes = width * height * channels * (depth === 'uchar' ? 1 : 2)
  if (bytes > imageLimits.bytes)
    throw new BadRequest(
      'image_too_large',
      `The image takes ${Math.ceil(bytes / 2 ** 20)} MB when decoded, more than ${imageLimits.bytes >> 20}; make it smaller, or save it with 8 bits a channel`,
      413,
    )
  return metadata
}

function explained<A extends unknown[], R>(decode: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
  return async (...given) => {
    try {
      return await decode(...given)
    } catch (cause) {
      throw cause instanceof BadRequest ? cause : imageProblem(cause)
    }
  }
}

function imageProblem(cause: unknown): BadRequest {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (/pixel limit/i.test(message))
    return new BadRequest(
      'image_too_large',
      `The image has more than ${imageLimits.pixels / (1 << 20)} million pixels; make it smaller and try again`,
      413,
    )
  if (/unsupported image format|blocked|input buffer contains/i.test(message))
    return new BadRequest('not_an_image', 'The file is not a PNG, JPEG or WebP image', 415)
  return new BadRequest(
    'broken_image',
    `The image is damaged or cut off (${message.split('\n')[0]}); save it again and try again`,
  )
}
