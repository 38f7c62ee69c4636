import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { BadRequest } from './problem.ts'
import { makeFolder } from './whole-files.ts'

/** The folders a file name from outside may point into. */
export type Kind = 'input' | 'output' | 'temp' | 'user' | 'checkpoints' | 'workflows' | 'datasets' | 'artefacts' | 'inception'

/** Folders per kind, searched in order. Files are written into the first one; the others are shipped and read only. */
export type Roots = Readonly<Record<Kind, readonly string[]>>

/**
 * The one way from a file name in a request or a graph to a path on the disk. Every name is hostile: no path leaves its
 * root, whether by `..`, by an absolute path, by tricks of other systems or by a symbolic link (spec/reliability.md 1.3).
 */
export type Files = {
  readonly roots: Roots
  /** The file's real path, or undefined when there is none; throws BadRequest when the name is not allowed. */
  find(kind: Kind, name: string): Promise<string | undefined>
  /** Where a file of that name may be written; makes the folders above it. */
  place(kind: Kind, name: string): Promise<string>
  /** Like `find`, for a folder; '' is the root itself. */
  folder(kind: Kind, name: string): Promise<string | undefined>
  /** Names of all files below the roots of a kind, with `/`, sorted; hidden ones are left out. */
  list(kind: Kind, accept?: (name: string) => boolean): Promise<string[]>
  /** Names of the folders right below the roots of a kind, sorted; hidden ones are left out. */
  folders(kind: Kind): Promise<string[]>
  /** SHA-256 of a file's bytes, hex; remembered until its size or time changes. */
  hash(kind: Kind, name: string): Promise<string>
}

const longest = 1024

/** `a.png` before `a-b.png`: the end of a name counts last, so that a file stands before those that are called after it. */
const byName = (a: string, b: string): number => {
  const compare = (one: string, other: string) => one.localeCompare(other, 'en', { numeric: true })
  const stem = (name: string) => name.slice(0, name.length - path.posix.extname(name).length)
  return compare(stem(a), stem(b)) || compare(a, b)
}

