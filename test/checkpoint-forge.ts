/**
 * Makes weight files byte by byte, honest and hostile ones alike: zip archives and pickles as torch.save writes them, and
 * every way to get them wrong. Nothing here is used outside the laws in test/checkpoint-*.test.ts.
 */
import { crc32 } from 'node:zlib'
import type { Weights } from '../model/weights.ts'

export type ZipEntry = {
  readonly name: string
  readonly data: Uint8Array
  /** What the headers claim, when it is not the truth. */
  readonly method?: number
  readonly claimed?: {
    readonly compressed?: number
    readonly size?: number
    readonly crc?: number
    readonly localName?: string
    readonly at?: number
  }
}

const little = (bytes: number, ...values: number[]): Buffer =>
  Buffer.concat(
    values.map(value => {
      const out = Buffer.alloc(bytes)
      out.writeUIntLE(value, 0, bytes)
      return out
    }),
  )

/** A zip archive of entries as given, sound unless an entry claims something else. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const { name, data, method = 0, claimed = {} } of entries) {
    const sizes = little(4, claimed.crc ?? crc32(data), claimed.compressed ?? data.length, claimed.size ?? data.length)
    const fixed = Buffer.concat([little(2, 20, 0x800, method, 0, 0), sizes])
    const local = Buffer.from(claimed.localName ?? name)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), fixed, little(2, local.length, 0), local, Buffer.from(data))
    const place = little(4, 0, claimed.at ?? at)
    const lengths = little(2, Buffer.byteLength(name), 0, 0, 0, 0)
    central.push(Buffer.from('PK\x01\x02', 'latin1'), little(2, 20), fixed, lengths, place, Buffer.from(name))
    at += 30 + local.length + data.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.concat([little(2, 0, 0, entries.length, entries.length), little(4, directory.length, at), little(2, 0)])
  return Buffer.concat([...parts, directory, Buffer.from('PK\x05\x06', 'latin1'), end])
}

const join = (...parts: (Buffer | number)[]): Buffer =>
  Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.from([part]) : part)))

/** Pickle opcodes as Python writes them in protocol 2. */
export const p = {
  proto: (version = 2) => Buffer.from([0x80, version]),
  stop: Buffer.from('.'),
  none: Buffer.from('N'),
  no: Buffer.from([0x89]),
  text: (value: string) => join(0x58, little(4, Buffer.byteLength(value)), Buffer.from(value)),
  int: (value: number) => join(0x4a, little(4, value >>> 0)),
  long: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return join(0x8a, 8, bytes)
  },
  tuple: (...items: Buffer[]) => join(0x28, ...items, 0x74),
  list: (...items: Buffer[]) => join(0x5d, 0x28, ...items, 0x65),
  dict: (...pairs: [Buffer, Buffer][]) => join(0x7d, 0x28, ...pairs.flat(), 0x75),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  call: (callable: Buffer, ...args: Buffer[]) => join(callable, p.tuple(...args), 0x52),
  ordered: () => p.call(p.global('collections', 'OrderedDict')),
  persistent: (id: Buffer) => join(id, 0x51),
  whole: (value: Buffer, version = 2) => join(p.proto(version), value, p.stop),
  join,
}

export type View = {
  key: string
  count: number
  shape: readonly number[]
  stride?: readonly number[]
  offset?: number
  type?: string
  place?: string
}

const rowMajor = (shape: readonly number[]): number[] => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, n) => a * n, 1))
const ints = (values: readonly number[]): Buffer =>
  p.tuple(...values.map(n => (n < 2 ** 31 && n >= -(2 ** 31) ? p.int(n) : p.long(BigInt(n)))))

/** torch._utils._rebuild_tensor_v2 of a storage. */
export function tensorPickle({
  key,
  count,
  shape,
  stride = rowMajor(shape),
  offset = 0,
  type = 'FloatStorage',
  place = 'cpu',
}: View): Buffer {
  const [size] = [ints([count])].map(tuple => tuple.subarray(1, -1))
  const storage = p.persistent(p.tuple(p.text('storage'), p.global('torch', type), p.text(key), p.text(place), size))
  const from = ints([offset]).subarray(1, -1)
  return p.call(p.global('torch._utils', '_rebuild_tensor_v2'), storage, from, ints(shape), ints(stride), p.no, p.ordered())
}

/** The entries of a torch.save archive around a pickle. */
export const torchEntries = (pickle: Buffer, storages: Readonly<Record<string, Uint8Array>> = {}, root = 'ckpt'): ZipEntry[] => [
  { name: `${root}/data.pkl`, data: pickle },
  ...Object.entries(storages).map(([key, data]) => ({ name: `${root}/data/${key}`, data })),
  { name: `${root}/version`, data: Buffer.from('3\n') },
]

/** A file as torch.save({ model: state }) or, with `bare`, torch.save(state) makes it. */
export function torchFile(state: Weights, { bare = false, root = 'ckpt' } = {}): Buffer {
  const names = [...state.keys()]
  const pairs = names.map((name, i): [Buffer, Buffer] => {
    const { shape, data } = state.get(name)!
    return [p.text(name), tensorPickle({ key: String(i), count: data.length, shape })]
  })
  const storages = names.map((name, i) => {
    const { data } = state.get(name)!
    return [String(i), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const
  })
  const model = p.join(p.ordered(), 0x28, ...pairs.flat(), 0x75)
  const root_ = bare ? model : p.dict([p.text('opt'), p.dict()], [p.text('scaler'), p.dict()], [p.text('model'), model])
  return zipOf(torchEntries(p.whole(root_), Object.fromEntries(storages), root))
}

/** A .safetensors file with any header at all. */
export function safetensorsOf(header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const json = typeof header === 'string' ? Buffer.from(header) : Buffer.from(JSON.stringify(header))
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([start, json, data])
}
