import { open } from 'node:fs/promises'

/** Chunks of a WebP file that are looked at; a still picture has fewer than ten. */
const mostChunks = 4000

/**
 * Frames of a WebP file by its chunk headers (RFC 9649), counted until there are more than `most`; 0 for anything else. libwebp
 * would find out, too, but the time it takes grows with the square of the frames: a second for ten thousand.
 */
export async function webpFrames(source: string | Buffer, most: number): Promise<number> {
  if (typeof source !== 'string') return countFrames(async (at, length) => source.subarray(at, at + length), most)
  const file = await open(source)
  try {
    const read = async (at: number, length: number) => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at)
      return buffer.subarray(0, bytesRead)
    }
    return await countFrames(read, most)
  } finally {
    await file.close()
  }
}

async function countFrames(read: (at: number, length: number) => Promise<Buffer>, most: number): Promise<number> {
  const head = await read(0, 12)
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WEBP') return 0
  let frames = 0
  for (let at = 12, chunks = 0; frames <= most; chunks++) {
    const chunk = await read(at, 8)
    if (chunk.length < 8) break
    // So many chunks of any kind cost the same walk as so many frames.
    if (chunks > mostChunks) return most + 1
    if (chunk.toString('latin1', 0, 4) === 'ANMF') frames++
    const size = chunk.readUInt32LE(4)
    at += 8 + size + (size % 2)
  }
  return frames
}
