import { BadRequest } from './problem.ts'
import { daysAfterDelete, describeBytes, kept, newestFirst, surplus, type Bounds, type Version } from './workflow-versions.ts'

/** A workflow that is kept, as a file is described. `path` lies below `workflows/`; times in ms since 1970. */
export type SavedFile = {
  readonly path: string
  readonly size: number
  readonly modified: number
  readonly created: number
}
/** What can still be brought back, and when it was deleted. */
export type DeletedFile = { readonly path: string; readonly deleted: number }
export type Earlier = Version & { readonly current: boolean }

/**
 * People's own workflows, each with its earlier versions. Paths are checked by who calls (files.ts); here they are only texts,
 * and no file is ever made of one.
 */
export type SavedWorkflows = {
  /** Sorted by path. */
  list(): Promise<readonly SavedFile[]>
  deleted(): Promise<readonly DeletedFile[]>
  find(path: string): Promise<SavedFile | undefined>
  read(path: string): Promise<Uint8Array | undefined>
  /** A new version, unless the bytes are those that are there already. 409 where it exists and is not to be overwritten. */
  save(path: string, bytes: Uint8Array, options?: { readonly overwrite?: boolean }): Promise<SavedFile>
  /** With all versions; those of a workflow that gives way go with it. */
  move(from: string, to: string, options?: { readonly overwrite?: boolean }): Promise<SavedFile>
  /** It can be brought back for a while with `restore`. False when there is none. */
  remove(path: string): Promise<boolean>
  /** At once and for good, with all versions, be it deleted already or not. False when there is none. */
  forget(path: string): Promise<boolean>
  /** Newest first, of a deleted workflow as well (first what it was); 404 when there never was one. */
  versions(path: string): Promise<readonly Earlier[]>
  version(path: string, number: number): Promise<Uint8Array>
  /** Makes an earlier version the newest one; nothing is lost by it. */
  restore(path: string, number: number): Promise<SavedFile>
  /**
   * For a file that lay in the folder (database/old-workflows.ts). One that is older than what is kept becomes an earlier version;
   * one that is kept already changes nothing.
   */
  take(path: string, bytes: Uint8Array, times: { readonly modified: number; readonly created: number }): 'current' | 'earlier' | 'known' // prettier-ignore
  /** All of `work`, which may only use `take`, or none of it. */
  together<T>(work: () => T): T
}

export type WorkflowRow = {
  readonly id: number
  readonly path: string
  readonly created: number
  /** The highest number a version was given. */
  readonly last: number
  /** Number of the version that is the workflow now; null when it was deleted. */
  readonly current: number | null
  readonly deleted: number | null
}

/** Where the rows live: in memory or in a database. What they mean is said once, below. */
export type WorkflowRows = {
  together<T>(work: () => T): T
  find(path: string): WorkflowRow | undefined
  list(): readonly SavedFile[]
  deleted(): readonly (DeletedFile & { readonly id: number })[]
  /** Whether a workflow is kept whose path begins so. */
  hasBelow(prefix: string): boolean
  insert(row: Omit<WorkflowRow, 'id'>): WorkflowRow
  update(row: WorkflowRow): void
  /** With its versions. */
  drop(id: number): void
  versions(id: number): readonly Version[]
  body(id: number, number: number): Uint8Array | undefined
  add(id: number, version: Version, body: Uint8Array): void
  touch(id: number, number: number, saved: number): void
  dropVersion(id: number, number: number): void
  /** Gives all versions to another workflow, their numbers raised by `by`. */
  handOver(from: number, to: number, by: number): void
}

const notFound = (path: string, what = '') => new BadRequest('not_found', `There is no ${what}"workflows/${path}"`, 404)

