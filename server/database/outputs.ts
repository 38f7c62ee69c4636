import type Database from 'libsql'
import { transact } from './transact.ts'
import { counterOf, namesFor, type OutputFile } from '../output-names.ts'
import type { Outputs } from '../store.ts'

type Given = { readonly position: number; readonly filename: string }

/** The index of saved pictures. A row is committed before its picture is written: see `claim` in output-names.ts. */
export function createSqlOutputs(db: Database.Database): Outputs {
  const before = db.prepare('SELECT position, filename FROM outputs WHERE prompt_id = ? AND node_id = ?')
  // Names that were given to jobs that have not ended may not lie in the folder yet.
  const highest = db.prepare(`
    SELECT max(counter) AS counter FROM outputs JOIN jobs USING (prompt_id)
    WHERE type = ? AND subfolder = ? AND stem = ?`)
  // A finished job's picture that somebody deleted leaves its name free.
  const insert = db.prepare(`
    INSERT OR REPLACE INTO outputs (type, subfolder, filename, prompt_id, node_id, position, stem, counter)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
  const ofJob = db.prepare(`
    SELECT prompt_id AS promptId, node_id AS node, type, subfolder, filename FROM outputs
    WHERE prompt_id = ? ORDER BY node_id, position`)
  return {
    claim: async claim => {
      const { promptId, node, position, type, subfolder, stem } = claim
      const given = new Map((before.all(promptId, node) as Given[]).map(row => [row.position, row.filename]))
      const { counter } = highest.get(type, subfolder, stem) as { counter: number | null }
      const names = namesFor(claim, given, Math.max(claim.from, (counter ?? 0) + 1))
      transact(db, () =>
        names.forEach((filename, i) => {
          if (given.has(position + i)) return
          insert.run(type, subfolder, filename, promptId, node, position + i, stem, counterOf(stem, filename))
        }),
      )
      return names
    },
    of: async promptId =>
      (ofJob.all(promptId) as OutputFile[]).map(({ promptId, node, type, subfolder, filename }) => ({
        promptId,
        node,
        type,
        subfolder,
        filename,
      })),
  }
}
