import { open, type FileHandle } from 'node:fs/promises'
import { CheckpointError } from './error.ts'

/** A weight file opened for reading: every read is bounded by the size it really has. */
export type WeightFile = {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Fills `into` from `position` on; a CheckpointError when the file ends before. */
  read(into: Uint8Array, position: number): Promise<void>
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'nothing at this path',
  EISDIR: 'a folder',
  EACCES: 'a file this user may not read',
  EPERM: 'a file this user may not read',
}

/** The file system's errors become CheckpointErrors; every other error stays what it is. */
export function fileError(path: string, error: unknown, wanted = 'a weight file that can be read'): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  if (!/^E[A-Z0-9]+$/.test(code)) return error
  return new CheckpointError(
    path,
    { wanted, got: reasons[code] ?? code, remedy: 'Check the path and its permissions.' },
    { cause: error },
  )
}

async function readExactly(handle: FileHandle, path: string, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.byteLength;) {
    const { bytesRead } = await handle.read(into, done, into.byteLength - done, position + done)
    if (bytesRead === 0)
      throw new CheckpointError(path, {
        wanted: `${into.byteLength} bytes at offset ${position}`,
        got: `the end of the file after ${done}`,
      })
    done += bytesRead
  }
}

/** Opens `path`, hands it to `use`, closes it whatever happens. */
export async function withFile<T>(path: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const opened = handle
    const stat = await opened.stat()
    if (!stat.isFile())
      throw new CheckpointError(path, {
        wanted: 'a weight file',
        got: stat.isDirectory() ? 'a folder' : 'no ordinary file',
        remedy: 'Give the path of the file itself.',
      })
    return await use({ path, size: stat.size, read: (into, position) => readExactly(opened, path, into, position) })
  } catch (error) {
    throw fileError(path, error)
  } finally {
    await handle?.close()
  }
}
