import path from 'node:path'
import type { Names } from '../server/names.ts'

/** The names that the server over the same data folder keeps (server/names.ts). */
export async function keptNames(data: string): Promise<Names> {
  const [{ createFiles }, { createNames }] = await Promise.all([import('../server/files.ts'), import('../server/names.ts')])
  const none = { input: [], output: [], temp: [], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] }
  const roots = { ...none, user: [path.resolve(data, 'user')] }
  return createNames(createFiles(roots))
}

/** Names for labels of the checkpoint `id`. */
export async function namesOf(id: string, data: string): Promise<Readonly<Record<string, string>>> {
  const { plainNames } = await import('../analysis/naming.ts')
  return plainNames(await (await keptNames(data)).read(id))
}
