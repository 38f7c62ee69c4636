/** Names that people give to prototypes: what is typed becomes an entry. Pure; keep-names.ts sends it. */
import type { PrototypeName, PrototypeNames } from '../server/protocol.ts'

/** The three fields as they are typed; confidence in per cent. */
export type Draft = { readonly name: string; readonly note: string; readonly confidence: string }

/** What the server takes at most; longer text is not even accepted by the fields. */
export const LONGEST = { name: 80, note: 2000 } as const

/** What stands in the fields when they open: the name on the screen, which may be the checkpoint's own. */
export const draftOf = (shown: string | undefined, said: PrototypeName | undefined): Draft => ({
  name: said?.name || (shown ?? ''),
  note: said?.note ?? '',
  confidence: said?.confidence === undefined ? '' : String(Math.round(100 * said.confidence)),
})

/**
 * What the typed text says; `null` when it says nothing. A name that only repeats what the checkpoint says itself is not given,
 * unless the person says how sure they are of it.
 */
export function entryOf(draft: Draft, shown: string | undefined, said: PrototypeName | undefined): PrototypeName | null {
  const percent = draft.confidence.trim() === '' ? NaN : Number(draft.confidence)
  const confidence = Number.isFinite(percent) ? Math.min(100, Math.max(0, Math.round(percent))) / 100 : undefined
  const typed = draft.name.replace(/\s+/g, ' ').trim()
  const name = !said?.name && typed === shown && confidence === undefined ? '' : typed
  const note = draft.note.trim()
  return name || note ? { name, ...(note && { note }), ...(confidence !== undefined && { confidence }) } : null
}

export const isSameEntry = (a: PrototypeName | null | undefined, b: PrototypeName | null | undefined): boolean =>
  a?.name === b?.name && a?.note === b?.note && a?.confidence === b?.confidence

/** How a file of names changed what was there, in words. */
export function importedText(before: PrototypeNames, after: PrototypeNames, given: number): string {
  const indices = Object.keys(after)
  const added = indices.filter(index => !before[index]).length
  const changed = indices.filter(index => before[index] && !isSameEntry(before[index], after[index])).length
  const rest = given - added - changed
  const parts = [added && `${added} new`, changed && `${changed} changed`, rest && `${rest} as they were`]
  return `Names imported: ${parts.filter(part => part).join(', ') || 'the file has none'}.`
}
