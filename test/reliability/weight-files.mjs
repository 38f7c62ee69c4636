// Weight files made byte by byte: as PyTorch and safetensors write them, and made to harm. For bar 10 and for the fuzz targets.
import { crc32, deflateRawSync } from 'node:zlib'

/** `head` as a safetensors file, with the length it has or the one it claims. */
export function tensors(head, { data = 16, claim } = {}) {
  const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(claim ?? text.length))
  return Buffer.concat([length, text, Buffer.alloc(data)])
}
export const tensor = (shape, from, to, dtype = 'F32') => ({ dtype, shape, data_offsets: [from, to] })

/** A zip of stored entries as PyTorch writes them; `lie` changes what its headers claim. */
export function zip(entries) {
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
export const torch = pickle =>
  zip([
    { name: 'x/data.pkl', data: Buffer.from(pickle, 'latin1') },
    { name: 'x/data/0', data: Buffer.alloc(64) },
    { name: 'x/version', data: Buffer.from('3\n') },
  ])

const text = word => `X${String.fromCharCode(word.length, 0, 0, 0)}${word}`
const short = word => `\x8c${String.fromCharCode(word.length)}${word}`

/** Every file by what is wrong with it; those that would run something would run `command`. */
export function evilFiles(command) {
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
  return evil
}
