// Weight files made to harm, and what reads them, in a process of its own: its memory is measured, and whatever a file would run
// would leave a canary. Arguments: folder, seconds of mutations, seed. Tells its findings over IPC.
import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateRawSync } from 'node:zlib'
import { CheckpointError } from '../../dist/engine/checkpoint/error.js'
import { openCheckpoint } from '../../dist/engine/checkpoint/open.js'
import { random } from './random.mjs'

const [folder, seconds, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const canary = path.join(folder, 'canary')
const house = fileURLToPath(new URL('../..', import.meta.url))

/** `head` as a safetensors file, with the length it has or the one it claims. */
function tensors(head, { data = 16, claim } = {}) {
  const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(claim ?? text.length))
  return Buffer.concat([length, text, Buffer.alloc(data)])
}
const tensor = (shape, from, to, dtype = 'F32') => ({ dtype, shape, data_offsets: [from, to] })

/** A zip of stored entries as PyTorch writes them; `lie` changes what its headers claim. */
function zip(entries) {
  const locals = []
  const directory = []
  let at = 0
  for (const { name, data, method = 0, size, packed, flags = 0 } of entries) {
    const stored = method === 8 ? deflateRawSync(data) : data
    const fields = (signature, head) => {
      const out = Buffer.alloc(head)
      out.writeUInt32LE(signature)
      return out
    }
    const put = (out, from) => {
      out.writeUInt16LE(20, from)
      out.writeUInt16LE(flags, from + 2)
      out.writeUInt16LE(method, from + 4)
      out.writeUInt32LE(crc32(data), from + 10)
      out.writeUInt32LE(packed ?? stored.length, from + 14)
      out.writeUInt32LE(size ?? data.length, from + 18)
      out.writeUInt16LE(Buffer.byteLength(name), from + 22)
    }
    const local = fields(0x04034b50, 30)
    put(local, 4)
    const central = fields(0x02014b50, 46)
    central.writeUInt16LE(20, 4)
    put(central, 6)
    central.writeUInt32LE(at, 42)
    locals.push(local, Buffer.from(name), stored)
    directory.push(central, Buffer.from(name))
    at += 30 + Buffer.byteLength(name) + stored.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...locals, listing, end])
}
const torch = pickle =>
  zip([
    { name: 'x/data.pkl', data: Buffer.from(pickle, 'latin1') },
    { name: 'x/data/0', data: Buffer.alloc(64) },
    { name: 'x/version', data: Buffer.from('3\n') },
  ])

const command = `touch ${canary}`
const text = word => `X${String.fromCharCode(word.length, 0, 0, 0)}${word}`
const short = word => `\x8c${String.fromCharCode(word.length)}${word}`

