import type { Region } from 'sharp'
import { zeros, type Tensor } from '../model/tensor.ts'
import { createDecodePool, decodeScript } from './decode-pool.ts'
import type { Conversion, Converted, Decoders, ImageFormat, Pixels, Size } from './decode.ts'

/** Where pictures from outside are decoded: in processes of their own, started with the first one; from sources, in this one. */
let chosen: Promise<Decoders> | undefined
function decoder(): Promise<Decoders> {
  const script = decodeScript()
  return (chosen ??=
    script === undefined ? import('./decode.ts').then(({ decoders }) => decoders) : Promise.resolve(createDecodePool({ script })))
}

/** Decodes every pixel of an upload, to know that others will be able to. Throws BadRequest with a reason a person understands. */
export const checkImage = async (bytes: Buffer): Promise<ImageFormat> => (await decoder()).check(bytes)

/** Smaller or partial forms of a stored picture that `/view` can be asked for (spec/comfyui.md 1.8). */
export const convertImage = async (file: string, wanted: Conversion): Promise<Converted> =>
  (await decoder()).convert(file, wanted)

/** A picture of a data set: without opacity, in sRGB or grey. */
export const flatPicture = async (file: string, channels: 1 | 3): Promise<Pixels> => (await decoder()).flat(file, channels)

/** Pixels of a picture file. */
export const imageSize = async (file: string): Promise<Size> => (await decoder()).size(file)

/** PNG of a part of a picture file. */
export const cutImage = async (file: string, place: Region): Promise<Buffer> => (await decoder()).cut(file, place)

/** PNG of a picture file whose opacity is that of another picture of the same size: what a mask editor sends back. */
export const withAlphaOf = async (file: string, mask: Buffer): Promise<Buffer> => (await decoder()).mask(file, mask)

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
  const { data, width: W, height: H, channels, stored } = await (await decoder()).read(file, mostPixels)
  const C = channels >= 3 ? 3 : 1
  const image = zeros([1, H, W, C])
  const mask = zeros([1, H, W])
  for (let i = 0; i < H * W; i++) for (let c = 0; c < C; c++) image.data[i * C + c] = data[i * channels + c] / 255
  // The zeros of an opaque picture are never touched, and so take no memory.
  if (channels > C) for (let i = 0; i < H * W; i++) mask.data[i] = 1 - data[i * channels + C] / 255
  return { image, mask, ...((stored.width !== W || stored.height !== H) && { stored }) }
}
