/** Our own weight files: what is written is what is read, and nothing that is wrong passes for a checkpoint. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CheckpointError } from '../engine/checkpoint/error.ts'
import { narrowHalf, widenBFloats, widenHalf } from '../engine/checkpoint/half.ts'
import { readCheckpoint, readCheckpointInfo, writeCheckpoint, type Checkpoint } from '../engine/checkpoint/safetensors.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { initialPriorWeights, initialWeights } from '../model/initialize.ts'
import { safetensorsOf } from './checkpoint-forge.ts'

const info: CheckpointInfo = {
  name: 'tiny',
  description: 'A checkpoint for tests.',
  config: {
    image: { height: 8, width: 8, channels: 1 },
    encoder: { channels: [1, 4, 8], kernels: [3, 3], strides: [2, 1], paddings: [1, 0] },
    prototypes: { count: 4, dim: 8, epsilon: 1e-4 },
    unet: {
      stem: 1,
      base: 4,
      multipliers: [1, 2],
      attention: [false, true],
      resBlocks: 1,
      groups: 2,
      heads: 2,
      dropout: 0.1,
      timeMultiple: 2,
      conditionScale: 1,
    },
    timesteps: 1000,
  },
  prior: {
    base: 4,
    multipliers: [1, 2],
    resBlocks: 1,
    groups: 2,
    dropout: 0,
    timesteps: 100,
    standardize: { mean: [0, 1, 2, 3], std: [1, 1, 1, 2] },
  },
  ranges: Array.from({ length: 4 }, (_, i) => {
    return {
      min: 0,
      max: 0.1 + i,
      mean: 0.05,
      std: 0.01,
      quantiles: { q01: 0, q05: 0, q15: 0.01, q50: 0.05, q85: 0.07, q95: 0.09, q99: 0.1 },
    }
  }),
  rangesOver: 100,
  names: { '0': 'smile', '3': 'red hair — “rot”' },
  dataset: 'none',
  provenance: { command: 'test', seed: 1, converged: false },
  licence: 'MIT',
}

const prior = [...initialPriorWeights(info.prior!, 4, 2)].map(([name, x]) => [`prior.${name}`, x] as const)
const weights = new Map([...initialWeights(info.config, 1), ...prior])

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'patronus-checkpoint-'))
  path = join(folder, 'model.safetensors')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const refused = async (bytes: Uint8Array): Promise<string> => {
  await writeFile(path, bytes)
  const error = await readCheckpoint(path).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(CheckpointError)
  expect((error as Error).message).toContain(path)
  return (error as Error).message
}

/** The file with its header changed by `edit`, its length and data kept true. */
async function edited(
  edit: (header: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>) => void,
): Promise<Buffer> {
  const bytes = await readFile(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  edit(header)
  return safetensorsOf(header, bytes.subarray(end))
}

/** A description as JSON, open to any change. */
type Loose = Record<string, unknown> & {
  config: Record<string, unknown> & Record<'image' | 'encoder' | 'prototypes' | 'unet', Record<string, unknown>>
} & { prior: Record<string, unknown> }

/** The file with its description changed. */
const described = (change: (info: Loose) => void): Promise<Buffer> =>
  edited(header => {
    const metadata = header.__metadata__ as unknown as Record<string, string>
    const value = JSON.parse(metadata.patronus)
    change(value)
    metadata.patronus = JSON.stringify(value)
  })

test('a float32 checkpoint is read back bit for bit, with its description', async () => {
  const id = await writeCheckpoint(path, { info, weights })
  const read = await readCheckpoint(path)
  expect(read.info).toEqual(info)
  expect(await readCheckpointInfo(path)).toEqual(info)
  expect([...read.weights.keys()].sort()).toEqual([...weights.keys()].sort())
  for (const [name, { shape, data }] of weights) {
    expect(read.weights.get(name)!.shape).toEqual(shape)
    expect(
      Buffer.from(read.weights.get(name)!.data.buffer).equals(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    ).toBe(true)
  }
  expect(read.id).toBe(id)
})

test('the id is the SHA-256 of the file', async () => {
  await writeCheckpoint(path, { info, weights })
  const { id } = await readCheckpoint(path)
  expect(id).toBe(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  )
})

test('writing the same checkpoint twice gives the same bytes', async () => {
  const first = await writeCheckpoint(path, { info, weights })
  expect(await writeCheckpoint(path, await readCheckpoint(path))).toBe(first)
})

test('a half-precision file is smaller, rounds kernels to within 2^-11 and keeps encoder, prototypes and vectors exact', async () => {
  await writeCheckpoint(path, { info, weights })
  const { length } = await readFile(path)
  await writeCheckpoint(path, { info, weights }, { dtype: 'F16' })
  expect((await readFile(path)).length).toBeLessThan(length)
  const read = await readCheckpoint(path)
  let rounded = 0
  for (const [name, x] of weights) {
    const got = read.weights.get(name)!.data
    const exact = name.startsWith('proactBlock.') || x.shape.length < 2 || name.endsWith('time_blocks.0.weight')
    if (exact) expect(got).toEqual(x.data)
    x.data.forEach((value, i) => {
      if (Math.abs(got[i] - value) > Math.max(Math.abs(value) * 2 ** -11, 2 ** -25))
        throw new Error(`${name}[${i}]: ${value} became ${got[i]}`)
      if (got[i] !== value) rounded++
    })
  }
  expect(rounded).toBeGreaterThan(100)
})

test('every one of the 65,536 halves survives widening and narrowing', () => {
  for (let h = 0; h < 65_536; h++) {
    const x = widenHalf(h)
    if (Number.isNaN(x)) expect(Number.isNaN(widenHalf(narrowHalf(x)))).toBe(true)
    else if (narrowHalf(x) !== h) throw new Error(`half ${h} became ${narrowHalf(x)}`)
  }
})

test('narrowing rounds to the nearest half, ties to the even one, and overflows to infinity only beyond 65520', () => {
  for (let h = 0; h < 0x7bff; h++) {
    const [low, high] = [widenHalf(h), widenHalf(h + 1)]
    const middle = (low + high) / 2
    if (narrowHalf(middle) !== (h % 2 ? h + 1 : h)) throw new Error(`tie above half ${h}`)
    if (narrowHalf(low + (high - low) * 0.49) !== h || narrowHalf(low + (high - low) * 0.51) !== h + 1)
      throw new Error(`near half ${h}`)
  }
  expect(widenHalf(narrowHalf(65_519))).toBe(65_504)
  expect(widenHalf(narrowHalf(65_520))).toBe(Infinity)
  expect(widenHalf(narrowHalf(-1e30))).toBe(-Infinity)
})

test('bfloat16 widens to the float32 it is the upper half of', () => {
  const wide = widenBFloats(Uint16Array.from([0x3f80, 0xc049, 0x0001, 0x8000]))
  expect([wide[0], wide[1]]).toEqual([1, -3.140625])
  // As bits: once ONNX Runtime has run on this thread, reading a subnormal number gives 0.
  expect([...new Uint32Array(wide.buffer, wide.byteOffset, 4)]).toEqual([0x3f800000, 0xc0490000, 0x00010000, 0x80000000])
})

test('F16 and BF16 weights are accepted', async () => {
  await writeCheckpoint(path, { info, weights })
  const bytes = await readFile(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  const parts: Buffer[] = []
  let at = 0
  for (const [name, { shape, data }] of weights) {
    const float = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const upper = Buffer.alloc(data.length * 2)
    for (let i = 0; i < data.length; i++) float.copy(upper, i * 2, i * 4 + 2, i * 4 + 4)
    parts.push(upper)
    header[name] = { dtype: 'BF16', shape, data_offsets: [at, (at += upper.length)] }
  }
  await writeFile(path, safetensorsOf(header, Buffer.concat(parts)))
  const { weights: read } = await readCheckpoint(path)
  for (const [name, { data }] of weights)
    data.forEach((value, i) => {
      if (Math.abs(read.get(name)!.data[i] - value) > Math.abs(value) / 128) throw new Error(`${name}[${i}]`)
    })
})

test('a value too large for F16 is refused, and the file that was there stays', async () => {
  const before = await writeCheckpoint(path, { info, weights })
  const name = 'first.weight'
  const large = new Map(weights).set(name, { ...weights.get(name)!, data: weights.get(name)!.data.map((x, i) => (i ? x : 1e6)) })
  await expect(writeCheckpoint(path, { info, weights: large }, { dtype: 'F16' })).rejects.toThrow(/first\.weight.*65504.*1000000/)
  expect((await readCheckpoint(path)).id).toBe(before)
  expect(await readdir(folder)).toEqual(['model.safetensors'])
})

test('weights that diverged are refused by name', async () => {
  const name = 'final.2.bias'
  const broken = new Map(weights).set(name, { shape: [1], data: Float32Array.of(NaN) })
  await expect(writeCheckpoint(path, { info, weights: broken })).rejects.toThrow(/NaN or infinity in final\.2\.bias/)
})

test('writing where no folder is ends in a CheckpointError that names the path', async () => {
  const error = await writeCheckpoint(join(folder, 'none', 'x.safetensors'), { info, weights }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(CheckpointError)
})

describe('what writing refuses', () => {
  const attempts: [why: string, change: (checkpoint: Omit<Checkpoint, 'id'>) => Omit<Checkpoint, 'id'>, message: RegExp][] = [
    ['a missing weight', c => ({ ...c, weights: new Map([...c.weights].slice(1)) }), /missing: proactBlock\.prototype_vectors/],
    [
      'a weight too many',
      c => ({ ...c, weights: new Map(c.weights).set('extra', { shape: [1], data: Float32Array.of(0) }) }),
      /unexpected: extra/,
    ],
    [
      'a shape of another model',
      c => ({ ...c, weights: new Map(c.weights).set('first.bias', { shape: [5], data: new Float32Array(5) }) }),
      /first\.bias \[5\] instead of \[4\]/,
    ],
    ['a prior without its configuration', c => ({ ...c, info: { ...c.info, prior: undefined } }), /unexpected: prior\./],
    [
      'a NaN in the ranges',
      c => ({ ...c, info: { ...c.info, ranges: c.info.ranges!.map(r => ({ ...r, max: NaN })) } }),
      /ranges\.0\.max/,
    ],
  ]
  test.each(attempts)('%s', async (_, change, message) => {
    await expect(writeCheckpoint(path, change({ info, weights }))).rejects.toThrow(message)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a header that lies is refused', () => {
  type Header = Parameters<Parameters<typeof edited>[0]>[0]
  const lies: [why: string, edit: (header: Header) => void, message: RegExp][] = [
    ['overlap', h => (h['first.bias'].data_offsets = h['first.bias'].data_offsets.map(x => x - 4)), /overlap|hole/],
    ['a hole', h => delete h['first.bias'], /hole/],
    ['negative offsets', h => (h['first.bias'].data_offsets = [-16, 0]), /data_offsets/],
    ['an end before the begin', h => h['first.bias'].data_offsets.reverse(), /data_offsets/],
    ['a fraction', h => (h['first.bias'].shape = [0.5, 8]), /whole numbers/],
    ['a negative size', h => (h['first.bias'].shape = [-2, -2]), /whole numbers/],
    ['a size of 2^53', h => (h['first.bias'].shape = [2 ** 53]), /whole numbers/],
    ['sizes whose product overflows', h => (h['first.bias'].shape = [2 ** 52, 2 ** 52, 2 ** 52]), /bytes for F32/],
    ['a size for a product of 0', h => (h['first.bias'].shape = [2 ** 52, 0]), /0 bytes/],
    ['a ninth axis', h => (h['first.bias'].shape = [4, 1, 1, 1, 1, 1, 1, 1, 1]), /at most 8/],
    ['an unknown type', h => (h['first.bias'].dtype = 'F64'), /F32, F16 or BF16/],
    ['a type called constructor', h => (h['first.bias'].dtype = 'constructor'), /F32, F16 or BF16/],
    ['a tensor that is a number', h => Object.assign(h, { 'first.bias': 7 }), /description/],
    ['metadata that are numbers', h => Object.assign(h, { __metadata__: { format: 1 } }), /strings to strings/],
    ['metadata that are a list', h => Object.assign(h, { __metadata__: [] }), /strings to strings/],
    ['no metadata', h => delete h.__metadata__, /patronus-nodes/],
    ['a format of the future', h => Object.assign(h.__metadata__, { format: 'patronus-nodes/2' }), /patronus-nodes\/2/],
    ['a description that is no JSON', h => Object.assign(h.__metadata__, { patronus: '{' }), /JSON/],
    [
      'four million numbers',
      h => Object.assign(h.__metadata__, { patronus: `{"ranges":[${'0,'.repeat(4e6)}0]}` }),
      /more than 600000 values/,
    ],
    ['a description that is a list', h => Object.assign(h.__metadata__, { patronus: '[]' }), /the whole/],
    [
      'a description with __proto__',
      h => Object.assign(h.__metadata__, { patronus: '{"__proto__":{"polluted":1}}' }),
      /__proto__/,
    ],
  ]
  test.each(lies)('%s', async (_, edit, message) => {
    await writeCheckpoint(path, { info, weights })
    expect(await refused(await edited(edit))).toMatch(message)
  })

  test('lengths beyond the file, the cap and 2^63', async () => {
    for (const length of [1n, 3n, 10_000n, 17n * 1024n * 1024n, 2n ** 39n, 2n ** 63n, 2n ** 64n - 1n])
      await refused(safetensorsOf({ __metadata__: {} }, new Uint8Array(64), length))
  })

  test('bytes after the last tensor', async () => {
    await writeCheckpoint(path, { info, weights })
    expect(await refused(Buffer.concat([await readFile(path), Buffer.alloc(4)]))).toMatch(/as the header says/)
  })

  test('nesting that no stack can hold', async () => {
    expect(await refused(safetensorsOf(`{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`))).toMatch(/JSON header/)
  })

  test('a key __proto__, which pollutes nothing', async () => {
    await refused(safetensorsOf('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4)))
    expect(({} as Record<string, unknown>).dtype).toBeUndefined()
  })

  test('UTF-8 that is none', async () => {
    expect(await refused(Buffer.concat([safetensorsOf('{', new Uint8Array(0), 4n), Buffer.from([0x22, 0xff, 0x7d])]))).toMatch(
      /JSON header/,
    )
  })
})

const rangeOf = (info: Loose, j: number) => (info.ranges as unknown as Loose[])[j]

describe('a description that no model fits is refused by the name of its field', () => {
  const wrong: [field: RegExp, change: Parameters<typeof described>[0]][] = [
    [/licence/, i => delete i.licence],
    [/futureSetting/, i => (i.futureSetting = 1)],
    [/gate/, i => (i.config.unet.gate = true)],
    [/config\.unet\.heads/, i => (i.config.unet.heads = 3)],
    [/config\.unet\.groups/, i => (i.config.unet.groups = 3)],
    [/config\.unet\.attention/, i => (i.config.unet.attention = [true])],
    [/config\.unet\.multipliers/, i => (i.config.unet.multipliers = [])],
    [/config\.image\.height/, i => (i.config.image.height = 9)],
    [/leaves no cell/, i => (i.config.image.height = 2)],
    [/config\.encoder\.strides/, i => (i.config.encoder.strides = [2])],
    [/config\.prototypes\.count/, i => (i.config.prototypes.count = 1e9)],
    [/config\.prototypes\.epsilon/, i => (i.config.prototypes.epsilon = 0)],
    [/config\.timesteps/, i => (i.config.timesteps = 20)],
    [/config\.timesteps/, i => (i.config.timesteps = '1000')],
    [/prior\.multipliers/, i => (i.prior.multipliers = [1, 2, 4, 8])],
    [/prior\.standardize\.mean/, i => (i.prior.standardize = { mean: [0], std: [1] })],
    [/ranges/, i => (i.ranges = [])],
    [/ranges\.2: min 2 is above max 1/, i => Object.assign(rangeOf(i, 2), { min: 2, max: 1 })],
    [/ranges\.1\.histogram: counts 3 images, rangesOver says 100/, i => (rangeOf(i, 1).histogram = [1, 2])],
    [
      /ranges\.1\.histogram: counts 3 images, rangesOver says nothing/,
      i => (delete i.rangesOver, (rangeOf(i, 1).histogram = [1, 2])),
    ],
    [/ranges\.0\.histogram\.1/, i => (rangeOf(i, 0).histogram = [101, -1])],
    [/ranges\.0\.histogram\.0/, i => (rangeOf(i, 0).histogram = [99.5, 0.5])],
    [/ranges\.0\.histogram/, i => (rangeOf(i, 0).histogram = Array(257).fill(1))],
    [/ranges\.0\.histogram/, i => (rangeOf(i, 0).histogram = [])],
    [/names prototype 4/, i => (i.names = { '4': 'there are only four' })],
    [/names/, i => (i.names = { constructor: 'x' })],
  ]
  test.each(wrong)('%s', async (field, change) => {
    await writeCheckpoint(path, { info, weights })
    expect(await refused(await described(change))).toMatch(field)
  })
})

test('a missing file, a folder and an empty file each say what they are', async () => {
  await expect(readCheckpoint(path)).rejects.toThrow(/nothing at this path/)
  await expect(readCheckpoint(folder)).rejects.toThrow(/a folder/)
  expect(await refused(new Uint8Array(0))).toMatch(/no known format/)
})