export function createSavedWorkflows(rows: WorkflowRows, { now = Date.now, bounds = kept }: Settings = {}): SavedWorkflows {
  const known = (path: string): WorkflowRow => {
    const row = rows.find(path)
    if (!row) throw notFound(path, 'version of ')
    return row
  }
  const fileOf = ({ id, path, created, current }: WorkflowRow): SavedFile => {
    const { size, saved } = rows.versions(id).find(({ number }) => number === current)!
    return { path, size, modified: saved, created }
  }
  const prune = ({ id, current }: WorkflowRow): void => {
    for (const number of surplus(rows.versions(id), current, bounds)) rows.dropVersion(id, number)
  }
  const forgetOld = (): void => {
    const before = now() - daysAfterDelete * 24 * 3600 * 1000
    for (const { id, deleted } of rows.deleted()) if (deleted < before) rows.drop(id)
  }
  const rowFor = (path: string, created: number): WorkflowRow =>
    rows.find(path) ?? rows.insert({ path, created, last: 0, current: null, deleted: created })

  /** Makes `bytes` the workflow; those that it is already are only dated anew. */
  const write = (row: WorkflowRow, bytes: Uint8Array, saved: number, created = saved): WorkflowRow => {
    const told = describeBytes(bytes)
    const isSame = rows.versions(row.id).some(({ number, digest }) => number === row.current && digest === told.digest)
    if (isSame) {
      rows.touch(row.id, row.current!, saved)
      return row
    }
    const number = row.last + 1
    const after = { ...row, last: number, current: number, deleted: null, created: row.deleted === null ? row.created : created }
    rows.add(row.id, { number, saved, ...told }, bytes)
    rows.update(after)
    prune(after)
    return after
  }
  const take: SavedWorkflows['take'] = (path, bytes, { modified, created }) => {
    checkPlace(rows, path)
    const before = rows.find(path)
    const row = rowFor(path, created)
    const told = describeBytes(bytes)
    const versions = rows.versions(row.id)
    const current = versions.find(({ number }) => number === row.current)
    const isKnown = versions.some(({ digest }) => digest === told.digest)
    const newest = current?.saved ?? row.deleted!
    if (current?.digest === told.digest || (before && isKnown && modified <= newest)) return 'known'
    if (!current || modified > newest) {
      write(row, bytes, modified, created)
      return 'current'
    }
    const after = { ...row, last: row.last + 1 }
    rows.add(row.id, { number: after.last, saved: modified, ...told }, bytes)
    rows.update(after)
    prune(after)
    return 'earlier'
  }

  return {
    list: async () => rows.list(),
    deleted: async () => rows.deleted().map(({ path, deleted }) => ({ path, deleted })),
    find: async path => {
      const row = rows.find(path)
      return row && row.current !== null ? fileOf(row) : undefined
    },
    read: async path => {
      const row = rows.find(path)
      return row && row.current !== null ? rows.body(row.id, row.current) : undefined
    },
    save: async (path, bytes, { overwrite = true } = {}) =>
      rows.together(() => {
        if (!overwrite) checkFree(rows, path)
        checkPlace(rows, path)
        forgetOld()
        const at = now()
        return fileOf(write(rowFor(path, at), bytes, at))
      }),
    move: async (from, to, { overwrite = true } = {}) =>
      rows.together(() => {
        const row = rows.find(from)
        if (!row || row.current === null) throw notFound(from)
        if (!overwrite) checkFree(rows, to)
        if (from === to) return fileOf(row)
        checkPlace(rows, to)
        const moved = moveRow(rows, row, to)
        prune(moved)
        return fileOf(moved)
      }),
    remove: async path =>
      rows.together(() => {
        const row = rows.find(path)
        if (!row || row.current === null) return false
        // What it was is the newest version from now on: after a move, one of what gave way may have been saved later.
        const [newest] = [...rows.versions(row.id)].sort(newestFirst)
        if (newest.number !== row.current) rows.touch(row.id, row.current, now())
        rows.update({ ...row, current: null, deleted: now() })
        forgetOld()
        return true
      }),
    forget: async path =>
      rows.together(() => {
        const row = rows.find(path)
        if (row) rows.drop(row.id)
        return row !== undefined
      }),
    versions: async path => {
      const { id, current } = known(path)
      return [...rows.versions(id)].sort(newestFirst).map(version => ({ ...version, current: version.number === current }))
    },
    version: async (path, number) => {
      const body = rows.body(known(path).id, number)
      if (!body) throw notFound(path, `version ${number} of `)
      return body
    },
    restore: async (path, number) =>
      rows.together(() => {
        const row = known(path)
        const body = rows.body(row.id, number)
        if (!body) throw notFound(path, `version ${number} of `)
        checkPlace(rows, path)
        return fileOf(write(row, body, now()))
      }),
    take,
    together: work => rows.together(work),
  }
}

type Settings = { readonly now?: () => number; readonly bounds?: Bounds }

function checkFree(rows: WorkflowRows, path: string): void {
  if (typeof rows.find(path)?.current === 'number') throw new BadRequest('exists', `"workflows/${path}" exists already`, 409)
}

/** As on a disk, so that they can be exported: nothing is both a file and a folder. */
function checkPlace(rows: WorkflowRows, path: string): void {
  const parts = path.split('/')
  const above = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'))
  const file = above.find(folder => typeof rows.find(folder)?.current === 'number')
  if (file !== undefined)
    throw new BadRequest('bad_file_name', `"workflows/${file}" is a file, so nothing can be put into it; choose another folder`)
  if (rows.hasBelow(`${path}/`)) throw new BadRequest('bad_file_name', `"workflows/${path}" is a folder; give the name of a file`)
}

/** What lay at `to`, be it deleted, becomes the past of what comes: a move loses nothing. */
function moveRow(rows: WorkflowRows, row: WorkflowRow, to: string): WorkflowRow {
  const there = rows.find(to)
  if (!there) {
    const moved = { ...row, path: to }
    rows.update(moved)
    return moved
  }
  rows.handOver(row.id, there.id, there.last)
  rows.drop(row.id)
  const { created, current, last } = row
  const moved = { ...there, created, current: there.last + current!, last: there.last + last, deleted: null }
  rows.update(moved)
  return moved
}
