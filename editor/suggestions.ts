/** Suggested names as the bank shows them: what is known of them, and their evidence in words. Pure; suggest-names.ts reads them. */
import type { NameSuggestions, PrototypeName, Suggestion } from '../server/protocol.ts'
import type { Prototype } from './bank.ts'
import { LONGEST } from './names.ts'
import type { Bank } from './shell.ts'

/** What is known of them; nothing before somebody asked. */
export type SuggestionsView = { readonly asking: true } | { readonly error: string } | { readonly found: NameSuggestions }

export const suggestionsOf = (bank: Bank | undefined): SuggestionsView | undefined =>
  bank && 'info' in bank ? bank.suggestions : undefined

const none: readonly Suggestion[] = []
export const foundIn = (view: SuggestionsView | undefined): readonly Suggestion[] =>
  view && 'found' in view ? view.found.suggestions : none

/** Those of the prototypes that something is suggested for, in the order of the suggestions. */
export function suggested(bank: readonly Prototype[], suggestions: readonly Suggestion[]): Prototype[] {
  const byIndex = new Map(bank.map(prototype => [prototype.index, prototype]))
  return suggestions.flatMap(({ prototype }) => byIndex.get(prototype) ?? [])
}

/** Three decimals, for near 1 the third is what differs: .981, 1.000. */
const auroc = (value: number): string => value.toFixed(3).replace(/^0/, '')

/** An untrained encoder that does nearly as well: the attribute is easy to tell (a colour), whatever was learned. */
export const isEasy = ({ auroc, control }: Suggestion): boolean => control !== null && auroc - control < 0.05

export const aurocText = (suggestion: Suggestion): string => `AUROC ${auroc(suggestion.auroc)}`

export const controlText = ({ control }: Suggestion): string | undefined =>
  control === null ? undefined : `untrained ${auroc(control)}`

/** How often the attribute was seen, and what the prototype tells second best. */
export function countText({ attribute, sign, pictures, positives, runnerUp }: Suggestion): string {
  const what = sign > 0 ? 'it' : attribute.replace(/[\s_]+/g, ' ').trim()
  const next = runnerUp ? `; next: ${runnerUp.name}\u00a0${auroc(runnerUp.auroc)}` : ''
  return `${positives} of ${pictures} pictures have ${what}${next}`
}

/** What the list is, and how to read it. */
export function aboutText({ dataSet, pictures, threshold, suggestions }: NameSuggestions, count: number): string {
  const told = `${suggestions.length || 'None'} of ${count} prototypes ${suggestions.length === 1 ? 'tells' : 'tell'} an attribute of ${dataSet} by ${suggestions.length === 1 ? 'itself' : 'themselves'}, with an AUROC of at least ${String(threshold).replace(/^0/, '')} over ${pictures} test pictures.`
  return suggestions.length
    ? `${told} Last come those that an untrained encoder tells as well. Look at a prototype before you accept: nothing is named by itself.`
    : told
}

/** What accepting it says of the prototype. A person's own note stays; their confidence was in another name. */
export const accepted = ({ name, evidence }: Suggestion, said: PrototypeName | undefined): PrototypeName => ({
  name,
  note: said?.note ?? evidence.slice(0, LONGEST.note),
})
