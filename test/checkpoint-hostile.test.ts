/**
 * Weight files made to harm: nothing in them is ever run, and whatever they hold, reading them ends in a checkpoint or in a
 * CheckpointError. Every fixture is made here, byte by byte; no Python is needed.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { CheckpointError } from '../engine/checkpoint/error.ts'
import { importOfficial } from '../engine/checkpoint/import.ts'
import { openCheckpoint } from '../engine/checkpoint/open.ts'
import { readPickle } from '../engine/checkpoint/pickle.ts'
import { readCheckpoint, writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { p, tensorPickle, torchEntries, zipOf, type ZipEntry } from './checkpoint-forge.ts'

const tiny = join(__dirname, 'fixtures/parity/tiny_rgb')
const newer = join(tiny, 'alt/ckpt_torch2.tar')
const official = join(tiny, 'records/diffusion/patronus/cifar10-train/Logs_Checkpoints/checkpoints/version_0')

let folder: string
let canary: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'patronus-hostile-'))
  canary = join(folder, 'canary')
})
afterAll(async () => {
  expect(existsSync(canary)).toBe(false)
  await rm(folder, { recursive: true, force: true })
})

/** Opens the bytes as a checkpoint; fails the test unless that ends in a CheckpointError, whose message it returns. */
async function refused(bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'hostile')
  await writeFile(path, bytes)
  const error = await openCheckpoint(path, { image: { height: 32, width: 32 } }).catch((e: unknown) => e)
  if (!(error instanceof CheckpointError)) throw error instanceof Error ? error : new Error('it was accepted')
  expect(existsSync(canary)).toBe(false)
  return error.message
}

const asTorch = (pickle: Buffer): Buffer => zipOf(torchEntries(pickle))
const short = (text: string) => p.join(0x8c, Buffer.from([Buffer.byteLength(text)]), Buffer.from(text))

describe('a pickle that would run a command runs nothing and is refused by name', () => {
  const touch = () => `touch ${canary}`
  const evil: [how: string, pickle: () => Buffer, message: RegExp][] = [
    [
      'protocol 0, GLOBAL and REDUCE',
      () => Buffer.from(`cos\nsystem\n(S'${touch()}'\ntR.`),
      /"os" "system".*byte 0|byte 0.*"os" "system"/,
    ],
    ['protocol 0, INST', () => Buffer.from(`(S'${touch()}'\nios\nsystem\n.`), /0x53/],
    ['protocol 1, OBJ', () => p.join(p.text('x'), Buffer.from(`(cos\nsystem\no.`)), /"os" "system"/],
    ['protocol 2', () => p.whole(p.call(p.global('posix', 'system'), p.text(touch()))), /"posix" "system"/],
    [
      'protocol 2, NEWOBJ',
      () => p.whole(p.join(p.global('subprocess', 'Popen'), p.tuple(p.text(touch())), 0x81)),
      /"subprocess" "Popen"/,
    ],
    ['protocol 2, EXT1', () => p.whole(p.join(0x82, 1)), /0x82/],
    ['protocol 3, eval', () => p.whole(p.call(p.global('builtins', 'eval'), p.text('1')), 3), /"builtins" "eval"/],
    ['protocol 4, STACK_GLOBAL', () => p.whole(p.join(short('os'), short('system'), 0x93), 4), /"os" "system"/],
    ['protocol 4, NEWOBJ_EX', () => p.whole(p.join(p.ordered(), p.tuple(), p.dict(), 0x92), 4), /0x92/],
    ['protocol 5, STACK_GLOBAL', () => p.whole(p.join(short('nt'), short('system'), 0x93), 5), /"nt" "system"/],
    ['protocol 5, NEXT_BUFFER', () => p.whole(p.join(0x97), 5), /0x97/],
    ['protocol 6', () => p.whole(p.none, 6), /protocol 2 to 5/],
    ['a global found by attribute', () => p.whole(p.call(p.global('builtins', 'getattr'), p.text('x'))), /getattr/],
    [
      'a name nested in a module',
      () => p.whole(p.join(short('torch'), short('serialization.os.system'), 0x93), 4),
      /serialization\.os/,
    ],
    ['torch.load itself', () => p.whole(p.global('torch', 'load')), /"torch" "load"/],
    ['torch._utils._rebuild_tensor', () => p.whole(p.global('torch._utils', '_rebuild_tensor')), /_rebuild_tensor/],
    ['toString, of an object in JavaScript', () => p.whole(p.global('toString', 'constructor')), /"toString" "constructor"/],
    ['REDUCE of a storage type', () => p.whole(p.call(p.global('torch', 'FloatStorage'), p.text('x'))), /REDUCE/],
    ['REDUCE of text', () => p.whole(p.call(p.text('system'), p.text('x'))), /REDUCE/],
    ['BUILD with __setstate__', () => p.whole(p.join(p.ordered(), p.dict([p.text('__setstate__'), p.text('x')]), 0x62)), /BUILD/],
    ['BUILD on a tensor', () => p.whole(p.join(tensorPickle({ key: '0', count: 1, shape: [1] }), p.dict(), 0x62)), /BUILD/],
    [
      'SETITEM on something that is no dictionary',
      () => p.whole(p.join(p.list(), p.text('a'), p.none, 0x73)),
      /a dictionary to set items of/,
    ],
    ['APPEND to a tuple', () => p.whole(p.join(p.tuple(), p.none, 0x61)), /a list to append to/],
    ['a tensor for a key', () => p.whole(p.dict([tensorPickle({ key: '0', count: 1, shape: [1] }), p.none])), /a dictionary key/],
    ['a persistent id that is a path', () => p.whole(p.persistent(p.text('/etc/passwd'))), /persistent id/],
    [
      'a persistent id without a storage type',
      () => p.whole(p.persistent(p.tuple(p.text('storage'), p.ordered(), p.text('0'), p.text('cpu'), p.int(1)))),
      /storage type/,
    ],
  ]
  test.each(evil)('%s', async (_, pickle, message) => {
    expect(await refused(asTorch(pickle()))).toMatch(message)
    expect(() => readPickle('x', pickle())).toThrow(CheckpointError)
  })

  test('errors name the byte of the opcode', () => {
    expect(() => readPickle('x', p.whole(p.join(p.none, p.global('os', 'system'))))).toThrow(/at byte 3 of the pickle/)
  })
})

