/** Which sheet is open, and the one of keys to press; workflows.tsx and versions.tsx have the others. */
import type { App } from '../app.ts'
import { COMMANDS, keyText } from '../commands.ts'
import { usePart } from './hooks.ts'
import { Sheet } from './sheet.tsx'
import { Versions } from './versions.tsx'
import { Workflows } from './workflows.tsx'

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
