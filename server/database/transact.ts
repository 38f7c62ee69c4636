import type Database from 'libsql'

/**
 * All of `work` or none of it. The library's own wrapper answers a full disk with "cannot rollback": SQLite has undone everything
 * itself by then, and what is to be told is that the disk is full.
 */
export function transact<T>(db: Database.Database, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}
