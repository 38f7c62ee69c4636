import type Database from 'libsql'
import { transact } from './transact.ts'
import { createSavedWorkflows } from '../saved-workflows.ts'
import type { NamesTable, Settings, Store } from '../store.ts'
import { createSqlHistory } from './history.ts'
import { closeDatabase } from './open.ts'
import { createSqlOutputs } from './outputs.ts'
import { createSqlRows } from './workflows.ts'

/** All that is remembered, as rows of one database. */
export function createSqlStore(db: Database.Database, capacity: number): Store {
  const touch = db.prepare("INSERT INTO counters VALUES ('check', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
  return {
    ...createSqlHistory(db, capacity),
    outputs: createSqlOutputs(db),
    settings: createSqlSettings(db),
    names: createSqlNames(db),
    workflows: createSavedWorkflows(createSqlRows(db)),
    check: async () => void touch.run(),
    close: async () => closeDatabase(db),
  }
}

export function createSqlSettings(db: Database.Database): Settings {
  const all = db.prepare('SELECT key, value FROM settings')
  const write = db.prepare('INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  return {
    all: async () =>
      Object.fromEntries((all.all() as { key: string; value: string }[]).map(({ key, value }) => [key, JSON.parse(value)])),
    set: async changes =>
      transact(db, () => {
        for (const [key, value] of Object.entries(changes)) write.run(key, JSON.stringify(value ?? null))
      }),
  }
}

export function createSqlNames(db: Database.Database): NamesTable {
  const one = db.prepare('SELECT body FROM names WHERE checkpoint = ?')
  const write = db.prepare('INSERT INTO names VALUES (?, ?) ON CONFLICT (checkpoint) DO UPDATE SET body = excluded.body')
  const get = (checkpoint: string) => (one.get(checkpoint) as { body: string } | undefined)?.body
  return {
    get: async checkpoint => get(checkpoint),
    change: async (checkpoint, by) =>
      transact(db, () => {
        const text = by(get(checkpoint))
        write.run(checkpoint, text)
        return text
      }),
  }
}