/** Why a name may not be used, or undefined when it may. Pure, so that a test can throw thousands of strings at it. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.length > longest) return `is longer than ${longest} characters`
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'holds a control character'
  if (/[\\:]/.test(name)) return 'holds a backslash or a colon'
  if (name.startsWith('/')) return 'is an absolute path'
  const parts = name.normalize('NFKC').split(/[\\/]/)
  if (parts.some(part => part === '' || part === '.' || part === '..')) return 'holds an empty part, "." or ".."'
  if (parts.some(part => /[. ]$/.test(part))) return 'has a part that ends in a dot or a space'
  if (parts.some(part => part.startsWith('.'))) return 'names a hidden file'
  return undefined
}

const inside = (root: string, file: string): boolean =>
  file === root || file.startsWith(root.endsWith(path.sep) ? root : root + path.sep)

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')

/** The real path of `file`, or undefined when nothing is there. */
async function real(file: string): Promise<string | undefined> {
  try {
    return await realpath(file)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Throws BadRequest when a name is not allowed, be there a file or not. */
export function checkName(kind: Kind, name: string): void {
  const problem = nameProblem(name)
  if (problem)
    throw new BadRequest(
      'bad_file_name',
      `File name ${JSON.stringify(name.slice(0, 80))} ${problem}; give a name inside the ${kind} folder`,
    )
}

const escaped = (kind: Kind, name: string) =>
  new BadRequest('bad_file_name', `"${name}" leads out of the ${kind} folder through a link; copy the file into it instead`, 403)

/** Path of `name` under the first root that has it, as a real path that lies inside that root's real path. */
async function lookUp(roots: Roots, kind: Kind, name: string, wanted: 'isFile' | 'isDirectory'): Promise<string | undefined> {
  for (const root of roots[kind]) {
    const home = await real(root)
    const file = home && (await real(path.join(home, name)))
    if (!home || !file) continue
    if (!inside(home, file)) throw escaped(kind, name)
    if ((await stat(file))[wanted]()) return file
  }
  return undefined
}

async function placeFor(roots: Roots, kind: Kind, name: string): Promise<string> {
  checkName(kind, name)
  await mkdir(roots[kind][0], { recursive: true })
  const home = await realpath(roots[kind][0])
  const file = path.join(home, name)
  // The deepest folder that already exists decides; below it nothing can be a link.
  let above = path.dirname(file)
  while (!(await real(above))) {
    if (await isThere(above)) throw escaped(kind, name)
    above = path.dirname(above)
  }
  if (!inside(home, await realpath(above))) throw escaped(kind, name)
  if (!(await stat(above)).isDirectory())
    throw new BadRequest(
      'bad_file_name',
      `"${path.relative(home, above)}" is a file, so nothing can be put into it; choose another folder`,
    )
  const there = await lstat(file).catch(() => undefined)
  if (there?.isSymbolicLink()) throw escaped(kind, name)
  if (there?.isDirectory()) throw new BadRequest('bad_file_name', `"${name}" is a folder; give the name of a file`)
  await makeFolder(path.dirname(file))
  return file
}

/** Whether anything is there, be it a link to nowhere. */
const isThere = (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  )

async function namesBelow(root: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(path.join(root, prefix), { withFileTypes: true }).catch(() => [])
  const found = await Promise.all(
    entries
      .filter(entry => !nameProblem(entry.name))
      .map(async entry => {
        const name = prefix + entry.name
        return entry.isDirectory() ? namesBelow(root, `${name}/`) : entry.isFile() ? [name] : []
      }),
  )
  return found.flat()
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

export function createFiles(roots: Roots): Files {
  const hashes = new Map<string, string>()
  const find = async (kind: Kind, name: string) => (checkName(kind, name), lookUp(roots, kind, name, 'isFile'))
  return {
    roots,
    find,
    place: (kind, name) => placeFor(roots, kind, name),
    folder: async (kind, name) => {
      if (name !== '') checkName(kind, name)
      return lookUp(roots, kind, name, 'isDirectory')
    },
    list: async (kind, accept = () => true) => {
      const names = (await Promise.all(roots[kind].map(root => namesBelow(root)))).flat().filter(accept)
      return [...new Set(names)].sort(byName)
    },
    folders: async kind => {
      const found = await Promise.all(roots[kind].map(root => readdir(root, { withFileTypes: true }).catch(() => [])))
      const names = found.flat().filter(entry => entry.isDirectory() && !nameProblem(entry.name))
      return [...new Set(names.map(({ name }) => name))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    },
    hash: async (kind, name) => {
      const file = await find(kind, name)
      if (!file) throw new Error(`There is no "${name}" in the ${kind} folder`)
      const { mtimeMs, size, ino } = await stat(file)
      const key = [file, mtimeMs, size, ino].join('|')
      const known = hashes.get(key) ?? (await sha256(file))
      hashes.set(key, known)
      return known
    },
  }
}

/**
 * A file of another name in the very folder that a checkpoint lies in: a shipped atlas must not pass for that of a user's checkpoint
 * that has the same name.
 */
export async function beside(files: Files, checkpoint: string, name: string): Promise<string | undefined> {
  const [home, found] = await Promise.all([files.find('checkpoints', checkpoint), files.find('checkpoints', name)])
  return home !== undefined && found !== undefined && path.dirname(home) === path.dirname(found) ? found : undefined
}

/** What decides whether a folder of pictures is still the same: names, sizes and times of its files. */
export async function folderHash(files: Files, name: string): Promise<string> {
  const folder = await files.folder('datasets', name)
  if (!folder) return ''
  const hash = createHash('sha256')
  for (const entry of (await readdir(folder)).sort()) {
    const { size, mtimeMs } = await stat(path.join(folder, entry))
    hash.update(`${entry}|${size}|${mtimeMs}\n`)
  }
  return hash.digest('hex')
}
