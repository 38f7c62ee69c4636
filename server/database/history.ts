import type Database from 'libsql'
import { transact } from './transact.ts'
import { createdAt, durationOf, stateOf, workflowIdOf, type Found, type HistoryEntry, type HistoryQuery } from '../history.ts'
import { pageBounds, type Store } from '../store.ts'

type Row = { readonly entry: string }

const read = (rows: readonly unknown[]): HistoryEntry[] =>
  (rows as readonly Row[]).map(({ entry }) => JSON.parse(entry) as HistoryEntry)

/**
 * The table of one database, for whoever writes to it: statements are made once, and rows are counted once and then on. A
 * transaction that is undone makes the count wrong, so whoever sees one fail has it `forgotten`.
 */
export type HistoryTable = {
  /** Within a transaction of the caller's: how a job ended, once; beyond `capacity` the oldest make room, and what is known of their pictures with them. */
  insert(entry: HistoryEntry, capacity: number): void
  remove(promptIds: readonly string[]): void
  count(): number
  forget(): void
}

const tables = new WeakMap<Database.Database, HistoryTable>()
export function historyTable(db: Database.Database): HistoryTable {
  const table = tables.get(db) ?? createTable(db)
  tables.set(db, table)
  return table
}

function createTable(db: Database.Database): HistoryTable {
  const add = db.prepare(
    `INSERT INTO history (prompt_id, state, workflow_id, created, duration, entry) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (prompt_id) DO NOTHING`,
  )
  const ask = db.prepare('SELECT count(*) AS count FROM history')
  const oldest = db.prepare('SELECT prompt_id FROM history ORDER BY sequence LIMIT ?')
  const [fromHistory, fromOutputs] = ['history', 'outputs'].map(table => db.prepare(`DELETE FROM ${table} WHERE prompt_id = ?`))
  let known: number | undefined
  const count = () => (known ??= (ask.get() as { count: number }).count)
  const remove = (promptIds: readonly string[]) => {
    const before = count()
    let removed = 0
    for (const id of promptIds)
      if (fromHistory.run(id).changes > 0) {
        removed++
        fromOutputs.run(id)
      }
    known = before - removed
  }
  return {
    insert: (entry, capacity) => {
      const before = count()
      const { promptId } = entry.job
      const facts = [stateOf(entry), workflowIdOf(entry.job) ?? null, createdAt(entry.job), durationOf(entry)]
      known = before + add.run(promptId, ...facts, JSON.stringify(entry)).changes
      if (known > capacity) remove((oldest.all(known - capacity) as { prompt_id: string }[]).map(row => row.prompt_id))
    },
    remove,
    count,
    forget: () => {
      known = undefined
    },
  }
}

/** Ended jobs as rows of a database. */
export function createSqlHistory(
  db: Database.Database,
  capacity: number,
): Pick<Store, 'add' | 'get' | 'page' | 'find' | 'remove' | 'clear'> {
  const one = db.prepare('SELECT entry FROM history WHERE prompt_id = ?')
  const some = db.prepare('SELECT entry FROM history ORDER BY sequence LIMIT ? OFFSET ?')
  const table = historyTable(db)
  const change = (work: () => void) => {
    try {
      transact(db, work)
    } catch (error) {
      table.forget()
      throw error
    }
  }
  return {
    add: async entry => change(() => table.insert(entry, capacity)),
    get: async promptId => read([one.get(promptId)].filter(Boolean))[0],
    page: async (maxItems, offset) => {
      const { from, count } = pageBounds(table.count(), maxItems, offset)
      return read(some.all(count, from))
    },
    find: async query => find(db, query),
    remove: async promptIds => change(() => table.remove(promptIds)),
    clear: async () =>
      change(() => {
        table.forget()
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