describe('a pickle that asks for too much', () => {
  const greedy: [what: string, pickle: Buffer, message: RegExp][] = [
    ['text of 4 GB', p.whole(p.join(0x58, Buffer.from([255, 255, 255, 255]))), /the end of the pickle/],
    ['nested marks', p.whole(Buffer.alloc(100_000, '(')), /nested marks/],
    [
      'a million opcodes',
      p.whole(Buffer.concat(Array.from({ length: 600_000 }, () => Buffer.from('N\x85', 'latin1')))),
      /on the stack/,
    ],
    [
      'a million opcodes in a loop of memo',
      p.whole(
        p.join(p.list(), Buffer.from('q\0'), Buffer.concat(Array.from({ length: 500_000 }, () => Buffer.from('h\0a', 'latin1')))),
      ),
      /opcodes/,
    ],
    ['an integer of 255 bytes', p.whole(p.join(0x8a, 255, Buffer.alloc(255, 1))), /at most 8 bytes/],
    ['an integer of 2^62', p.whole(p.long(2n ** 62n)), /below 2\^53/],
    ['a memo entry that is not there', p.whole(p.join(0x6a, Buffer.from([255, 255, 255, 255]))), /memo entry/],
    ['a name without an end', Buffer.concat([p.proto(), Buffer.from('c'), Buffer.alloc(5000, 'a')]), /ends in a newline/],
    ['an empty stack', p.whole(Buffer.from('')), /a value on the stack/],
    ['a mark left over', p.whole(p.join(0x28, p.none)), /nothing left on the stack/],
    ['bytes after its end', p.join(p.whole(p.none), p.none), /to end after STOP/],
    ['no end', p.join(p.proto(), p.none), /the end of the pickle/],
  ]
  test.each(greedy)('%s is refused', async (_, pickle, message) => {
    expect(await refused(asTorch(pickle))).toMatch(message)
  })

  test('a nest of tuples that doubles at every level costs nothing', async () => {
    const levels = Array.from({ length: 200 }, (_, i) => p.join(0x71, i, 0x68, i, 0x86))
    expect(await refused(asTorch(p.whole(p.dict([p.text('model'), p.join(p.tuple(), ...levels)]))))).toMatch(
      /a dictionary of tensors/,
    )
  })

  test('a list that contains itself', async () => {
    const loop = p.join(0x5d, 0x71, 0, 0x68, 0, 0x61)
    expect(await refused(asTorch(p.whole(p.dict([p.text('model'), p.dict([p.text('a'), loop])]))))).toMatch(/names and tensors/)
  })

  test('a thousand views of one storage that together want more memory than the file has bytes', async () => {
    const view = tensorPickle({ key: '0', count: 1000, shape: [1000] })
    const pairs = Array.from({ length: 1000 }, (_, i): [Buffer, Buffer] => [p.text(String(i)), view])
    expect(await refused(zipOf(torchEntries(p.whole(p.dict(...pairs)), { '0': new Uint8Array(4000) })))).toMatch(/fewer numbers/)
  })
})

