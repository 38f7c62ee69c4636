import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

/** A file under its draft name; hidden, so that no list shows it. Two writers of one file, even in one process, have two drafts. */
const draftName = () => `.${process.pid}-${drafts++}.part`
const isDraft = (name: string) => /^\.(.+\.)?\d+(-\d+)?\.part$/.test(name)
let drafts = 0

/** Writes a file so that nobody ever sees half of it, whatever happens, and so that it is on the disk when this resolves. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const folder = path.dirname(file)
  const draft = path.join(folder, draftName())
  try {
    const handle = await open(draft, 'w')
    try {
      await handle.writeFile(bytes)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    await syncFolder(folder)
  } catch (error) {
    // On a disk that can no longer be written even this fails; what is told is why the file could not be written.
    await rm(draft, { force: true }).catch(() => {})
    throw diskError(error, path.basename(file))
  }
}

/** A folder and what is above it, made where it is missing, so that it is on the disk when this resolves. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = path.dirname(made)) await syncFolder(path.dirname(made))
}

/** A new name itself must outlive a power cut. Not every system can open a folder; there the rename is all there is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and try again',
  EDQUOT: 'the quota of this disk is used up; free some space and try again',
  EROFS: 'the disk is read-only; mount it writable and try again',
  EACCES: 'this program may not write there; give it the right to',
}

/** An error of the disk in a person's words, with its code kept and without the path: that is nobody's business. */
export function diskError(error: unknown, what: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException
  const reason = reasons[code]
  return reason
    ? Object.assign(new Error(`"${what}" could not be written: ${reason} (${code})`, { cause: error }), { code })
    : error
}

/** What a process that was killed left half written below `folders`; files begun after `before` belong to the living. */
export async function sweepDrafts(folders: readonly string[], before: number): Promise<number> {
  let swept = 0
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
    for (const { name, parentPath } of entries.filter(entry => entry.isFile() && isDraft(entry.name))) {
      const file = path.join(parentPath, name)
      const isOld = await stat(file).then(({ mtimeMs }) => mtimeMs < before, () => false) // prettier-ignore
      if (!isOld) continue
      await rm(file, { force: true }).catch(() => {})
      swept++
    }
  }
  return swept
}
