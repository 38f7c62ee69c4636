/** The page as a whole: bar, canvas, side panel, and the layers above them. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { App } from '../app.ts'
import type { State, Tab } from '../shell.ts'
import { DataPanel } from './data-panel.tsx'
import { DialogLayer } from './dialogs.tsx'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'
import { MenuLayer } from './menu.tsx'
import { NodePanel } from './node-panel.tsx'
import { PaletteLayer } from './palette.tsx'
import { ProblemPanel } from './problem-panel.tsx'
import { PrototypePanel } from './prototype-panel.tsx'
import { ResultDialog, ResultPanel } from './result-panel.tsx'
import { CommandButton, TopBar } from './top-bar.tsx'
import { TypingLayer } from './typing.tsx'

export function Page({ app }: { app: App }) {
  const panelOpen = usePart(app, state => state.panelOpen)
  return (
    <>
      <TopBar app={app} />
      <main class={panelOpen ? 'work' : 'work alone'}>
        <Ground app={app} />
        {panelOpen && <SidePanel app={app} />}
      </main>
      <MenuLayer app={app} />
      <PaletteLayer app={app} />
      <TypingLayer app={app} />
      <DialogLayer app={app} />
      <ResultDialog app={app} />
      <Toasts app={app} />
    </>
  )
}

function Ground({ app }: { app: App }) {
  const place = useRef<HTMLDivElement>(null)
  const zoom = usePart(app, state => Math.round(100 * state.zoom))
  const isEmpty = usePart(app, state => state.graph.nodes.length === 0)
  useLayoutEffect(() => place.current?.prepend(app.ground), [app])
  return (
    <div class="canvas-place" ref={place}>
      {isEmpty && (
        <div class="canvas-empty">
          <p>Double-click to add a node</p>
          <p class="faint">or drop a workflow, or a picture, here</p>
        </div>
      )}
      <div class="canvas-tools left">
        <CommandButton app={app} id="add" icon="plus" label="Add node" />
      </div>
      <div class="canvas-tools right">
        <CommandButton app={app} id="zoom-out" icon="minus" />
        <button class="button zoom" title="Zoom to 100 % (0)" onClick={() => app.view.resetZoom()}>
          {zoom} %
        </button>
        <CommandButton app={app} id="zoom-in" icon="plus" />
        <CommandButton app={app} id="fit" icon="fit" />
      </div>
    </div>
  )
}

const TABS: readonly { readonly id: Tab; readonly label: string; readonly count?: (state: State) => number }[] = [
  { id: 'prototypes', label: 'Prototypes' },
  { id: 'node', label: 'Node' },
  { id: 'results', label: 'Results', count: state => state.live.results.length },
  { id: 'data', label: 'Data' },
  {
    id: 'problems',
    label: 'Problems',
    count: state => new Set(state.live.problems.map(({ node, message }) => node ?? message)).size,
  },
]

function SidePanel({ app }: { app: App }) {
  const tab = usePart(app, state => state.tab)
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!by) return
    const at = TABS.findIndex(({ id }) => id === tab)
    app.show({ tab: TABS[(at + by + TABS.length) % TABS.length].id })
    event.stopPropagation()
  }
  return (
    <aside class="side-panel" aria-label="Side panel">
      <div class="tabs" role="tablist" onKeyDown={move}>
        {TABS.map(item => (
          <TabButton key={item.id} app={app} {...item} isActive={item.id === tab} />
        ))}
      </div>
      <div class="tab-body" role="tabpanel" aria-label={tab}>
        {tab === 'prototypes' && <PrototypePanel app={app} />}
        {tab === 'node' && <NodePanel app={app} />}
        {tab === 'results' && <ResultPanel app={app} />}
        {tab === 'data' && <DataPanel app={app} />}
        {tab === 'problems' && <ProblemPanel app={app} />}
      </div>
    </aside>
  )
}

function TabButton({ app, id, label, count, isActive }: (typeof TABS)[number] & { app: App; isActive: boolean }) {
  const number = usePart(app, state => count?.(state) ?? 0)
  const ref = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => {
    if (isActive && document.activeElement?.getAttribute('role') === 'tab') ref.current?.focus()
  }, [isActive])
  return (
    <button ref={ref} role="tab" aria-selected={isActive} tabIndex={isActive ? 0 : -1} onClick={() => app.show({ tab: id })}>
      {label}
      {number > 0 && <span class={`count ${id}`}>{number > 99 ? '99+' : number}</span>}
    </button>
  )
}

function Toasts({ app }: { app: App }) {
  const toasts = usePart(app, state => state.toasts)
  const dismiss = (id: number) => app.store.update(state => ({ ...state, toasts: state.toasts.filter(toast => toast.id !== id) }))
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, tone, action }) => (
        <div key={id} class={`toast ${tone}`}>
          <span>{text}</span>
          {action && (
            <button
              class="link"
              onClick={() => {
                dismiss(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
          <button class="button square quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  )
}