test('keys that mean something to JavaScript are keys like any other', async () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'kind', 'then']
  const pickle = p.whole(p.dict(...keys.map((key): [Buffer, Buffer] => [p.text(key), p.dict([p.text('polluted'), p.int(1)])])))
  const value = readPickle('x', pickle)
  expect(value).toBeInstanceOf(Map)
  expect([...(value as Map<string, unknown>).keys()]).toEqual(keys)
  expect(await refused(asTorch(pickle))).toMatch(/names and tensors/)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
})

describe('an archive that lies is refused', () => {
  const pickle = p.whole(p.dict([p.text('first.weight'), tensorPickle({ key: '0', count: 4, shape: [4] })]))
  const entries = torchEntries(pickle, { '0': new Uint8Array(16) })
  const changed = (change: Partial<ZipEntry>): Buffer =>
    zipOf(entries.map((entry, i) => (i === 1 ? { ...entry, ...change } : entry)))
  const bomb = deflateRawSync(Buffer.alloc(50_000_000))
  const lies: [what: string, archive: Buffer, message: RegExp][] = [
    ['a deflated bomb', changed({ data: bomb, method: 8, claimed: { size: 50_000_000 } }), /to be stored.*method 8/],
    [
      'a deflated data.pkl',
      zipOf([{ ...entries[0], data: deflateRawSync(pickle), method: 8, claimed: { size: pickle.length } }]),
      /to be stored/,
    ],
    ['a stored entry with two sizes', changed({ claimed: { size: 1 << 30 } }), /size/],
    ['a size beyond the file', changed({ claimed: { size: 0x7fffffff, compressed: 0x7fffffff } }), /fits the file/],
    ['sizes of a zip64 that is none', changed({ claimed: { size: 0xffffffff, compressed: 0xffffffff } }), /fits the file/],
    ['an offset beyond the file', changed({ claimed: { at: 0xfffffff0 } }), /beyond the end/],
    ['an offset into other data', changed({ claimed: { at: 7 } }), /local file header|described alike/],
    ['a wrong checksum', changed({ claimed: { crc: 0x12345678 } }), /checksum 12345678/],
    ['two names for one entry', changed({ claimed: { localName: 'ckpt/data/1' } }), /described alike/],
    ['one name for two entries', zipOf([...entries, entries[0]]), /once, got it twice/],
    ['a name that climbs', zipOf([...entries, { name: 'ckpt/../../etc/passwd', data: new Uint8Array(1) }]), /relative path/],
    ['an absolute name', zipOf([...entries, { name: '/etc/passwd', data: new Uint8Array(1) }]), /absolute path/],
    ['a backslash', zipOf([...entries, { name: 'ckpt\\data\\1', data: new Uint8Array(1) }]), /invalid characters/],
    ['two models', zipOf([...entries, ...torchEntries(pickle, {}, 'other')]), /one entry <name>\/data\.pkl/],
    ['no model', zipOf([{ name: 'readme.txt', data: new Uint8Array(1) }]), /data\.pkl.*got none/],
    [
      'an entry called __proto__',
      zipOf([...entries, { name: '__proto__', data: new Uint8Array(1) }]),
      /first\.weight|prototype_vectors/,
    ],
    ['big-endian numbers', zipOf([...entries, { name: 'ckpt/byteorder', data: Buffer.from('big') }]), /little-endian/],
  ]
  test.each(lies)('%s', async (_, archive, message) => {
    expect(await refused(archive)).toMatch(message)
  })
})

