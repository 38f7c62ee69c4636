/** The sheets: workflows to open, keys to press; versions.tsx has the third. */
import { useEffect, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { COMMANDS, keyText } from '../commands.ts'
import { search } from '../search.ts'
import type { Listed } from '../shell.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'
import { Sheet } from './sheet.tsx'
import { Versions } from './versions.tsx'

export function DialogLayer({ app }: { app: App }) {
  const dialog = usePart(app, state => state.dialog)
  if (dialog === 'shortcuts') return <Shortcuts app={app} />
  if (dialog === 'workflows') return <Workflows app={app} />
  if (typeof dialog === 'object' && 'versions' in dialog) return <Versions app={app} name={dialog.versions} />
  return null
}

/** What the mouse does, beside the table of commands. */
const MOUSE: readonly (readonly [gesture: string, meaning: string])[] = [
  ['Double-click', 'Add a node'],
  ['Drop a link on nothing', 'Add a node that fits'],
  ['Right-click', 'Menu'],
  ['Drag', 'Move the view'],
  ['Wheel or pinch', 'Zoom'],
  ['Ctrl+drag', 'Select a region'],
  ['Shift+click', 'Add to the selection'],
  ['Alt+drag a node', 'Copy it'],
  ['Alt+click a link', 'Add a bend'],
  ['Drag a number', 'Change it; Shift for fine steps'],
  ['Double-click a slider', 'Type a value; in the bank: reset'],
  ['Drop a file', 'Open a graph or PNG, or load a picture'],
]

function Shortcuts({ app }: { app: App }) {
  const groups = [...new Set(COMMANDS.map(({ group }) => group))]
  return (
    <Sheet app={app} title="Keyboard and mouse" wide>
      <div class="columns">
        {groups.map(group => (
          <KeyList
            key={group}
            title={group}
            rows={COMMANDS.filter(command => command.group === group && command.keys).map(({ keys, label }) => [
              keyText(keys) ?? '',
              label,
            ])}
          />
        ))}
        <KeyList title="Mouse" rows={MOUSE} />
      </div>
    </Sheet>
  )
}

const KeyList = ({ title, rows }: { title: string; rows: readonly (readonly [string, string])[] }) => (
  <section>
    <h3>{title}</h3>
    <dl class="key-list">
      {rows.map(([keys, label]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            <kbd>{keys}</kbd>
          </dd>
        </div>
      ))}
    </dl>
  </section>
)

function Workflows({ app }: { app: App }) {
  const listed = usePart(app, state => state.workflows)
  const [query, setQuery] = useState('')
  useEffect(() => void app.refreshWorkflows(), [])
  const found = search(query, listed, ({ title, description }) => [title, description])
  const open = (item: Listed) => {
    app.show({ dialog: undefined })
    void app.openListed(item)
  }
  return (
    <Sheet app={app} title="Workflows" wide hasSearch>
      <div class="search">
        <Icon name="search" />
        <input
          autofocus
          placeholder="Search workflows"
          aria-label="Search workflows"
          value={query}
          onInput={event => setQuery(event.currentTarget.value)}
        />
      </div>
      <Cards title="Shipped" items={found.filter(({ from }) => from === 'shipped')} open={open} />
      <Cards
        title="Yours, on this server"
        items={found.filter(({ from }) => from === 'user')}
        open={open}
        versions={({ name }) => app.show({ dialog: { versions: name } })}
      />
      {!found.length && (
        <div class="empty small">{query ? `No workflow matches “${query}”.` : 'The server lists no workflows.'}</div>
      )}
      <footer class="row">
        <span class="faint">Or drop a workflow file, or a PNG made here, anywhere on the page.</span>
        <span class="grow" />
        <button
          class="button"
          onClick={() => {
            app.show({ dialog: undefined })
            void app.pickAndOpen()
          }}
        >
          <Icon name="file" /> Open a file…
        </button>
      </footer>
    </Sheet>
  )
}

type CardsProps = {
  title: string
  items: readonly Listed[]
  open: (item: Listed) => void
  versions?: (item: Listed) => void
}

function Cards({ title, items, open, versions }: CardsProps) {
  if (!items.length) return null
  return (
    <section>
      <h3>{title}</h3>
      <div class="cards">
        {items.map(item => (
          <div key={item.name} class="card-place">
            <button class="card" onClick={() => open(item)}>
              <b>{item.title}</b>
              {item.description && <span class="faint">{item.description}</span>}
            </button>
            {versions && (
              <button
                class="button square quiet"
                title="Earlier versions…"
                aria-label={`Earlier versions of ${item.title}`}
                onClick={() => versions(item)}
              >
                <Icon name="clock" size={16} />
              </button>
            )}
          </div>
        ))}
      </div>
    </section>
  )
}
