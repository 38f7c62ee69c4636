import { access, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { resizeBicubic } from '../../model/resize.ts'
import type { DataSet } from '../../analysis/data-set.ts'

/**
 * MNIST-like data sets from their idx files (Fashion-MNIST: Xiao et al. 2017, MIT), plain or .gz:
 * big-endian header `00 00 08 rank`, one uint32 per axis, then bytes.
 */

/** More than any idx set of small pictures holds; a header that claims more is broken or hostile. */
const maxBytes = 1 << 30

export type Idx = { readonly shape: readonly number[]; readonly data: Uint8Array }

/** Reads one idx file of unsigned bytes; `name` is what errors call it. */
export function parseIdx(bytes: Uint8Array, name: string): Idx {
  const wrong = (what: string) => new Error(`${name} is not a readable idx file: ${what}`)
  if (bytes.length < 4) throw wrong(`it has ${bytes.length} bytes, not even a header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    rank = bytes[3]
  if (view.getUint16(0) !== 0 || bytes[2] !== 8)
    throw wrong(
      `wanted it to begin with 00 00 08 (unsigned bytes), got ${[...bytes.subarray(0, 3)].map(b => b.toString(16).padStart(2, '0')).join(' ')}`,
    )
  if (rank < 1 || rank > 4) throw wrong(`wanted 1 to 4 axes, its header says ${rank}`)
  const start = 4 + 4 * rank
  if (bytes.length < start) throw wrong(`the header ends after ${bytes.length} of ${start} bytes`)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const size = shape.reduce((product, n) => product * n, 1)
  if (bytes.length !== start + size)
    throw wrong(
      `shape [${shape}] wants ${size} bytes of data, the file holds ${bytes.length - start}; it is cut off or has something behind it`,
    )
  return { shape, data: bytes.subarray(start) }
}

/** Reads `path`, or `path.gz` when only that is there. */
async function readIdx(path: string): Promise<Idx> {
  const packed = await access(path).then(
    () => false,
    () => true,
  )
  const file = packed ? `${path}.gz` : path
  const bytes = await readFile(file).catch(() => {
    throw new Error(`found neither ${path} nor ${path}.gz; give the folder with the four idx files of the data set`)
  })
  if (!packed) return parseIdx(bytes, file)
  let plain: Buffer
  try {
    plain = gunzipSync(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    throw new Error(`${file} cannot be unpacked (${(error as Error).message}); download it again`)
  }
  return parseIdx(plain, file)
}

/** What Fashion-MNIST's ten labels mean. */
export const fashionClasses = [
  't-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
]

/** bytes [N,H,W] → [N,size,size,1] in -1 … 1, with the authors' transform: [0,1], antialias bicubic, 2v − 1. */
export function resizeGrey({ shape: [count, height, width], data }: Idx, size: number): Float32Array {
  const out = new Float32Array(count * size * size),
    chunk = 1000
  for (let from = 0; from < count; from += chunk) {
    const n = Math.min(chunk, count - from),
      pixels = height * width
    const unit = Float32Array.from(data.subarray(from * pixels, (from + n) * pixels), byte => byte / 255)
    const resized = resizeBicubic({ shape: [n, height, width, 1], data: unit }, size, size)
    out.set(
      resized.data.map(v => 2 * v - 1),
      from * size * size,
    )
  }
  return out
}

export type IdxOptions = {
  /** Pixels a side after resizing. */
  readonly size?: number
  /** Keeps only the first ones. */
  readonly count?: number
  /** Names of the labels, by number; default the numbers. */
  readonly classes?: readonly string[]
}

/** A split of an idx data set. */
export async function idxDataSet(
  folder: string,
  split: 'train' | 'test',
  { size = 32, count, classes }: IdxOptions = {},
): Promise<DataSet> {
  const stem = split === 'train' ? 'train' : 't10k'
  const images = await readIdx(join(folder, `${stem}-images-idx3-ubyte`))
  const labels = await readIdx(join(folder, `${stem}-labels-idx1-ubyte`))
  if (images.shape.length !== 3) throw new Error(`${folder}: wanted pictures as [N,H,W], got shape [${images.shape}]`)
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0])
    throw new Error(
      `${folder}: ${images.shape[0]} pictures but labels of shape [${labels.shape}]; the files belong to different sets`,
    )
  const [all, height, width] = images.shape,
    n = Math.min(all, count ?? all)
  const kept = { shape: [n, height, width], data: images.data.subarray(0, n * height * width) }
  const most = labels.data.reduce((max, label) => Math.max(max, label), 0)
  if (classes && most >= classes.length)
    throw new Error(`${folder}: a label is ${most}, but only ${classes.length} classes have names`)
  const names = classes ?? Array.from({ length: most + 1 }, (_, i) => String(i))
  return {
    name: `${basename(resolve(folder))}-${split}`,
    shape: [size, size, 1],
    images: resizeGrey(kept, size),
    classes: { names, values: labels.data.slice(0, n) },
  }
}
