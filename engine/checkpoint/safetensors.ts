import { createHash, randomUUID } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sizeOf, type Tensor } from '../../model/tensor.ts'
import type { Weights } from '../../model/weights.ts'
import type { CheckpointInfo } from '../patronus.ts'
import { CheckpointError, quote } from './error.ts'
import { fileError, withFile, type WeightFile } from './file.ts'
import { sniff } from './format.ts'
import { narrowHalves, widenBFloats, widenHalves } from './half.ts'
import { checkInfo, maxInfoValues } from './info.ts'
import { parseJson } from './json.ts'
import { bytesOf, formatHeader, maxHeaderBytes, parseHeader, type Dtype, type Entry } from './safetensors-header.ts'
import { checkShapes, checkWeights } from './shapes.ts'

/** Weights and what they mean. */
export type Checkpoint = {
  /** SHA-256 of the file, hex. */
  readonly id: string
  readonly info: CheckpointInfo
  /** Names and layouts as `names.ts` describes, all float32. The prior's names start with `prior.`. */
  readonly weights: Weights
}

/** Written into every file; a file of another format is refused instead of misread. */
const format = 'patronus-nodes/1'

/** Raw little-endian bytes of one tensor, in a buffer of their own → float32. */
const decode: { readonly [D in Dtype]: (bytes: Uint8Array) => Float32Array } = {
  F32: ({ buffer }) => new Float32Array(buffer),
  F16: ({ buffer }) => widenHalves(new Uint16Array(buffer)),
  BF16: ({ buffer }) => widenBFloats(new Uint16Array(buffer)),
}

/** Length and JSON of the header: every byte before the weights. */
async function readHeader(file: WeightFile): Promise<Uint8Array> {
  const start = new Uint8Array(8)
  await file.read(start, 0)
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes) || Number(length) + 8 > file.size)
    throw new CheckpointError(file.path, {
      wanted: `a header of at most ${Math.min(maxHeaderBytes, file.size - 8)} bytes`,
      got: `${length}`,
    })
  const bytes = new Uint8Array(8 + Number(length))
  await file.read(bytes, 0)
  return bytes
}

function readInfo(path: string, metadata: ReadonlyMap<string, string>): CheckpointInfo {
  const found = metadata.get('format')
  const text = metadata.get('patronus')
  if (found !== format || text === undefined)
    throw new CheckpointError(path, {
      wanted: `a checkpoint of Patronus Nodes (metadata format ${format})`,
      got: found === undefined ? 'a .safetensors file without that entry' : `format ${quote(found)}`,
      remedy: 'Use a file written by this program; import official PyTorch files with `patronus import`.',
    })
  return checkInfo(path, parseJson(path, text, 'metadata "patronus" in JSON', maxInfoValues))
}

type Opened = { readonly header: Uint8Array; readonly entries: readonly Entry[]; readonly info: CheckpointInfo }

/** Everything before the weights, checked: after this every name, shape and offset is known to be right. */
async function openChecked(file: WeightFile): Promise<Opened> {
  await sniff(file, 'safetensors')
  const header = await readHeader(file)
  const { metadata, entries } = parseHeader(file.path, header.subarray(8), file.size - header.length)
  const info = readInfo(file.path, metadata)
  checkShapes(file.path, info, new Map(entries.map(({ name, shape }) => [name, shape])))
  return { header, entries, info }
}

/** What a checkpoint says about itself, without reading its weights. Raises CheckpointError. */
export const readCheckpointInfo = (path: string): Promise<CheckpointInfo> =>
  withFile(path, async file => (await openChecked(file)).info)

/** The texts in the header of any .safetensors file, as they stand, whoever wrote it. Raises CheckpointError. */
export const readCheckpointMetadata = (path: string): Promise<ReadonlyMap<string, string>> =>
  withFile(path, async file => {
    await sniff(file, 'safetensors')
    const header = await readHeader(file)
    return parseHeader(file.path, header.subarray(8), file.size - header.length).metadata
  })

