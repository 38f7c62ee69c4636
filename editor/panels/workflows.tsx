/** The sheet of workflows: shipped ones, people's own with what can be done to them, and the deleted ones that can still be had back. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { bringBack, deleteWorkflow, getDeleted, type Deleted } from '../deleted.ts'
import { messageOf } from '../message-of.ts'
import { search } from '../search.ts'
import type { Listed } from '../shell.ts'
import { moment } from '../versions.ts'
import { usePart } from './hooks.ts'
import { Icon, type IconName } from './icons.tsx'
import { Sheet } from './sheet.tsx'

export function Workflows({ app }: { app: App }) {
  const listed = usePart(app, state => state.workflows)
  const [query, setQuery] = useState('')
  const [deleted, setDeleted] = useState<readonly Deleted[]>([])
  const [problem, setProblem] = useState<string>()
  const [isShown, setShown] = useState(false)
  /** Does `work`, then reads both lists anew, whatever came of it. What goes wrong stands in the sheet: a toast would lie behind it. */
  const change = async (work?: () => Promise<unknown>) => {
    const failed = await Promise.resolve(work?.()).then(() => undefined, messageOf)
    await app.refreshWorkflows()
    const unread = await getDeleted().then(found => void setDeleted(found), messageOf)
    setProblem(failed ?? unread ?? undefined)
  }
  useEffect(() => void change(), [])

  const found = search(query, listed, ({ title, description }) => [title, description])
  const gone = search(query, deleted, ({ name }) => [name])
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
      {problem !== undefined && (
        <div class="empty small" role="alert">
          {problem}
        </div>
      )}
      <Cards title="Shipped" items={found.filter(({ from }) => from === 'shipped')} open={open} />
      <Cards title="Yours, on this server" items={found.filter(({ from }) => from === 'user')} open={open}>
        {({ name, title }) => (
          <>
            <Action icon="clock" label={`Earlier versions of ${title}`} run={() => app.show({ dialog: { versions: name } })} />
            <Action
              icon="trash"
              label={`Delete ${title}`}
              run={() => {
                setShown(true)
                void change(() => deleteWorkflow(name))
              }}
            />
          </>
        )}
      </Cards>
      {gone.length > 0 && (
        <details class="deleted" open={isShown} onToggle={event => setShown(event.currentTarget.open)}>
          <summary>
            <h3>Deleted ({gone.length}), kept for 30 days</h3>
          </summary>
          <ol class="versions">
            {gone.map(({ name, at }) => (
              <li key={name} class="version">
                <Icon name="trash" size={16} />
                <span class="grow">{name}</span>
                <span class="faint">{moment(at)}</span>
                <button class="button" aria-label={`Bring back ${name}`} onClick={() => void change(() => bringBack(name))}>
                  Bring back
                </button>
              </li>
            ))}
          </ol>
        </details>
      )}
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
  /** What else can be done with one. */
  children?: (item: Listed) => ComponentChildren
}

function Cards({ title, items, open, children }: CardsProps) {
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
            {children && <span class="card-actions">{children(item)}</span>}
          </div>
        ))}
      </div>
    </section>
  )
}

const Action = ({ icon, label, run }: { icon: IconName; label: string; run: () => void }) => (
  <button class="button square quiet" title={label} aria-label={label} onClick={run}>
    <Icon name={icon} size={16} />
  </button>
)
