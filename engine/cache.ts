/** Recorded models on disk, by a hash of everything that decides what is recorded. A damaged or missing file is recorded anew. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Artifact } from './compile.ts'

/** PATRONUS_CACHE, else the user's cache folder; "off" disables the cache. */
export const cacheFolder = (): string | undefined => {
  const wish = process.env.PATRONUS_CACHE
  if (wish === 'off') return undefined
  return wish ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'patronus-nodes')
}

export async function cached(key: string, make: () => Artifact): Promise<Artifact> {
  const folder = cacheFolder()
  if (!folder) return make()
  const path = join(folder, `${key}.graph`)
  const known = await readFile(path).then(decode, () => undefined)
  if (known) return known
  const made = make()
  await store(folder, path, encode(made)).catch(() => {}) // a full or read-only disk costs a recording, not the run
  return made
}

async function store(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

const DIGEST = 32

/** sha256 of the rest · length of the JSON part (u32) · JSON · model. */
function encode({ model, ...rest }: Artifact): Uint8Array {
  const json = Buffer.from(JSON.stringify(rest))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const body = Buffer.concat([length, json, model])
  return Buffer.concat([createHash('sha256').update(body).digest(), body])
}

function decode(bytes: Buffer): Artifact | undefined {
  const body = bytes.subarray(DIGEST)
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(0, DIGEST))) return undefined
  const length = body.readUInt32LE(0)
  const rest = JSON.parse(body.subarray(4, 4 + length).toString()) as Omit<Artifact, 'model'>
  return { ...rest, model: new Uint8Array(body.subarray(4 + length)) }
}
