/** A prototype is given its name, in its row of the bank. Enter saves, Escape leaves everything as it was. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import type { Prototype } from '../bank.ts'
import { exportNames, giveName, importNames } from '../keep-names.ts'
import { draftOf, entryOf, isSameEntry, LONGEST, type Draft } from '../names.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'

type NameFormProps = { app: App; checkpoint: string; prototype: Prototype; done: () => void }

export function NameForm({ app, checkpoint, prototype: { index, name, said }, done }: NameFormProps) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(name, said))
  const [isSaving, setSaving] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  // Before the next key can arrive: a later selection would have it type over what was typed.
  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  const type = (part: keyof Draft) => (event: { currentTarget: { value: string } }) =>
    setDraft({ ...draft, [part]: event.currentTarget.value })
  const save = async () => {
    const entry = entryOf(draft, name, said)
    if (isSameEntry(entry, said)) return done()
    setSaving(true)
    if (await giveName(app, checkpoint, index, entry)) done()
    else setSaving(false)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation()
    if (event.key === 'Escape') done()
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void save()
    else return
    event.preventDefault()
  }
  return (
    <form
      class="name-form"
      aria-label={`Name of prototype ${index}`}
      onKeyDown={onKeyDown}
      onSubmit={event => {
        event.preventDefault()
        void save()
      }}
    >
      <input
        class="input"
        ref={field}
        placeholder={`Name of prototype ${index}`}
        aria-label="Name"
        maxLength={LONGEST.name}
        value={draft.name}
        onInput={type('name')}
      />
      <textarea
        class="input"
        rows={3}
        placeholder="Note: what it shows, and why you think so"
        aria-label="Note"
        maxLength={LONGEST.note}
        value={draft.note}
        onInput={type('note')}
      />
      <div class="row">
        <label class="row faint">
          Sure
          <input
            class="input percent"
            type="number"
            min="0"
            max="100"
            step="5"
            placeholder="–"
            value={draft.confidence}
            onInput={type('confidence')}
          />
          %
        </label>
        <span class="grow" />
        <button type="button" class="button quiet" onClick={done}>
          Cancel
        </button>
        <button class="button solid" disabled={isSaving}>
          Save
        </button>
      </div>
    </form>
  )
}

/** What can be done with all names at once. */
export function NamesMenu({ app, checkpoint }: { app: App; checkpoint: string }) {
  const count = usePart(app, ({ bank }) => (bank && 'names' in bank ? Object.keys(bank.names).length : 0))
  const button = useRef<HTMLButtonElement>(null)
  const width = 210
  const open = () => {
    const box = button.current?.getBoundingClientRect()
    app.show({
      menu: {
        at: { x: (box?.right ?? 0) - width, y: (box?.bottom ?? 0) + 6 },
        width,
        title: count ? `${count} named or noted here` : 'Nothing named here yet',
        items: [
          { label: 'Import names…', run: () => void importNames(app, checkpoint) },
          { label: 'Export names', disabled: !count, run: () => void exportNames(app, checkpoint) },
        ],
      },
    })
  }
  return (
    <button
      ref={button}
      class="button square"
      aria-haspopup="menu"
      aria-label="Names: import, export"
      title="Import or export names"
      onClick={open}
    >
      <Icon name="more" />
    </button>
  )
}
