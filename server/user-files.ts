import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { limits } from './body.ts'
import { checkName, nameProblem, type Files } from './files.ts'
import { BadRequest } from './problem.ts'
import type { SavedFile, SavedWorkflows } from './saved-workflows.ts'
import { writeWhole } from './whole-files.ts'

/** Times in ms since 1970. */
export type FileInfo = SavedFile
export type Entry =
  | { readonly name: string; readonly path: string; readonly type: 'directory' }
  | { readonly name: string; readonly path: string; readonly type: 'file'; readonly size: number; readonly modified: number }

/**
 * What a page keeps, by path: workflows in the store, with their earlier versions, everything else as files below `user/data/`.
 * To a client both are one file system. A name that is not allowed is a BadRequest.
 */
export type UserFiles = {
  /** Files of a folder, their paths relative to it, sorted; none where there is no such folder. */
  list(folder: string, recurse: boolean): Promise<readonly FileInfo[]>
  /** Files and folders of a folder ('' is all), folders first. */
  entries(folder: string): Promise<readonly Entry[]>
  read(name: string): Promise<Uint8Array>
  write(name: string, bytes: Uint8Array, options: Overwrite): Promise<FileInfo>
  remove(name: string): Promise<void>
  move(name: string, to: string, options: Overwrite): Promise<FileInfo>
}
type Overwrite = { readonly overwrite: boolean }

const home = 'data'
const workflows = 'workflows'
const longestPart = 255

export function createUserFiles(files: Files, store: SavedWorkflows): UserFiles {
  const disk = onDisk(files)
  const kept = inStore(store)
  const placeOf = (name: string) => (workflowPath(name) === undefined ? disk : kept)
  return {
    list: async (folder, recurse) => placeOf(folder).list(folder, recurse),
    entries: async folder => {
      if (folder !== '') return placeOf(folder).entries(folder)
      // A folder of that name may hold what could not be taken over; it is not what clients see.
      const others = (await disk.entries('')).filter(({ name }) => name !== workflows)
      const own: Entry[] = (await store.list()).length ? [{ name: workflows, path: workflows, type: 'directory' }] : []
      return sorted([...own, ...others])
    },
    read: async name => placeOf(name).read(name),
    write: async (name, bytes, options) => placeOf(name).write(name, bytes, options),
    remove: async name => placeOf(name).remove(name),
    move: async (name, to, options) => {
      const [from, into] = [placeOf(name), placeOf(to)]
      if (from === into) return from.move(name, to, options)
      // Written before it is removed: a process that dies between the two leaves it twice, not lost.
      const info = await into.write(to, await from.read(name), options)
      await from.remove(name)
      return info
    },
  }
}

/** A path below `workflows/`, '' for that folder itself; undefined for what lies elsewhere. Throws when it is not allowed. */
export function workflowPath(name: string): string | undefined {
  checkName('user', `${home}/${name}`)
  if (name === workflows) return ''
  if (!name.startsWith(`${workflows}/`)) return undefined
  const below = name.slice(workflows.length + 1)
  // What a disk could not hold could never be exported.
  if (below.split('/').some(part => Buffer.byteLength(part) > longestPart))
    throw new BadRequest('bad_file_name', `A part of the name of a workflow may have ${longestPart} bytes; give a shorter one`)
  return below
}

const notFound = (name: string) => new BadRequest('not_found', `There is no "${name}"`, 404)
const exists = (name: string) => new BadRequest('exists', `"${name}" exists already`, 409)
const isFolder = (name: string) => new BadRequest('bad_file_name', `"${name}" is a folder; give the name of a file`)

const byPath = (a: { path: string }, b: { path: string }) => a.path.localeCompare(b.path)
const sorted = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((a, b) => a.type.localeCompare(b.type) || a.name.localeCompare(b.name))

