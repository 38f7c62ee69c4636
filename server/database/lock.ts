import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import Database from 'libsql'

export type Lock = { release(): void }

/**
 * Only one server works on a data folder: two would run the same jobs. The lock is one that the system takes back when the
 * process ends, however it ends (SQLite's lock on an empty file), so that no kill -9 leaves a folder locked and no other process
 * that was given the same number is mistaken for a server. The number beside it only serves the error message.
 */
export function lockFolder(folder: string): Lock {
  const numberFile = path.join(folder, 'server.pid')
  const db = new Database(path.join(folder, 'server.lock'), { timeout: 0 })
  try {
    db.pragma('journal_mode = OFF')
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    throw new Error(
      `The data folder ${folder} is in use by another server (process ${holder(numberFile)}); stop that one, or choose another folder with --data`,
      { cause: error },
    )
  }
  try {
    writeFileSync(numberFile, `${process.pid}\n`)
  } catch (error) {
    db.exec('ROLLBACK')
    db.close()
    throw error
  }
  let isHeld = true
  return {
    release: () => {
      if (!isHeld) return
      isHeld = false
      try {
        rmSync(numberFile, { force: true })
      } catch {
        // On a disk that turned read-only it stays; it is only there for a message.
      }
      // Closing alone frees the lock only when the last trace of the connection is collected.
      db.exec('ROLLBACK')
      db.close()
    },
  }
}

function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
