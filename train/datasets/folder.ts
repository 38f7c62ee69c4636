import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import sharp from 'sharp'
import { shuffled } from '../../model/noise.ts'
import { resizeBicubic } from '../../model/resize.ts'
import { seedFor } from '../seeds.ts'
import { parseAttributes } from './attribute-table.ts'
import { countOf, pictures, type DataSet } from '../../analysis/data-set.ts'

/** A user's own folder of pictures, with an optional CSV of attributes. */

export type FolderOptions = {
  readonly path: string
  /** CSV with a file name in its first column; see attribute-table.ts. */
  readonly attributes?: string
  /** Pixels per side after squashing, as the authors squash 218×178 to 64×64. */
  readonly size: number
  readonly channels: 1 | 3
  /** Pictures held out as the test set, chosen by `seed`. */
  readonly test: number
  readonly seed: number
}

/** Pixels of a picture file without opacity, 8 bits a channel, turned as EXIF says: sRGB, or grey for one channel. */
export type DecodePicture = (
  file: string,
  channels: 1 | 3,
) => Promise<{ readonly data: Uint8Array; readonly width: number; readonly height: number; readonly channels: number }>

export type Skipped = { readonly file: string; readonly reason: string }

const extensions = new Set(['.png', '.jpg', '.jpeg', '.webp', '.gif', '.avif', '.tif', '.tiff', '.bmp'])
/** A picture that would unpack to more than this is left out: nothing that trains a small model needs it. */
const maxPixels = 50_000_000

/**
 * Reads every picture of the folder (not of folders inside it). One that cannot be read, or has no row in the CSV, is
 * left out and named in `skipped`; it is an error when too few remain. A server gives a `decode` of its own, in another process;
 * training decodes here: the person at the command line chose the folder, a picture that breaks the codec ends that command and
 * nothing else, and tens of thousands of pictures need not cross between processes.
 */
export async function folderDataSet(
  options: FolderOptions,
  { decode = decodeHere, signal }: { readonly decode?: DecodePicture; readonly signal?: AbortSignal } = {},
): Promise<{ data: { train: DataSet; test: DataSet }; skipped: Skipped[] }> {
  const files = await pictureFiles(options.path)
  const table =
    options.attributes === undefined ? undefined : parseAttributes(await readText(options.attributes), options.attributes)
  const skipped: Skipped[] = [],
    kept: { file: string; image: Float32Array }[] = []
  for (const file of files) {
    signal?.throwIfAborted()
    if (table && !table.rows.has(file)) {
      skipped.push({ file, reason: `no row in ${options.attributes}` })
      continue
    }
    try {
      kept.push({ file, image: await readPicture(join(options.path, file), options, decode) })
    } catch (error) {
      skipped.push({ file, reason: (error as Error).message })
    }
  }
  if (kept.length <= options.test)
    throw new Error(
      `${options.path}: ${kept.length} of ${files.length} pictures can be used, ${options.test} of them are wanted for testing and more for training` +
        (skipped.length
          ? `; left out: ${skipped
              .slice(0, 5)
              .map(({ file, reason }) => `${file} (${reason})`)
              .join(', ')}${skipped.length > 5 ? ', …' : ''}`
          : ''),
    )
  return { data: split(assembled(kept, table, options), options), skipped }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`the attribute table ${path} cannot be read (${error.code ?? error.message})`)
  })
}

async function pictureFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) throw new Error(`${path} is not a folder; give the folder that holds the pictures`)
  const files = (await readdir(path)).filter(file => extensions.has(extname(file).toLowerCase())).sort()
  if (!files.length) throw new Error(`${path} holds no pictures (${[...extensions].join(' ')})`)
  return files
}

/** One picture as [size,size,C] in the network's units: RGB or grey, [0,1], antialias bicubic squash, 2v − 1. */
async function readPicture(path: string, { size, channels }: FolderOptions, decode: DecodePicture): Promise<Float32Array> {
  const { data, ...info } = await decode(path, channels)
  if (info.channels !== channels) throw new Error(`wanted ${channels} channels, got ${info.channels}`)
  if (info.width * info.height > maxPixels)
    throw new Error(`it has ${info.width}×${info.height} pixels, more than ${maxPixels / 1e6} million; make it smaller`)
  const unit = Float32Array.from(data, byte => byte / 255)
  return resizeBicubic({ shape: [1, info.height, info.width, channels], data: unit }, size, size).data.map(v => 2 * v - 1)
}

const decodeHere: DecodePicture = async (path, channels) => {
  const opened = sharp(path, { limitInputPixels: maxPixels, failOn: 'error' }).rotate().removeAlpha()
  const { data, info } = await (channels === 1 ? opened.greyscale() : opened)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height, channels: info.channels }
}

function assembled(
  kept: readonly { file: string; image: Float32Array }[],
  table: ReturnType<typeof parseAttributes> | undefined,
  { path, size, channels }: FolderOptions,
): DataSet {
  const pixels = size * size * channels,
    images = new Float32Array(kept.length * pixels)
  kept.forEach(({ image }, i) => images.set(image, i * pixels))
  const values = table && Uint8Array.from(kept.flatMap(({ file }) => table.rows.get(file)!))
  return {
    name: path,
    shape: [size, size, channels],
    images,
    ...(table ? { attributes: { names: table.names, values: values! } } : {}),
  }
}

/** The last `test` pictures of a seeded shuffle are the test set. */
function split(data: DataSet, { test, seed }: FolderOptions): { train: DataSet; test: DataSet } {
  const count = countOf(data),
    order = shuffled(count, seedFor('order', seed, -1))
  const part = (indices: Uint32Array): DataSet => {
    const chosen = { ...data, images: pictures(data, indices) }
    if (!data.attributes) return chosen
    const { names, values } = data.attributes
    const kept = Uint8Array.from([...indices].flatMap(i => [...values.subarray(i * names.length, (i + 1) * names.length)]))
    return { ...chosen, attributes: { names, values: kept } }
  }
  return { train: part(order.subarray(0, count - test)), test: part(order.subarray(count - test)) }
}
