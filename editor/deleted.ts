/** Deleting a workflow that is saved on the server, and having it back while the server keeps it. */
import * as v from 'valibot'
import { json } from './api.ts'
import { request } from './api/request.ts'
import { getVersions } from './versions.ts'

const Saved = v.object({ deleted: v.array(v.object({ path: v.string(), deleted: v.number() })) })

/** `at` is when it was deleted, ms since 1970. */
export type Deleted = { readonly name: string; readonly at: number }

/** Latest first. Files that are no workflows of a page's are left out, as in the list of those that are there. */
export async function getDeleted(): Promise<Deleted[]> {
  const { deleted } = v.parse(Saved, await json('./patronus/saved'))
  return deleted
    .filter(({ path }) => path.endsWith('.json'))
    .map(({ path, deleted }) => ({ name: path.slice(0, -5), at: deleted }))
    .sort((a, b) => b.at - a.at)
}

export const deleteWorkflow = (name: string) =>
  request(`./api/userdata/${encodeURIComponent(`workflows/${name}.json`)}`, { method: 'DELETE' })

/** As it was when it was deleted; its earlier versions come with it. */
export async function bringBack(name: string): Promise<void> {
  const [{ number }] = await getVersions(name)
  await request(`./patronus/saved/${encodeURIComponent(`${name}.json`)}/versions/${number}/restore`, { method: 'POST' })
}
