import type Database from 'libsql'
import { transact } from './transact.ts'
import { createdAt, durationOf, stateOf, workflowIdOf, type Found, type HistoryEntry, type HistoryQuery } from '../history.ts'
import { pageBounds, type Store } from '../store.ts'

type Row = { readonly entry: string }

const read = (rows: readonly unknown[]): HistoryEntry[] =>
  (rows as readonly Row[]).map(({ entry }) => JSON.parse(entry) as HistoryEntry)

const countOf = (db: Database.Database): number =>
  (db.prepare('SELECT count(*) AS count FROM history').get() as { count: number }).count

/** Within a transaction of the caller's: how a job ended, once; the oldest make room, and what is known of their pictures with them. */
export function insertHistory(db: Database.Database, entry: HistoryEntry, capacity: number): void {
  const { job } = entry
  db.prepare(
    `INSERT INTO history (prompt_id, state, workflow_id, created, duration, entry) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (prompt_id) DO NOTHING`,
  ).run(job.promptId, stateOf(entry), workflowIdOf(job) ?? null, createdAt(job), durationOf(entry), JSON.stringify(entry))
  const surplus = countOf(db) - capacity
  if (surplus <= 0) return
  const oldest = db.prepare('SELECT prompt_id FROM history ORDER BY sequence LIMIT ?').all(surplus)
  remove(db, (oldest as { prompt_id: string }[]).map(row => row.prompt_id)) // prettier-ignore
}

function remove(db: Database.Database, promptIds: readonly string[]): void {
  const [fromHistory, fromOutputs] = ['history', 'outputs'].map(table => db.prepare(`DELETE FROM ${table} WHERE prompt_id = ?`))
  for (const id of promptIds) if (fromHistory.run(id).changes > 0) fromOutputs.run(id)
}

/** Ended jobs as rows of a database. */
export function createSqlHistory(
  db: Database.Database,
  capacity: number,
): Pick<Store, 'add' | 'get' | 'page' | 'find' | 'remove' | 'clear'> {
  const one = db.prepare('SELECT entry FROM history WHERE prompt_id = ?')
  const some = db.prepare('SELECT entry FROM history ORDER BY sequence LIMIT ? OFFSET ?')
  return {
    add: async entry => transact(db, () => insertHistory(db, entry, capacity)),
    get: async promptId => read([one.get(promptId)].filter(Boolean))[0],
    page: async (maxItems, offset) => {
      const { from, count } = pageBounds(countOf(db), maxItems, offset)
      return read(some.all(count, from))
    },
    find: async query => find(db, query),
    remove: async promptIds => transact(db, () => remove(db, promptIds)),
    clear: async () =>
      transact(db, () => {
        db.exec('DELETE FROM outputs WHERE prompt_id IN (SELECT prompt_id FROM history)')
        db.exec('DELETE FROM history')
      }),
  }
}

/** Sorted and cut by indices; only the entries of the page are read. */
function find(db: Database.Database, { states, workflowId, by = 'created', ascending, limit, offset = 0 }: HistoryQuery): Found {
  const conditions = ['1']
  const values: string[] = []
  if (states) {
    conditions.push(`state IN (${states.map(() => '?').join(', ') || 'NULL'})`)
    values.push(...states)
  }
  if (workflowId !== undefined) {
    conditions.push('workflow_id = ?')
    values.push(workflowId)
  }
  const where = conditions.join(' AND ')
  const [column, direction] = [by === 'duration' ? 'duration' : 'created', ascending ? 'ASC' : 'DESC']
  const { total } = db.prepare(`SELECT count(*) AS total FROM history WHERE ${where}`).get(...values) as { total: number }
  const rows = db
    .prepare(
      `SELECT entry FROM history JOIN (
         SELECT sequence AS wanted FROM history WHERE ${where} ORDER BY ${column} ${direction}, sequence ${direction} LIMIT ? OFFSET ?
       ) ON sequence = wanted ORDER BY ${column} ${direction}, sequence ${direction}`,
    )
    .all(...values, limit, offset)
  return { entries: read(rows), total }
}
