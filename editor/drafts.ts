/** Autosave: the graph of each tab in IndexedDB, so that nothing is lost to a closed window and two tabs never overwrite each other. */
import { del, entries, get, set } from 'idb-keyval'

export type Draft = { readonly name: string; readonly workflow: string; readonly at: number; readonly isSaved: boolean }

const KEEP = 20
const AFTER = 400

/** A name for this tab that survives a reload; tabs that were never closed keep their own. */
export function tabId(): string {
  const known = sessionStorage.getItem('patronus.tab')
  if (known) return known
  const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
  sessionStorage.setItem('patronus.tab', id)
  return id
}

/** This tab's draft, or the newest of any tab. Undefined where the browser keeps nothing (private windows). */
export async function lastDraft(tab: string): Promise<Draft | undefined> {
  try {
    const own = await get<Draft>(`draft:${tab}`)
    if (own) return own
    const all = await drafts()
    await Promise.all(all.slice(KEEP).map(([key]) => del(key)))
    return all[0]?.[1]
  } catch {
    return undefined
  }
}

const drafts = async (): Promise<[string, Draft][]> =>
  (await entries<string, Draft>()).filter(([key]) => String(key).startsWith('draft:')).sort(([, a], [, b]) => b.at - a.at)

/** Writes a draft soon after the last change; the last change wins. */
export function createAutosave(tab: string): (name: string, workflow: string, isSaved: boolean) => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let latest: Draft | undefined
  const write = () => {
    if (latest) void set(`draft:${tab}`, latest).catch(() => undefined)
    latest = undefined
  }
  addEventListener('pagehide', write)
  return (name, workflow, isSaved) => {
    latest = { name, workflow, at: Date.now(), isSaved }
    clearTimeout(timer)
    timer = setTimeout(write, AFTER)
  }
}