function inStore(store: SavedWorkflows): UserFiles {
  /** The path of a file; `workflows` itself is none. */
  const fileAt = (name: string): string => {
    const below = workflowPath(name)
    if (!below) throw isFolder(name)
    return below
  }
  const below = async (folder: string): Promise<FileInfo[]> => {
    const prefix = folder === workflows ? '' : `${workflowPath(folder)}/`
    const found = (await store.list()).filter(({ path }) => path.startsWith(prefix))
    return found.map(file => ({ ...file, path: file.path.slice(prefix.length) }))
  }
  const named = (file: SavedFile): FileInfo => ({ ...file, path: `${workflows}/${file.path}` })
  return {
    list: async (folder, recurse) => (await below(folder)).filter(({ path }) => recurse || !path.includes('/')).sort(byPath),
    entries: async folder => {
      const found = await below(folder)
      const folders = new Set(found.flatMap(({ path }) => (path.includes('/') ? [path.slice(0, path.indexOf('/'))] : [])))
      return sorted([
        ...[...folders].map(name => ({ name, path: `${folder}/${name}`, type: 'directory' as const })),
        ...found
          .filter(({ path }) => !path.includes('/'))
          .map(({ path, size, modified }) => ({ name: path, path: `${folder}/${path}`, type: 'file' as const, size, modified })),
      ])
    },
    read: async name => {
      const bytes = workflowPath(name) ? await store.read(fileAt(name)) : undefined
      if (!bytes) throw notFound(name)
      return bytes
    },
    write: async (name, bytes, options) => {
      const path = fileAt(name)
      if (bytes.length > limits.json) throw new BadRequest('body_too_large', `A workflow may have ${limits.json} bytes`, 413)
      return named(await store.save(path, bytes, options))
    },
    remove: async name => {
      if (!workflowPath(name) || !(await store.remove(fileAt(name)))) throw notFound(name)
    },
    move: async (name, to, options) => {
      if (!workflowPath(name)) throw notFound(name)
      return named(await store.move(fileAt(name), fileAt(to), options))
    },
  }
}

function onDisk(files: Files): UserFiles {
  const find = (name: string) => files.find('user', `${home}/${name}`)
  const existing = async (name: string): Promise<string> => {
    const file = await find(name)
    if (!file) throw notFound(name)
    return file
  }
  const freePlace = async (name: string, { overwrite }: Overwrite): Promise<string> => {
    if ((await find(name)) !== undefined && !overwrite) throw exists(name)
    return files.place('user', `${home}/${name}`)
  }
  const folderAt = (name: string) => files.folder('user', [home, name].filter(Boolean).join('/'))
  return {
    list: async (name, recurse) => {
      // A page asks for its folders before it ever wrote into them.
      const folder = await folderAt(name)
      return folder ? (await filesBelow(folder, recurse)).sort(byPath) : []
    },
    entries: async name => {
      const folder = await folderAt(name)
      return folder ? sorted(await entriesOf(folder, name)) : []
    },
    read: async name => readFile(await existing(name)),
    write: async (name, bytes, options) => {
      const file = await freePlace(name, options)
      await writeWhole(file, bytes)
      return infoOf(file, name)
    },
    remove: async name => rm(await existing(name)),
    move: async (name, to, options) => {
      const from = await existing(name)
      const place = await freePlace(to, options)
      await rename(from, place)
      return infoOf(place, to)
    },
  }
}

const infoOf = async (file: string, name: string): Promise<FileInfo> => {
  const { size, mtimeMs, birthtimeMs } = await stat(file)
  return { path: name, size, modified: Math.round(mtimeMs), created: Math.round(birthtimeMs) }
}
/** Nothing for a file that went away while the folder was read. */
const infoIfThere = (file: string, name: string): Promise<FileInfo[]> =>
  infoOf(file, name).then(info => [info], () => []) // prettier-ignore

async function filesBelow(folder: string, recurse: boolean, prefix = ''): Promise<FileInfo[]> {
  const entries = await readdir(path.join(folder, prefix), { withFileTypes: true })
  const found = await Promise.all(
    entries
      .filter(entry => !nameProblem(entry.name))
      .map(async entry => {
        if (entry.isDirectory()) return recurse ? filesBelow(folder, true, `${prefix}${entry.name}/`) : []
        return entry.isFile() ? infoIfThere(path.join(folder, prefix, entry.name), prefix + entry.name) : []
      }),
  )
  return found.flat()
}

async function entriesOf(folder: string, prefix: string): Promise<Entry[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const rows = await Promise.all(
    // Links are neither; they may lead nowhere.
    entries
      .filter(entry => !nameProblem(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map(async (entry): Promise<Entry[]> => {
        const [name, place] = [entry.name, prefix ? `${prefix}/${entry.name}` : entry.name]
        if (entry.isDirectory()) return [{ name, path: place, type: 'directory' }]
        const found = await infoIfThere(path.join(folder, name), place)
        return found.map(({ size, modified }) => ({ name, path: place, type: 'file', size, modified }))
      }),
  )
  return rows.flat()
}
