import type Database from 'libsql'
import type { DeletedFile, SavedFile, WorkflowRow, WorkflowRows } from '../saved-workflows.ts'
import type { Version } from '../workflow-versions.ts'
import { transact } from './transact.ts'

type Deleted = DeletedFile & { readonly id: number }

/** Saved workflows and their versions as rows of a database. Lists never read the bytes. */
export function createSqlRows(db: Database.Database): WorkflowRows {
  const find = db.prepare('SELECT id, path, created, last, current, deleted FROM workflows WHERE path = ?')
  const list = db.prepare(`
    SELECT path, size, saved AS modified, created FROM workflows
    JOIN workflow_versions ON workflow = id AND number = current ORDER BY path`)
  const deleted = db.prepare('SELECT id, path, deleted FROM workflows WHERE deleted IS NOT NULL ORDER BY path')
  const below = db.prepare('SELECT 1 FROM workflows WHERE path >= ? AND path < ? AND current IS NOT NULL LIMIT 1')
  const insert = db.prepare('INSERT INTO workflows (path, created, last, current, deleted) VALUES (?, ?, ?, ?, ?)')
  const update = db.prepare('UPDATE workflows SET path = ?, created = ?, last = ?, current = ?, deleted = ? WHERE id = ?')
  const drop = db.prepare('DELETE FROM workflows WHERE id = ?')
  const dropAll = db.prepare('DELETE FROM workflow_versions WHERE workflow = ?')
  const versions = db.prepare('SELECT number, saved, size, digest, nodes FROM workflow_versions WHERE workflow = ?')
  const body = db.prepare('SELECT body FROM workflow_versions WHERE workflow = ? AND number = ?')
  const add = db.prepare('INSERT INTO workflow_versions VALUES (?, ?, ?, ?, ?, ?, ?)')
  const touch = db.prepare('UPDATE workflow_versions SET saved = ? WHERE workflow = ? AND number = ?')
  const dropOne = db.prepare('DELETE FROM workflow_versions WHERE workflow = ? AND number = ?')
  const handOver = db.prepare('UPDATE workflow_versions SET workflow = ?, number = number + ? WHERE workflow = ?')
  return {
    together: work => transact(db, work),
    find: path => rowOf(find.get(path) as WorkflowRow | undefined),
    list: () => list.all() as SavedFile[],
    deleted: () => deleted.all() as Deleted[],
    // '0' is the letter after '/'.
    hasBelow: prefix => below.get(prefix, `${prefix.slice(0, -1)}0`) !== undefined,
    insert: ({ path, created, last, current, deleted }) => {
      const { lastInsertRowid } = insert.run(path, created, last, current, deleted)
      return { id: Number(lastInsertRowid), path, created, last, current, deleted }
    },
    update: ({ id, path, created, last, current, deleted }) => void update.run(path, created, last, current, deleted, id),
    drop: id => {
      dropAll.run(id)
      drop.run(id)
    },
    versions: id => versions.all(id) as Version[],
    body: (id, number) => (body.get(id, number) as { body: Buffer } | undefined)?.body,
    add: (id, { number, saved, size, digest, nodes }, bytes) =>
      void add.run(id, number, saved, size, digest, nodes, Buffer.from(bytes)),
    touch: (id, number, saved) => void touch.run(saved, id, number),
    dropVersion: (id, number) => void dropOne.run(id, number),
    handOver: (from, to, by) => void handOver.run(to, by, from),
  }
}

/** The library adds a field of its own to a single row. */
const rowOf = (row: WorkflowRow | undefined): WorkflowRow | undefined =>
  row && { id: row.id, path: row.path, created: row.created, last: row.last, current: row.current, deleted: row.deleted }
