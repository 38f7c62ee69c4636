import type Database from 'libsql'
import { transact } from './transact.ts'

type Waiting = { readonly work: () => void; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/**
 * Commits together what is asked for in one turn of the event loop: a commit waits for the disk, and a hundred prompts that come
 * at once wait for it once. What is asked is done when its promise resolves, not before.
 */
export function createBatch(db: Database.Database): (work: () => void) => Promise<void> {
  let waiting: Waiting[] = []
  const commit = () => {
    const batch = waiting
    waiting = []
    const done: Waiting[] = []
    try {
      transact(db, () => {
        for (const one of batch)
          try {
            one.work()
            done.push(one)
          } catch (error) {
            // A statement that broke a rule undid itself alone; after anything worse the whole transaction is gone.
            if (!db.inTransaction) throw error
            one.reject(error)
          }
      })
      for (const { resolve } of done) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  return work =>
    new Promise<void>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(commit)
      waiting.push({ work, resolve, reject })
    })
}

/**
 * For what a power cut may undo without harm: that a job was begun. It waits for no disk; the death of this process undoes
 * nothing of it all the same.
 */
export function lightly<T>(db: Database.Database, work: () => T): T {
  db.pragma('synchronous = NORMAL')
  try {
    return work()
  } finally {
    db.pragma('synchronous = FULL')
  }
}
