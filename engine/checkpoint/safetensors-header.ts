import { CheckpointError, quote } from './error.ts'
import { parseJson } from './json.ts'

/** Bytes of one number of every type that is read; all are widened to float32. */
export const bytesOf = { F32: 4, F16: 2, BF16: 2 } as const
export type Dtype = keyof typeof bytesOf

/** One tensor of the header, its numbers checked; `begin` and `end` count from the first byte after the header. */
export type Entry = {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export type Header = { readonly metadata: ReadonlyMap<string, string>; readonly entries: readonly Entry[] }

/** The format allows 100 MB; a real header of ours has 100 kB. */
export const maxHeaderBytes = 16 * 1024 * 1024
const maxRank = 8

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A list of non-negative safe integers, or undefined. */
const naturals = (value: unknown): readonly number[] | undefined =>
  Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0) ? (value as number[]) : undefined

function readMetadata(file: string, value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map()
  const pairs = isRecord(value) ? Object.entries(value) : undefined
  if (!pairs?.every((pair): pair is [string, string] => typeof pair[1] === 'string'))
    throw new CheckpointError(file, { wanted: 'a header whose __metadata__ maps strings to strings', got: 'something else' })
  return new Map(pairs)
}

function readEntry(file: string, name: string, value: unknown): Entry {
  const refuse = (wanted: string, got: unknown): never => {
    throw new CheckpointError(file, { wanted: `tensor ${quote(name)} with ${wanted}`, got: quote(got) })
  }
  if (!isRecord(value)) return refuse('a description { dtype, shape, data_offsets }', value)
  const { dtype } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesOf, dtype)) return refuse('dtype F32, F16 or BF16', dtype)
  const shape = naturals(value.shape)
  if (!shape || shape.length > maxRank) return refuse(`a shape of at most ${maxRank} whole numbers ≥ 0`, value.shape)
  const offsets = naturals(value.data_offsets)
  if (offsets?.length !== 2 || offsets[0] > offsets[1])
    return refuse('data_offsets [begin, end], 0 ≤ begin ≤ end', value.data_offsets)
  const [begin, end] = offsets
  const bytes = shape.reduce((product, n) => product * BigInt(n), BigInt(bytesOf[dtype as Dtype]))
  if (bytes !== BigInt(end - begin)) return refuse(`${bytes} bytes for ${dtype} [${shape}]`, `${end - begin} bytes`)
  return { name, dtype: dtype as Dtype, shape, begin, end }
}

/**
 * The JSON header of a .safetensors file (https://huggingface.co/docs/safetensors), every number in it checked against the
 * `dataBytes` that follow: known types, sizes that fit the shapes, no overlap, no holes, nothing left over.
 * Entries come back in the order of their bytes. Raises CheckpointError.
 */
export function parseHeader(file: string, bytes: Uint8Array, dataBytes: number): Header {
  const json = parseJson(file, bytes, 'the JSON header of a .safetensors file', 1_000_000)
  if (!isRecord(json)) throw new CheckpointError(file, { wanted: 'a header that is a JSON object', got: quote(json) })
  const { __metadata__, ...tensors } = json
  const entries = Object.entries(tensors)
    .map(([name, value]) => readEntry(file, name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  let at = 0
  for (const { name, begin, end } of entries) {
    if (begin !== at)
      throw new CheckpointError(file, {
        wanted: `tensor ${quote(name)} to begin at byte ${at}, where the one before it ends`,
        got: `${begin} (${begin < at ? 'they overlap' : 'a hole'})`,
      })
    at = end
  }
  if (at !== dataBytes)
    throw new CheckpointError(file, { wanted: `${at} bytes of weights, as the header says`, got: `${dataBytes}` })
  return { metadata: readMetadata(file, __metadata__), entries }
}

/** The bytes of a file before its weights: length, header, spaces up to a multiple of eight. */
export function formatHeader(metadata: Readonly<Record<string, string>>, entries: readonly Entry[]): Uint8Array {
  const tensors = entries.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, data_offsets: [begin, end] }])
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(tensors) }))
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - 8))
  json.copy(header, 8)
  return header
}
