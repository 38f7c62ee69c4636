/** Suggested names on their way from the server into the bank. Accepting one is naming (keep-names.ts), nothing else. */
import * as api from './api.ts'
import type { App } from './app.ts'
import { messageOf } from './message-of.ts'
import { suggestionsOf, type SuggestionsView } from './suggestions.ts'

/** Asks the server unless they are here already or on their way; what went wrong before is tried again. */
export async function readSuggestions(app: App, checkpoint: string): Promise<void> {
  const known = suggestionsOf(app.store.get().bank)
  if (known && !('error' in known)) return
  show(app, checkpoint, { asking: true })
  show(
    app,
    checkpoint,
    await api.getSuggestions(checkpoint).then(
      found => ({ found }),
      (error: unknown) => ({ error: messageOf(error) }),
    ),
  )
}

function show(app: App, checkpoint: string, suggestions: SuggestionsView): void {
  const { bank } = app.store.get()
  if (bank && 'info' in bank && bank.checkpoint === checkpoint) app.show({ bank: { ...bank, suggestions } })
}
