import type { SavedFile, WorkflowRow, WorkflowRows } from './saved-workflows.ts'
import type { Version } from './workflow-versions.ts'

type Kept = { readonly version: Version; readonly body: Uint8Array }

/** Rows of saved workflows that end with the process. `together` undoes nothing: what is refused is refused before it writes. */
export function createMemoryRows(): WorkflowRows {
  const rows = new Map<number, WorkflowRow>()
  const versions = new Map<number, Map<number, Kept>>()
  let next = 1
  const of = (id: number) => versions.get(id) ?? new Map<number, Kept>()
  const all = () => [...rows.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  return {
    together: work => work(),
    find: path => all().find(row => row.path === path),
    list: () =>
      all().flatMap(({ id, path, created, current }): SavedFile[] => {
        const version = current === null ? undefined : of(id).get(current)?.version
        return version ? [{ path, size: version.size, modified: version.saved, created }] : []
      }),
    deleted: () => all().flatMap(({ id, path, deleted }) => (deleted === null ? [] : [{ id, path, deleted }])),
    hasBelow: prefix => all().some(({ path, current }) => current !== null && path.startsWith(prefix)),
    insert: row => {
      const inserted = { ...row, id: next++ }
      rows.set(inserted.id, inserted)
      versions.set(inserted.id, new Map())
      return inserted
    },
    update: row => void rows.set(row.id, row),
    drop: id => {
      rows.delete(id)
      versions.delete(id)
    },
    versions: id => [...of(id).values()].map(({ version }) => version),
    body: (id, number) => of(id).get(number)?.body,
    add: (id, version, body) => void of(id).set(version.number, { version, body }),
    touch: (id, number, saved) => {
      const { version, body } = of(id).get(number)!
      of(id).set(number, { version: { ...version, saved }, body })
    },
    dropVersion: (id, number) => void of(id).delete(number),
    handOver: (from, to, by) => {
      for (const { version, body } of of(from).values()) {
        const number = version.number + by
        of(to).set(number, { version: { ...version, number }, body })
      }
      versions.set(from, new Map())
    },
  }
}
