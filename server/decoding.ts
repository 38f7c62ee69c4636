import type { Region } from 'sharp'
import { zeros, type Tensor } from '../model/tensor.ts'
import { createDecodePool, decodeScript } from './decode-pool.ts'
import type { Conversion, Converted, Decoders, ImageFormat, Size } from './decode.ts'

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

/** Pixels of a picture file. */
export const imageSize = async (file: string): Promise<Size> => (await decoder()).size(file)

/** PNG of a part of a picture file. */
export const cutImage = async (file: string, place: Region): Promise<Buffer> => (await decoder()).cut(file, place)

/** PNG of a picture file whose opacity is that of another picture of the same size: what a mask editor sends back. */
export const withAlphaOf = async (file: string, mask: Buffer): Promise<Buffer> => (await decoder()).mask(file, mask)

/** A picture file as a node sees it: [1,H,W,C] 0…1 in sRGB with C = 1 or 3 as stored, turned as EXIF says, and its opacity [1,H,W,1]. */
export async function decodeImage(file: string): Promise<{ image: Tensor; alpha: Tensor }> {
  const { data, width: W, height: H, channels } = await (await decoder()).read(file)
  const C = channels >= 3 ? 3 : 1
  const image = zeros([1, H, W, C])
  const alpha = zeros([1, H, W, 1])
  for (let i = 0; i < H * W; i++) {
    for (let c = 0; c < C; c++) image.data[i * C + c] = data[i * channels + c] / 255
    alpha.data[i] = channels > C ? data[i * channels + C] / 255 : 1
  }
  return { image, alpha }
}
