// Pictures that cost more than they weigh, written byte by byte: no encoder would make them in a reasonable time.
import { crc32, deflateRawSync, constants } from 'node:zlib'
import sharp from 'sharp'

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

/** zlib stream of `count` zero bytes: the same compressed block as often as it goes. */
function zeros(count) {
  const size = 1 << 20
  const whole = deflateRawSync(Buffer.alloc(size), { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const rest = deflateRawSync(Buffer.alloc(count % size), { level: 9 })
  // Adler-32 of zeros: a stays 1, b counts.
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE((((count % 65521) << 16) | 1) >>> 0)
  return Buffer.concat([Buffer.from([0x78, 0xda]), ...Array(Math.floor(count / size)).fill(whole), rest, sum])
}

/** A black PNG of any size. */
export function blackPng(width, height, { depth = 8, type = 6, interlaced = false } = {}) {
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[type]
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, type, 0, 0, interlaced ? 1 : 0], 8)
  const row = (w, h) => (w && h ? (Math.ceil((w * channels * depth) / 8) + 1) * h : 0)
  const passes = [
    [0, 8, 0, 8],
    [4, 8, 0, 8],
    [0, 4, 4, 8],
    [2, 4, 0, 4],
    [0, 2, 2, 4],
    [1, 2, 0, 2],
    [0, 1, 1, 2],
  ]
  const count = interlaced
    ? passes.reduce((sum, [x, dx, y, dy]) => sum + row(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)), 0)
    : row(width, height)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', zeros(count)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** GIF of `frames` frames of one pixel. */
export function manyGif(frames) {
  const frame = Buffer.from([0x21, 0xf9, 4, 0, 1, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0])
  const head = Buffer.from([...Buffer.from('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255])
  return Buffer.concat([head, ...Array(frames).fill(frame), Buffer.from([0x3b])])
}

/** Animated WebP of `frames` frames of 1×1 on a canvas of any size. */
export async function manyWebp(frames, width, height) {
  const still = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .webp({ lossless: true })
    .toBuffer()
  const picture = still.subarray(12)
  const part = (type, data) => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(data.length)
    return Buffer.concat([Buffer.from(type), size, data, Buffer.alloc(data.length % 2)])
  }
  const three = n => Buffer.from([n & 255, (n >> 8) & 255, (n >> 16) & 255])
  const frame = part('ANMF', Buffer.concat([Buffer.alloc(12), three(1), Buffer.from([0]), picture]))
  const body = Buffer.concat([
    Buffer.from('WEBP'),
    part('VP8X', Buffer.concat([Buffer.from([2, 0, 0, 0]), three(width - 1), three(height - 1)])),
    part('ANIM', Buffer.alloc(6)),
    ...Array(frames).fill(frame),
  ])
  return part('RIFF', body)
}

export const svgBomb = () =>
  Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "${'a'.repeat(100)}">${'bcdefghij'
      .split('')
      .map((name, i) => `<!ENTITY ${name} "${`&${'abcdefghij'[i]};`.repeat(10)}">`)
      .join('')}]><svg xmlns="http://www.w3.org/2000/svg" width="50000" height="50000"><text>&j;</text></svg>`,
  )
