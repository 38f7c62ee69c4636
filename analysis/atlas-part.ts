/** A few finished prototypes of an atlas as bytes, and back. */
import { sizeOf, type Tensor } from '../model/tensor.ts'

/** P prototypes on E pictures. */
export type AtlasPart = {
  readonly prototypes: readonly number[]
  readonly values: readonly number[]
  /** [P][E] */
  readonly after: readonly (readonly number[])[]
  readonly cells: readonly (readonly number[])[]
  /** [P·E,D] encoder features at those cells. */
  readonly z: Tensor
  /** [P·E,H,W,C] -1 … 1, values of 8 bits. */
  readonly images: Tensor
}

type Head = Omit<AtlasPart, 'z' | 'images'> & { readonly z: readonly number[]; readonly images: readonly number[] }

/** Length of the JSON head, head, z as float32, pictures as bytes. */
export function encodePart({ z, images, ...rest }: AtlasPart): Uint8Array {
  const text = JSON.stringify({ ...rest, z: z.shape, images: images.shape } satisfies Head)
  const head = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4))
  const bytes = new Uint8Array(4 + head.length + z.data.byteLength + images.data.length)
  new DataView(bytes.buffer).setUint32(0, head.length, true)
  bytes.set(head, 4)
  bytes.set(new Uint8Array(z.data.buffer, z.data.byteOffset, z.data.byteLength), 4 + head.length)
  bytes.set(
    Uint8Array.from(images.data, value => Math.round((value + 1) * 127.5)),
    4 + head.length + z.data.byteLength,
  )
  return bytes
}

/** `undefined` for bytes that are no whole part: it is then made again. */
export function decodePart(stored: Uint8Array): AtlasPart | undefined {
  const bytes = stored.slice()
  if (bytes.length < 4) return undefined
  const length = new DataView(bytes.buffer).getUint32(0, true)
  if (length > bytes.length - 4 || length % 4 !== 0) return undefined
  const head = readHead(bytes.subarray(4, 4 + length))
  if (!head) return undefined
  const [zSize, imageSize] = [sizeOf(head.z), sizeOf(head.images)]
  if (bytes.length !== 4 + length + 4 * zSize + imageSize) return undefined
  const from = 4 + length + 4 * zSize
  return {
    ...head,
    z: { shape: head.z, data: new Float32Array(bytes.buffer, 4 + length, zSize) },
    images: { shape: head.images, data: Float32Array.from(bytes.subarray(from), value => value / 127.5 - 1) },
  }
}

function readHead(bytes: Uint8Array): Head | undefined {
  try {
    const head = JSON.parse(new TextDecoder().decode(bytes)) as Head
    const each = [head.values, head.after, head.cells]
    const isWhole = each.every(list => list.length === head.prototypes.length) && head.z.length === 2 && head.images.length === 4
    return isWhole ? head : undefined
  } catch {
    return undefined
  }
}
