/** The bar on top: which graph this is, run and stop, how the server is. */
import { useRef, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { command, keyText } from '../commands.ts'
import type { MenuItem, State, Theme } from '../shell.ts'
import { usePart } from './hooks.ts'
import { Icon, type IconName } from './icons.tsx'

/** A button for a command: its name and keys in the tooltip. */
export function CommandButton({ app, id, icon, label }: { app: App; id: string; icon: IconName; label?: string }) {
  const { label: name, keys, run, isOff } = command(id)
  const off = usePart(app, () => isOff?.(app) ?? false)
  const key = keyText(keys)
  return (
    <button
      class={label ? 'button' : 'button square'}
      title={key ? `${name} (${key})` : name}
      aria-label={name}
      disabled={off}
      onClick={() => run(app)}
    >
      <Icon name={icon} />
      {label}
    </button>
  )
}

export function TopBar({ app }: { app: App }) {
  return (
    <header class="top-bar">
      <div class="brand" title="Patronus Nodes">
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>Patronus</span>
      </div>
      <FileMenu app={app} />
      <div class="row tight">
        <CommandButton app={app} id="undo" icon="undo" />
        <CommandButton app={app} id="redo" icon="redo" />
      </div>
      <div class="grow" />
      <Connection app={app} />
      <ThemeButton app={app} />
      <CommandButton app={app} id="shortcuts" icon="help" />
      <CommandButton app={app} id="panel" icon="panel" />
      <RunButtons app={app} />
    </header>
  )
}

function FileMenu({ app }: { app: App }) {
  const { name, dirty } = usePart(app, state => state.document)
  const [naming, setNaming] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const open = () => {
    const box = button.current?.getBoundingClientRect()
    const entry = (id: string): MenuItem => {
      const { label, keys, run, isOff } = command(id)
      return { label, keys: keyText(keys), disabled: isOff?.(app), run: () => run(app) }
    }
    const shipped = app.store.get().workflows.filter(({ from }) => from === 'shipped')
    app.show({
      menu: {
        at: { x: box?.left ?? 0, y: (box?.bottom ?? 0) + 6 },
        width: 250,
        items: [
          ...['new', 'workflows', 'open'].map(entry),
          'line',
          entry('save'),
          { label: 'Save as…', run: () => setNaming(true) },
          entry('versions'),
          entry('download'),
          ...(shipped.length ? (['line'] as const) : []),
          ...shipped.map(listed => ({ label: listed.title, run: () => void app.openListed(listed) })),
        ],
      },
    })
  }
  if (naming) return <SaveAs app={app} name={name} done={() => setNaming(false)} />
  return (
    <button ref={button} class="button document" aria-haspopup="menu" onClick={open} title="Graphs and files">
      <Icon name="graph" />
      <span class="name">{name}</span>
      {dirty && <span class="dirty" title="Not saved to a file yet (a draft is kept in this browser)" />}
      <Icon name="chevron" size={14} />
    </button>
  )
}

function SaveAs({ app, name, done }: { app: App; name: string; done: () => void }) {
  const [value, setValue] = useState(name)
  const isGood = /^[^\\/:*?"<>|]{1,80}$/.test(value.trim())
  return (
    <form
      class="row tight"
      onSubmit={event => {
        event.preventDefault()
        if (isGood) void app.save(value.trim()).then(done)
      }}
      onKeyDown={event => event.key === 'Escape' && done()}
    >
      <input
        class="input"
        aria-label="Name to save under"
        autofocus
        ref={input => input?.focus()}
        value={value}
        onInput={event => setValue(event.currentTarget.value)}
        onBlur={event => !event.currentTarget.form?.contains(event.relatedTarget as Node) && done()}
      />
      <button class="button solid" disabled={!isGood}>
        Save
      </button>
    </form>
  )
}

const CONNECTION = { connecting: 'Connecting…', open: 'Connected to the server', lost: 'Connection lost; trying again' } as const

function Connection({ app }: { app: App }) {
  const connection = usePart(app, state => state.live.connection)
  const queue = usePart(app, state => state.live.queue)
  return (
    <div class="connection" role="status" title={CONNECTION[connection]}>
      <span class={`dot ${connection}`} />
      <span>
        {connection === 'open' ? (queue ? `${queue} in the queue` : 'Ready') : connection === 'lost' ? 'Offline' : 'Connecting'}
      </span>
    </div>
  )
}

const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const THEME_ICON: Record<Theme, IconName> = { system: 'system', light: 'sun', dark: 'moon' }

function ThemeButton({ app }: { app: App }) {
  const theme = usePart(app, state => state.theme)
  return (
    <button
      class="button square"
      title={`Colours: ${theme}. Click for ${NEXT_THEME[theme]}.`}
      aria-label={`Colours: ${theme}`}
      onClick={() => app.show({ theme: NEXT_THEME[theme] })}
    >
      <Icon name={THEME_ICON[theme]} />
    </button>
  )
}

/** Part of the run that is done, by the node that runs now; undefined when nobody can say. */
const partOf = ({ live }: State): number | undefined => {
  const progress = live.run?.node === undefined ? undefined : live.nodes[live.run.node]?.progress
  return progress && progress.value / Math.max(1, progress.max)
}

function RunButtons({ app }: { app: App }) {
  const run = usePart(app, state => state.live.run)
  const part = usePart(app, partOf)
  const auto = usePart(app, state => state.auto)
  return (
    <div class="row tight run-buttons">
      <button
        class={`chip-button${auto ? ' on' : ''}`}
        aria-pressed={auto}
        title="Run by itself whenever a field, a link or a prototype changes"
        onClick={() => app.show({ auto: !auto })}
      >
        Auto
      </button>
      {run && (
        <button
          class="button stop"
          title="Stop the run (Ctrl+Alt+Enter)"
          disabled={run.state === 'cancelling'}
          onClick={() => void app.cancel()}
        >
          <Icon name="stop" filled size={14} />
          {run.state === 'cancelling' ? 'Stopping' : 'Stop'}
        </button>
      )}
      <button class={`button run${run ? ' busy' : ''}`} title="Run the graph (Ctrl+Enter)" onClick={() => void app.run()}>
        {run && <span class="fill" style={{ width: `${100 * (part ?? 0)}%` }} />}
        <Icon name="play" filled size={14} />
        <span>{run ? (part === undefined ? 'Running' : `${Math.round(100 * part)} %`) : 'Run'}</span>
      </button>
    </div>
  )
}
