import path from 'node:path'
import { lockFolder } from './database/lock.ts'
import { closeDatabase, databaseFile, openDatabase } from './database/open.ts'
import { takeOldFiles } from './database/old-files.ts'
import { takeOldWorkflows } from './database/old-workflows.ts'
import { createSqlQueue } from './database/queue.ts'
import { createSqlStore } from './database/store.ts'
import { createSqlRows } from './database/workflows.ts'
import { createMemoryQueue, defaultRoom, type JobQueue } from './queue.ts'
import { createSavedWorkflows, type SavedWorkflows } from './saved-workflows.ts'
import { createMemoryStore, historyCapacity, type Store } from './store.ts'
import { diskError, makeFolder, syncFolder } from './whole-files.ts'

export type Storage = {
  readonly store: Store
  readonly queue: JobQueue
  /** After everybody else: nothing can be remembered any more. */
  close(): Promise<void>
}

export type StorageOptions = {
  /** Folder of this server alone. */
  readonly data: string
  /** Jobs that are remembered after they ended. */
  readonly historyCapacity?: number
  /** Jobs that may wait, and bytes of them all; default 1000 and 256 MiB. */
  readonly queueLimit?: number
  readonly queueSizeLimit?: number
  /** Nothing outlives the process; for tests that need no more. */
  readonly inMemory?: boolean
  tell(problem: string): void
}

/** The one place that knows where queue and memory live. */
export async function openStorage({
  data,
  historyCapacity: capacity = historyCapacity,
  queueLimit: jobs = defaultRoom.jobs,
  queueSizeLimit: bytes = defaultRoom.bytes,
  inMemory = false,
  tell,
}: StorageOptions): Promise<Storage> {
  const lock = await lockData(data)
  const room = { jobs, bytes }
  try {
    if (inMemory) {
      const store = createMemoryStore(capacity)
      return { store, queue: createMemoryQueue(store, room), close: async () => lock.release() }
    }
    const db = openDatabase(databaseFile(data))
    // The database syncs what is in its files; that they are there is the folder's to remember.
    await syncFolder(data)
    const [store, queue] = [createSqlStore(db, capacity), createSqlQueue(db, capacity, room)]
    await takeOldFiles(db, path.join(data, 'user'), tell)
    takeOldWorkflows(store.workflows, path.join(data, 'user'), tell)
    return {
      store,
      queue,
      close: async () => {
        await store.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/**
 * Saved workflows alone, for commands. A server over the same folder does not mind: both write in transactions. Files that wait in
 * the folder are taken over here too, unless such a server runs: it did that at its start.
 */
export function openWorkflows(data: string, tell: (problem: string) => void): OpenWorkflows {
  const db = openDatabase(databaseFile(data))
  try {
    const workflows = createSavedWorkflows(createSqlRows(db))
    const lock = lockIfFree(data)
    try {
      if (lock) takeOldWorkflows(workflows, path.join(data, 'user'), tell)
    } finally {
      lock?.release()
    }
    return { workflows, close: () => closeDatabase(db) }
  } catch (error) {
    db.close()
    throw error
  }
}
export type OpenWorkflows = { readonly workflows: SavedWorkflows; close(): void }

function lockIfFree(data: string) {
  try {
    return lockFolder(data)
  } catch (error) {
    if (((error as Error).cause as { code?: string } | undefined)?.code === 'SQLITE_BUSY') return undefined
    throw error
  }
}

async function lockData(data: string) {
  const problem = (why: string, cause: unknown) =>
    new Error(`The data folder ${data} cannot be written: ${why}; choose another folder with --data`, { cause })
  await makeFolder(data).catch((error: unknown) => {
    throw problem((diskError(error, path.basename(data)) as Error).message, error)
  })
  try {
    return lockFolder(data)
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    if (message.includes('ConnectionFailed')) throw problem('no file can be made in it', error)
    if (!/^SQLITE|^E[A-Z]+/.test(code)) throw error
    throw problem((diskError(error, 'server.pid') as Error).message, error)
  }
}
