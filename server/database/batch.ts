import type Database from 'libsql'
import { transact } from './transact.ts'

type Waiting = { readonly work: () => void; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** Done when its promise resolves, not before. `patiently`: it may wait for others, when there are many. */
export type Batch = (work: () => void, how?: { readonly patiently: boolean }) => Promise<void>

/** When the last commit is no older than this, another is to be expected; and how long that may be waited for, ms. */
const busyFor = 5
const patience = 3

/**
 * Commits together what is asked for in one turn of the event loop: a commit waits for the disk, and a hundred prompts that come
 * at once wait for it once. While commits follow each other, what is patient goes with the next one that is not.
 */
export function createBatch(db: Database.Database, now = () => performance.now()): Batch {
  let waiting: Waiting[] = []
  let last = -Infinity
  let soon: NodeJS.Immediate | undefined
  let later: NodeJS.Timeout | undefined
  const commit = () => {
    clearImmediate(soon)
    clearTimeout(later)
    soon = later = undefined
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
    last = now()
  }
  return (work, { patiently } = { patiently: false }) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ work, resolve, reject })
      if (patiently && now() - last < busyFor) later ??= setTimeout(commit, patience)
      else soon ??= setImmediate(commit)
    })
}

/**
 * For what a power cut may undo without harm: that a job was begun. It waits for no disk; the death of this process undoes
 * nothing of it all the same.
 */
export function lightly<T>(db: Database.Database, work: () => T): T {
  db.exec('PRAGMA synchronous = NORMAL')
  try {
    return work()
  } finally {
    db.exec('PRAGMA synchronous = FULL')
  }
}
