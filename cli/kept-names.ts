import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Names } from '../server/names.ts'
import type { NamesTable } from '../server/store.ts'

/** The names that the server over the same data folder keeps (server/names.ts), also while it runs. */
export async function keptNames(data: string): Promise<Names> {
  const [{ createFiles }, { createNames }] = await Promise.all([import('../server/files.ts'), import('../server/names.ts')])
  const none = { input: [], output: [], temp: [], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] }
  const roots = { ...none, user: [path.resolve(data, 'user')] }
  return createNames(await namesTable(data), createFiles(roots))
}

/** Opened for every question and closed again: a command looks once. Only a change makes the database. */
async function namesTable(data: string): Promise<NamesTable> {
  const [{ closeDatabase, databaseFile, openDatabase }, { createSqlNames }] = await Promise.all([
    import('../server/database/open.ts'),
    import('../server/database/store.ts'),
  ])
  const file = databaseFile(data)
  const within = async <T>(use: (table: NamesTable) => Promise<T>): Promise<T> => {
    const db = openDatabase(file)
    try {
      return await use(createSqlNames(db))
    } finally {
      closeDatabase(db)
    }
  }
  return {
    get: async checkpoint => (existsSync(file) ? within(table => table.get(checkpoint)) : undefined),
    change: async (checkpoint, by) => {
      await mkdir(path.dirname(file), { recursive: true })
      return within(table => table.change(checkpoint, by))
    },
  }
}

/** Names for labels of the checkpoint `id`. */
export async function namesOf(id: string, data: string): Promise<Readonly<Record<string, string>>> {
  const { plainNames } = await import('../analysis/naming.ts')
  return plainNames(await (await keptNames(data)).read(id))
}
