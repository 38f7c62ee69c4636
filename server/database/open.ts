import { existsSync } from 'node:fs'
import path from 'node:path'
import Database from 'libsql'
import { diskError } from '../whole-files.ts'
import { migrate, type Migration, migrations } from './migrations.ts'

export type { Database } from 'libsql'

/** The one file beside the folders of a data folder: queue, history, whose output is whose, settings, names. */
export const databaseFile = (data: string): string => path.join(path.resolve(data), 'state.db')

/**
 * Opens the database, made when missing and brought up to date. WAL: a reader in another process (`patronus names`) does not
 * wait. FULL: what was committed outlives a power cut, too, and not only the death of this process.
 */
export function openDatabase(file: string, steps: readonly Migration[] = migrations): Database.Database {
  const isNew = !existsSync(file)
  let db: Database.Database | undefined
  try {
    db = new Database(file, { timeout: 5000 })
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    migrate(db, steps)
    return db
  } catch (error) {
    db?.close()
    throw explained(error, file, isNew)
  }
}

/** The WAL goes into the file, so that a copy of that one file is all there is. */
export function closeDatabase(db: Database.Database): void {
  try {
    db.pragma('wal_checkpoint(TRUNCATE)')
  } catch {
    // On a full disk it stays beside the file, where the next start finds it.
  }
  db.close()
}

function explained(error: unknown, file: string, isNew: boolean): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (!/^SQLITE|ConnectionFailed/.test(code + message)) return diskError(error, file)
  const what = /NOTADB|CORRUPT/.test(code)
    ? 'it is no database of this program, or it is damaged; put a copy back, or move it away to begin with an empty one'
    : isNew
      ? 'the folder cannot be written; choose another with --data, or give this program the right to write there'
      : `${message}; see that the disk is writable and has space`
  return new Error(`${file} cannot be opened: ${what}`, { cause: error })
}
