import type Database from 'libsql'
import { transact } from './transact.ts'

/** One step from a version to the next. It runs in a transaction, which is undone when it throws. */
export type Migration = (db: Database.Database) => void

/**
 * Every step there ever was, in order; the n-th makes version n. A step that was released is never changed: databases out
 * there have been through it. test/fixtures holds one of every version.
 */
export const migrations: readonly Migration[] = [
  db =>
    void db.exec(`
      CREATE TABLE jobs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        prompt_id TEXT NOT NULL UNIQUE,
        number REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running')),
        attempt INTEGER NOT NULL DEFAULT 0,
        job TEXT NOT NULL
      );
      CREATE INDEX jobs_in_order ON jobs (state, number, sequence);
      CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE history (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        prompt_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('completed', 'failed', 'cancelled')),
        workflow_id TEXT,
        created REAL NOT NULL,
        duration REAL NOT NULL,
        entry TEXT NOT NULL
      );
      CREATE INDEX history_by_time ON history (created, sequence, state, workflow_id);
      CREATE INDEX history_by_duration ON history (duration, sequence, state, workflow_id);
      CREATE TABLE outputs (
        type TEXT NOT NULL,
        subfolder TEXT NOT NULL,
        filename TEXT NOT NULL,
        prompt_id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        stem TEXT NOT NULL,
        counter INTEGER NOT NULL,
        PRIMARY KEY (type, subfolder, filename)
      ) WITHOUT ROWID;
      CREATE UNIQUE INDEX outputs_by_job ON outputs (prompt_id, node_id, position);
      CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE names (checkpoint TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    `),
  // The bytes stand last in their row, so that a list does not read past them.
  db =>
    void db.exec(`
      CREATE TABLE workflows (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        created REAL NOT NULL,
        last INTEGER NOT NULL,
        current INTEGER,
        deleted REAL,
        CHECK ((current IS NULL) = (deleted IS NOT NULL))
      );
      CREATE TABLE workflow_versions (
        workflow INTEGER NOT NULL,
        number INTEGER NOT NULL,
        saved REAL NOT NULL,
        size INTEGER NOT NULL,
        digest TEXT NOT NULL,
        nodes INTEGER,
        body BLOB NOT NULL,
        PRIMARY KEY (workflow, number)
      );
    `),
]

export const versionOf = (db: Database.Database): number =>
  (db.pragma('user_version') as readonly { user_version: number }[])[0].user_version

/** Brings a database up to date, step by step. One of a newer program is refused: nobody here knows what its tables mean. */
export function migrate(db: Database.Database, steps: readonly Migration[]): void {
  const found = versionOf(db)
  if (found > steps.length)
    throw new Error(
      `${db.name} was written by a newer version of this program (it is of version ${found}, this program knows ${steps.length}); update the program, or choose another folder with --data`,
    )
  for (let version = found; version < steps.length; version++)
    transact(db, () => {
      // Another process may have taken the step while this one waited for the lock.
      if (versionOf(db) !== version) return
      steps[version](db)
      db.pragma(`user_version = ${version + 1}`)
    })
}
