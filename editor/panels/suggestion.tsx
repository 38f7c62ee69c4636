/** Names that the data set suggests: what they are, above the list, and one of them with its evidence in the row of its prototype. */
import { useState } from 'preact/hooks'
import type { PrototypeName, Suggestion } from '../../server/protocol.ts'
import type { App } from '../app.ts'
import type { Prototype } from '../bank.ts'
import { giveName } from '../keep-names.ts'
import { aboutText, accepted, aurocText, controlText, countText, isEasy, type SuggestionsView } from '../suggestions.ts'

type AboutProps = { view: SuggestionsView | undefined; count: number }

export function AboutSuggestions({ view, count }: AboutProps) {
  return (
    <section class="suggestions" aria-label="Suggested names">
      <b>Suggested names</b>
      <div role="status">
        {view && 'found' in view ? (
          <p class="faint small">{aboutText(view.found, count)}</p>
        ) : view && 'error' in view ? (
          <p class="trouble small">{view.error}</p>
        ) : (
          <p class="faint small">
            Looking at test pictures. The first time this takes a minute or so; all else goes on meanwhile.
          </p>
        )}
      </div>
    </section>
  )
}

type SuggestionRowProps = { app: App; checkpoint: string; prototype: Prototype; suggestion: Suggestion }

export function SuggestionRow({ app, checkpoint, prototype, suggestion }: SuggestionRowProps) {
  const { index, name, said } = prototype
  /** What was said of it before its suggestion was accepted here. */
  const [before, setBefore] = useState<{ readonly said: PrototypeName | null }>()
  const [isSaving, setSaving] = useState(false)
  const isNamedSo = name === suggestion.name
  const undoes = isNamedSo && before !== undefined
  // The button neither goes nor is `disabled` meanwhile: it would lose the focus, and whoever came by keyboard their place.
  const press = async () => {
    if (isSaving) return
    setSaving(true)
    const entry = undoes ? before.said : accepted(suggestion, said)
    if (await giveName(app, checkpoint, index, entry)) setBefore(undoes ? undefined : { said: said ?? null })
    setSaving(false)
  }
  const control = controlText(suggestion)
  return (
    <div class="suggestion" title={suggestion.evidence}>
      <div class="row">
        <p class="suggestion-name grow">{suggestion.name}</p>
        {isNamedSo && !undoes && !isSaving ? (
          <span class="faint small">named so</span>
        ) : (
          <button
            class="button"
            aria-disabled={isSaving}
            aria-label={
              undoes
                ? `Undo: take the name “${suggestion.name}” from prototype ${index} again`
                : `Accept “${suggestion.name}” as the name of prototype ${index}${name === undefined ? '' : `, in place of “${name}”`}`
            }
            onClick={() => void press()}
          >
            {undoes ? 'Undo' : name === undefined ? 'Accept' : 'Replace name'}
          </button>
        )}
      </div>
      <p class="faint small">
        {aurocText(suggestion)}
        {control && (
          <>
            {' · '}
            <span class={isEasy(suggestion) ? 'unsure' : undefined}>
              {control}
              {isEasy(suggestion) && ': easy to tell'}
            </span>
          </>
        )}
      </p>
      <p class="faint small">{countText(suggestion)}</p>
    </div>
  )
}