const evil = {
  'os.system, protocol 0': torch(`cos\nsystem\n(S'${command}'\ntR.`),
  'os.system by INST': torch(`(S'${command}'\nios\nsystem\n.`),
  'posix.system, protocol 2': torch(`\x80\x02cposix\nsystem\n${text(command)}\x85R.`),
  'subprocess.Popen, protocol 3': torch(`\x80\x03csubprocess\nPopen\n${text(command)}\x85R.`),
  'builtins.exec, protocol 4': torch(`\x80\x04${short('builtins')}${short('exec')}\x93${text('1')}\x85R.`),
  'nt.system, protocol 5': torch(`\x80\x05${short('nt')}${short('system')}\x93${text(command)}\x85R.`),
  'Function of JavaScript': torch(`\x80\x02cconstructor\nconstructor\n${text('process.exit()')}\x85R.`),
  '__proto__ as a key': torch(`\x80\x02}${text('__proto__')}}${text('polluted')}K\x01ss.`),
  'a pickle of 2^32 letters': torch('\x80\x02X\xff\xff\xff\xff.'),
  'a pickle of 2^63 letters': torch('\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.'),
  'a million marks': torch(`\x80\x02${'('.repeat(1_000_000)}.`),
  'a pickle without an end': torch('\x80\x02}'),
  'a naked pickle': Buffer.from(`\x80\x02cos\nsystem\n${text(command)}\x85R.`, 'latin1'),
  'a deflated bomb': zip([{ name: 'x/data.pkl', data: Buffer.alloc(200 << 20), method: 8 }]),
  'stored, lies about its size': zip([{ name: 'x/data.pkl', data: Buffer.from('\x80\x02}.'), size: 2 ** 31 }]),
  'packed size past the end': zip([{ name: 'x/data.pkl', data: Buffer.from('\x80\x02}.'), packed: 2 ** 31, size: 2 ** 31 }]),
  'two of one name': zip([
    { name: 'x/data.pkl', data: Buffer.from('\x80\x02}.', 'latin1') },
    { name: 'x/data.pkl', data: Buffer.from('\x80\x02N.', 'latin1') },
  ]),
  'a name that climbs': zip([{ name: '../../../tmp/data.pkl', data: Buffer.from('\x80\x02}.', 'latin1') }]),
  'an encrypted entry': zip([{ name: 'x/data.pkl', data: Buffer.from('\x80\x02}.', 'latin1'), flags: 1 }]),
  'fifty thousand entries': zip(Array.from({ length: 50_000 }, (_, i) => ({ name: `x/data/${i}`, data: Buffer.alloc(0) }))),
  'an empty zip': zip([]),
  'a header of 2^63 bytes': tensors('{}', { claim: 2n ** 63n - 1n }),
  'a header longer than the file': tensors('{}', { claim: 10_000 }),
  'no header': tensors('', { claim: 0 }),
  'a header of 200 MB': Buffer.concat([tensors(' '.repeat(200 << 20))]),
  'a header that is no JSON': tensors('{"a":'),
  'a header nested a million deep': tensors(`{"a":${'['.repeat(1_000_000)}`),
  'a list for a header': tensors([]),
  '__proto__ as a tensor': tensors('{"__proto__":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
  'end before begin': tensors({ a: tensor([4], 16, 0) }),
  'negative offsets': tensors({ a: tensor([4], -16, 0) }),
  'offsets past the end': tensors({ a: tensor([400], 0, 1600) }),
  'overlapping tensors': tensors({ a: tensor([4], 0, 16), b: tensor([2], 8, 16) }),
  'a shape that overflows': tensors({ a: tensor([2 ** 32, 2 ** 32, 2 ** 32], 0, 16) }),
  'a shape of 1e308': tensors({ a: tensor([1e308], 0, 16) }),
  'a negative shape': tensors({ a: tensor([-4, -1], 0, 16) }),
  'half a number': tensors({ a: tensor([3.5], 0, 14) }),
  'an unknown type': tensors({ a: tensor([4], 0, 16, 'EVIL') }),
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from([0x80]),
  'a script': Buffer.from(`#!/bin/sh\n${command}\n`),
}
// The parser is chosen by content, whatever the name says.
const names = Object.keys(evil)
for (const [i, extension] of ['.safetensors', '.Safetensors', '.CKPT', '.Pth'].entries())
  evil[`${names[i]} under the name ${extension}`] = Object.assign(Buffer.from(evil[names[i]]), { extension })

const findings = []
let most = 0
const base = () => process.memoryUsage().rss
let before = 0
setInterval(() => void (most = Math.max(most, base())), 5).unref()

/** Reads the file; anything but a checkpoint or a CheckpointError is a finding. */
async function read(what, bytes, mayPass) {
  const file = path.join(folder, `weights${bytes.extension ?? ''}`)
  await writeFile(file, bytes)
  const began = performance.now()
  const outcome = await openCheckpoint(file, { image: { height: 32, width: 32 } }).then(
    () => 'read',
    error => error,
  )
  const ms = performance.now() - began
  most = Math.max(most, base())
  if (outcome === 'read' ? !mayPass : !(outcome instanceof CheckpointError))
    findings.push(`${what}: ${outcome === 'read' ? 'was accepted' : (outcome?.stack ?? outcome)}`)
  if (ms > 10_000) findings.push(`${what}: took ${Math.round(ms)} ms`)
  if (existsSync(canary)) findings.push(`${what}: it ran a command`)
}

const fixtures = path.join(house, 'test/fixtures/parity/tiny_rgb')
const originals = []
for (const name of readdirSync(fixtures, { recursive: true }))
  if (/\.(tar|safetensors|pt|pth|ckpt)$/.test(name)) originals.push(await readFile(path.join(fixtures, name)))
// Our own kind: the head of a real one, whose tensors are then missing, and small whole ones.
originals.push(tensors({ __metadata__: { format: 'pt' }, a: tensor([2, 2], 0, 16) }))
for (const bytes of originals.slice(0, 2)) await openCheckpoint(await kept(bytes)).catch(() => {})
async function kept(bytes) {
  const file = path.join(folder, 'first')
  await writeFile(file, bytes)
  return file
}
globalThis.gc?.()
before = most = base()

for (const [what, bytes] of Object.entries(evil)) {
  // Making a bomb takes memory, too: only reading it counts.
  globalThis.gc?.()
  before = most = Math.max(before, base())
  const start = base()
  most = start
  await read(what, bytes, false)
  if (most - start > 64 << 20) findings.push(`${what}: memory +${Math.round((most - start) / 2 ** 20)} MB`)
}

const next = random(seed)
const until = Date.now() + seconds * 1000
let mutations = 0
for (; Date.now() < until; mutations++) {
  const original = originals[Math.floor(next() * originals.length)]
  const bytes = Buffer.from(original)
  for (let i = Math.ceil(next() * 4); i > 0; i--) {
    // Mostly where the structure is: at the head, and at the end of a zip.
    const reach = Math.min(bytes.length, 4096)
    const at = next() < 0.5 ? Math.floor(next() * reach) : bytes.length - 1 - Math.floor(next() * reach)
    const how = Math.floor(next() * 3)
    if (how === 0) bytes[at] ^= 1 << Math.floor(next() * 8)
    else if (how === 1) bytes[at] = Math.floor(next() * 256)
    else if (at + 8 <= bytes.length) bytes.writeBigUInt64LE(BigInt(Math.floor(next() * 2 ** 53)), at)
  }
  await read(
    `mutation ${mutations} of seed ${seed}`,
    next() < 0.1 ? bytes.subarray(0, Math.floor(next() * bytes.length)) : bytes,
    true,
  )
  if (findings.length > 20) break
}
process.send(
  { findings, files: Object.keys(evil).length, mutations, originals: originals.length, polluted: {}.polluted ?? null },
  () => process.exit(0),
)
