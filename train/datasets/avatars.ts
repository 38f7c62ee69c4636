import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as avataaars from '@dicebear/avataaars'
import { createAvatar } from '@dicebear/core'
import { renderAsync } from '@resvg/resvg-js'
import { random } from '../../model/noise.ts'
import { writeWhole } from '../files.ts'
import { seedFor } from '../seeds.ts'
import type { DataSet } from '../../analysis/data-set.ts'
import { attributesOf, diceBearOptions, drawFace, faceAttributes, type Bias, type Face } from './faces.ts'

/**
 * `avatars`: synthetic faces with 13 exact attributes, any number, no download (spec/avatars.md).
 * Face i is a function of (seed, i) alone: a longer set begins with the shorter one, and the same seed gives the same bytes.
 */

export type AvatarOptions = {
  readonly count: number
  readonly seed: number
  /** Pixels per side. */
  readonly size?: number
  /** 0 = all attributes independent; 1 = smiling exactly when the hair is not black; between = how often that rule is followed. */
  readonly bias?: Bias
  /** Whether red is among the hair colours. Default: exactly when there is no bias; false gives the balanced set a biased model is judged on. */
  readonly redHair?: boolean
  /** Folder of rendered sets; false renders anew. Default `.cache/datasets` where the command runs. */
  readonly cache?: string | false
  readonly signal?: AbortSignal
  onProgress?(done: number, count: number): void
}

const setName = ({ bias = 0 }: AvatarOptions): string => (bias > 0 ? `avatars-biased-${bias}` : 'avatars')

export const drawFaces = ({ count, seed, bias = 0, redHair }: AvatarOptions): Face[] =>
  Array.from({ length: count }, (_, i) => drawFace(random(seedFor('face', seed, i)), bias, redHair))

/** The faces as pictures and a table: rendered on all cores, or read back from the cache. */
export async function avatars(options: AvatarOptions): Promise<DataSet> {
  const { count, size = 64 } = check(options)
  const faces = drawFaces(options)
  const values = Uint8Array.from(faces.flatMap(face => attributesOf(face).map(Number)))
  const path = cachePath(options, faces)
  const cached = path && (await readCached(path, count * size * size * 3))
  const images = cached || (await renderAll(faces, size, options))
  if (path && !cached) await writeWhole(path, [images])
  return { name: setName(options), shape: [size, size, 3], images, attributes: { names: faceAttributes, values } }
}

function check(options: AvatarOptions): AvatarOptions {
  const { count, size = 64, bias = 0 } = options
  if (!Number.isInteger(count) || count < 1) throw new Error(`avatars: count must be a whole number of at least 1, got ${count}`)
  if (!Number.isInteger(size) || size < 8 || size > 1024) throw new Error(`avatars: size must be 8 … 1024 pixels, got ${size}`)
  if (!(bias >= 0 && bias <= 1)) throw new Error(`avatars: bias must be 0 … 1, got ${bias}`)
  return options
}

/** The key is what is drawn, not how it was asked for: faces drawn otherwise by a later version never meet old pictures. */
function cachePath({ cache, seed, count, size = 64 }: AvatarOptions, faces: readonly Face[]): string | undefined {
  if (cache === false) return undefined
  const hash = createHash('sha256').update(JSON.stringify(faces)).digest('hex').slice(0, 16)
  return join(cache ?? join('.cache', 'datasets'), `avatars-${size}-${seed}-${count}-${hash}.rgb`)
}

/** A cached set, or nothing when it is not there or not whole. */
async function readCached(path: string, bytes: number): Promise<Uint8Array | undefined> {
  const file = await readFile(path).catch(() => undefined)
  return file?.length === bytes ? new Uint8Array(file.buffer, file.byteOffset, bytes) : undefined
}

/** Faces in flight at once: enough to keep resvg's threads busy while JavaScript writes the next SVG. */
const inFlight = 8

async function renderAll(faces: readonly Face[], size: number, { signal, onProgress }: AvatarOptions): Promise<Uint8Array> {
  const images = new Uint8Array(faces.length * size * size * 3)
  let next = 0,
    done = 0
  const worker = async () => {
    while (next < faces.length) {
      signal?.throwIfAborted()
      const i = next++
      images.set(await renderFace(faces[i], size), i * size * size * 3)
      if (++done % 200 === 0 || done === faces.length) onProgress?.(done, faces.length)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return images
}

/** One face as RGB bytes, [size,size,3]. */
export async function renderFace(face: Face, size: number): Promise<Uint8Array> {
  const svg = createAvatar(avataaars, diceBearOptions(face, size) as Parameters<typeof createAvatar>[1]).toString()
  const picture = await renderAsync(svg, { font: { loadSystemFonts: false } })
  if (picture.width !== size || picture.height !== size)
    throw new Error(`avatars: wanted ${size}×${size} pixels, resvg drew ${picture.width}×${picture.height}`)
  const rgba = picture.pixels,
    rgb = new Uint8Array(size * size * 3)
  // The background is opaque, so dropping alpha loses nothing.
  for (let i = 0; i < size * size; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i)
  return rgb
}
