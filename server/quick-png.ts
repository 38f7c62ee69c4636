import { crc32, deflateSync } from 'node:zlib'
import type { Tensor } from '../model/tensor.ts'
import { bytesOfImage } from './images.ts'

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
const colourType = { 1: 0, 3: 2, 4: 6 } as const

/** Up to this many bytes of pixels are stored as they are: to compress a 64×64 face takes a thirtieth of the step that made it. */
const storedUpTo = 1 << 16

/**
 * PNG of a preview, on the spot: unfiltered rows, fastest compression or none (PNG specification, third edition, sections 5
 * and 11). sharp would hand it to another thread and back, and next to a network that keeps every core busy that handing
 * over takes as long as a third of a step.
 */
export function quickPng(image: Tensor): Buffer {
  const { data, raw } = bytesOfImage(image)
  const { width, height, channels } = raw
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, colourType[channels]], 8)
  const stride = width * channels
  // Every row begins with the number of its filter: 0, none.
  const lines = Buffer.alloc(height * (stride + 1))
  for (let y = 0; y < height; y++) data.copy(lines, y * (stride + 1) + 1, y * stride, (y + 1) * stride)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines, { level: lines.length <= storedUpTo ? 0 : 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}