/** Reads and checks a checkpoint. Whatever the bytes are, the only error is CheckpointError. */
export function readCheckpoint(path: string): Promise<Checkpoint> {
  return withFile(path, async file => {
    const { header, entries, info } = await openChecked(file)
    const hash = createHash('sha256').update(header)
    const weights = new Map<string, Tensor>()
    // Entries cover the rest of the file without holes, in this order: hashing them as they are read hashes the file.
    for (const { name, dtype, shape, begin, end } of entries) {
      const raw = new Uint8Array(end - begin)
      await file.read(raw, header.length + begin)
      hash.update(raw)
      weights.set(name, { shape, data: decode[dtype](raw) })
    }
    checkWeights(path, info, weights)
    return { id: hash.digest('hex'), info, weights }
  })
}

/**
 * In a half-precision file these stay float32. Everything that decides s is among them: s = ln((d+1)/(d+ε)) is steep at
 * small d, and ranges and prior were measured with the exact encoder. Vectors and the time table cost next to nothing.
 */
const staysExact = (name: string, { shape }: Tensor): boolean =>
  shape.length < 2 || name.startsWith('proactBlock.') || name.endsWith('.time_blocks.0.weight')

function encode(path: string, { name, dtype }: Entry, { data }: Tensor): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const halves = narrowHalves(data)
  const lost = halves.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(data[i]))
  if (lost >= 0)
    throw new CheckpointError(path, {
      wanted: `values of ${name} within ±65504 for F16`,
      got: `${data[lost]}`,
      remedy: 'Write it as F32.',
    })
  return new Uint8Array(halves.buffer)
}

function layOut(weights: Weights, dtype: 'F32' | 'F16'): Entry[] {
  let at = 0
  // Four-byte numbers first, so that every tensor lies at a multiple of its own size.
  const typed = [...weights].map(([name, tensor]) => ({
    name,
    tensor,
    dtype: staysExact(name, tensor) ? ('F32' as const) : dtype,
  }))
  const ordered = [...typed.filter(t => t.dtype === 'F32'), ...typed.filter(t => t.dtype === 'F16')]
  return ordered.map(({ name, tensor: { shape }, dtype }) => {
    const begin = at
    at += sizeOf(shape) * bytesOf[dtype]
    return { name, dtype, shape, begin, end: at }
  })
}

/** Writes beside `path`, flushes to disk and renames: a reader sees the old file or the new one, never a part. */
async function writeWhole(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(path, error, 'to write the file')
  }
}

/** Makes the rename itself durable; not every system can open a folder, and those need no such thing. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

/**
 * Writes what `from`, a checkpoint of ours, holds to `to` (the same path, too) with another description; returns the new id. Weights
 * are copied byte by byte, in half precision as in full. Refuses a description that the weights do not fit.
 */
export async function writeCheckpointInfo(from: string, to: string, info: CheckpointInfo): Promise<string> {
  const checked = checkInfo(to, info)
  return withFile(from, async file => {
    const { header: old, entries } = await openChecked(file)
    checkShapes(to, checked, new Map(entries.map(({ name, shape }) => [name, shape])))
    const hash = createHash('sha256')
    await writeWhole(to, async handle => {
      const append = async (bytes: Uint8Array) => {
        hash.update(bytes)
        await handle.writeFile(bytes)
      }
      await append(formatHeader({ format, patronus: JSON.stringify(checked) }, entries))
      for (const { begin, end } of entries) {
        const raw = new Uint8Array(end - begin)
        await file.read(raw, old.length + begin)
        await append(raw)
      }
    })
    return hash.digest('hex')
  })
}

/**
 * Writes a checkpoint and returns its id (SHA-256 of the file). `dtype` F16 halves the file: matrices and kernels are
 * rounded to half precision except the encoder's and the prototypes'. Refuses weights that do not fit the configuration.
 */
export async function writeCheckpoint(
  path: string,
  { info, weights }: Omit<Checkpoint, 'id'>,
  { dtype = 'F32' }: { dtype?: 'F32' | 'F16' } = {},
): Promise<string> {
  const checked = checkInfo(path, info)
  checkWeights(path, checked, weights)
  const entries = layOut(weights, dtype)
  const header = formatHeader({ format, patronus: JSON.stringify(checked) }, entries)
  const hash = createHash('sha256')
  await writeWhole(path, async handle => {
    const append = async (bytes: Uint8Array) => {
      hash.update(bytes)
      await handle.writeFile(bytes)
    }
    await append(header)
    for (const entry of entries) await append(encode(path, entry, weights.get(entry.name)!))
  })
  return hash.digest('hex')
}