describe('a file of another kind is told by its bytes', () => {
  const legacy = Buffer.concat([Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'), p.whole(p.int(1001))])
  const tar = Buffer.alloc(1024)
  tar.write('pickle', 0)
  tar.write('ustar', 257)
  const kinds: [what: string, bytes: Buffer, message: RegExp][] = [
    ['PyTorch before 1.6', legacy, /PyTorch before 1\.6.*save it again/],
    ['a tar', tar, /a tar archive.*save it again/],
    ['gzip', Buffer.from('1f8b0800000000000003', 'hex'), /gzip.*Unpack/],
    ['a bare pickle', p.whole(p.dict()), /a Python pickle/],
    ['a web page', Buffer.from('<!DOCTYPE html><title>Quota exceeded</title>'), /no known format/],
    ['eight bytes', Buffer.alloc(8), /no known format/],
    ['nine bytes', Buffer.from('\xff\xff\xff\xff\xff\xff\xff\xff{', 'latin1'), /no known format/],
  ]
  test.each(kinds)('%s', async (_, bytes, message) => {
    expect(await refused(bytes)).toMatch(message)
  })

  test('a zip that is no checkpoint of ours stays one under the name x.safetensors', async () => {
    const path = join(folder, 'x.safetensors')
    await writeFile(path, zipOf([{ name: 'a', data: new Uint8Array(1) }]))
    await expect(readCheckpoint(path)).rejects.toThrow(/wanted a \.safetensors file, got a zip archive.*patronus import/)
  })
})

describe('damage', () => {
  let ours: Buffer
  let theirs: Buffer
  let pickle: Buffer
  beforeAll(async () => {
    const path = join(folder, 'sound.safetensors')
    await writeCheckpoint(path, await importOfficial(official), { dtype: 'F16' })
    ours = await readFile(path)
    theirs = await readFile(newer)
    pickle = await readFile(join(official, 'config.pickle'))
  })

  test('a file cut off anywhere is refused', async () => {
    for (const bytes of [ours, theirs]) {
      const lengths = [
        0,
        1,
        3,
        4,
        7,
        8,
        9,
        10,
        100,
        511,
        512,
        513,
        ...Array.from({ length: 40 }, (_, i) => Math.floor((bytes.length * i) / 40)),
      ]
      for (const length of [...lengths, bytes.length - 22, bytes.length - 4, bytes.length - 1])
        await refused(bytes.subarray(0, length))
    }
  })

  test('one flipped bit in a stored tensor is noticed', async () => {
    const flipped = Buffer.from(theirs)
    flipped[theirs.indexOf('ckpt_torch2/data/8') + 1000] ^= 1
    expect(await refused(flipped)).toMatch(/checksum [0-9a-f]{8} of entry "ckpt_torch2\/data\/8"/)
  })

  /** Some bytes of the interesting part replaced; the rest as it was. */
  const mutated = (bytes: Buffer, from: number, to: number): fc.Arbitrary<Buffer> =>
    fc
      .array(
        fc.tuple(
          fc.integer({ min: from, max: to - 1 }),
          fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 127, 128, 255)),
        ),
        { minLength: 1, maxLength: 8 },
      )
      .map(changes => {
        const copy = Buffer.from(bytes)
        for (const [at, value] of changes) copy[at] = value
        return copy
      })

  /** A checkpoint or a CheckpointError; anything else fails. */
  async function settles(bytes: Uint8Array): Promise<void> {
    const path = join(folder, 'mutant')
    await writeFile(path, bytes)
    await openCheckpoint(path, { image: { height: 32, width: 32 } }).catch((error: unknown) => {
      if (!(error instanceof CheckpointError)) throw error
    })
  }

  test('whatever happens to the header of our file, only a CheckpointError comes of it', async () => {
    const end = 8 + Number(ours.readBigUInt64LE())
    await fc.assert(fc.asyncProperty(mutated(ours, 0, end), settles), { numRuns: 150 })
  })

  test('whatever happens to an archive’s directory, only a CheckpointError comes of it', async () => {
    const small = zipOf(
      torchEntries(p.whole(p.dict([p.text('a'), tensorPickle({ key: '0', count: 4, shape: [4] })])), { '0': new Uint8Array(16) }),
    )
    const directory = small.indexOf(Buffer.from('PK\x01\x02', 'latin1'))
    await fc.assert(fc.asyncProperty(mutated(small, directory, small.length), settles), { numRuns: 800 })
    await fc.assert(
      fc.asyncProperty(mutated(theirs, theirs.lastIndexOf(Buffer.from('PK\x06\x06', 'latin1')), theirs.length), settles),
      { numRuns: 25 },
    )
  })

  test('whatever happens to a pickle, only a CheckpointError comes of it', () => {
    const check = (bytes: Uint8Array) => {
      try {
        readPickle('x', bytes)
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error
      }
    }
    fc.assert(fc.property(mutated(pickle, 0, pickle.length), check), { numRuns: 3000 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 3000 })
    const opcodes = fc.constantFrom(...Buffer.from('(NRb}]aeusthqQ.)\x85\x86\x87\x88\x93\x94', 'latin1'), 0, 1)
    fc.assert(
      fc.property(
        fc.array(opcodes, { maxLength: 60 }).map(codes => Buffer.from([0x80, 2, ...codes])),
        check,
      ),
      { numRuns: 5000 },
    )
  })

  test('random bytes of every length are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), bytes => refused(bytes).then(() => undefined)),
      { numRuns: 200 },
    )
  })
})
