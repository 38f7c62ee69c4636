import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a file whole or not at all: into a neighbour first, flushed to the disk, then renamed over the old one.
 * A kill at any moment leaves the old file or the new one, never a part.
 */
export async function writeWhole(path: string, parts: readonly (Uint8Array | string)[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`
  try {
    const file = await open(temporary, 'w')
    try {
      for (const part of parts) await file.writeFile(part)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
