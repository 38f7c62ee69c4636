/** The node palette: search, see what fits the link in hand, press Enter. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { isLinkable } from '../../workflows/graph.ts'
import type { App } from '../app.ts'
import { typeColour } from '../canvas/theme.ts'
import type { Definition, Definitions } from '../ports.ts'
import { search } from '../search.ts'
import type { Pending, Point } from '../shell.ts'
import { useOutside, usePart } from './hooks.ts'
import { Icon } from './icons.tsx'
import { usePlacement } from './menu.tsx'

export function PaletteLayer({ app }: { app: App }) {
  const palette = usePart(app, state => state.palette)
  return palette ? <Palette key={`${palette.at.x},${palette.at.y}`} app={app} {...palette} /> : null
}

const fits = ({ inputs, outputs }: Definition, pending: Pending | undefined): boolean =>
  !pending ||
  (pending.side === 'output'
    ? inputs.some(port => !port.field && isLinkable(pending.type, port.type))
    : outputs.some(output => isLinkable(output.type, pending.type)))

function find(definitions: Definitions, query: string, pending: Pending | undefined): Definition[] {
  const fitting = [...definitions.values()].filter(definition => fits(definition, pending))
  if (query) return search(query, fitting, ({ title, aliases, category, type }) => [title, ...aliases, type, category])
  return fitting.sort((a, b) => a.category.localeCompare(b.category))
}

function Palette({ app, at, pending }: { app: App; at: Point; pending?: Pending }) {
  const definitions = usePart(app, state => state.definitions)
  const box = useRef<HTMLDivElement>(null)
  const [query, setQuery] = useState('')
  const [index, setIndex] = useState(0)
  const found = useMemo(() => find(definitions, query, pending), [definitions, query, pending])
  const active = found[Math.min(index, found.length - 1)]
  const close = () => {
    app.show({ palette: undefined })
    app.view.focusCanvas()
  }
  const choose = (definition: Definition) => {
    close()
    app.edit(() => app.view.add(definition.type, at, pending))
  }
  useOutside(box, close)
  usePlacement(box, at)
  useLayoutEffect(() => box.current?.querySelector('input')?.focus(), [])
  useLayoutEffect(() => box.current?.querySelector('.active')?.scrollIntoView({ block: 'nearest' }), [active])
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === 'Escape') close()
    else if (event.key === 'Enter' && active) choose(active)
    else if (by && found.length) setIndex((Math.min(index, found.length - 1) + by + found.length) % found.length)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div class="palette" ref={box} role="dialog" aria-label="Add a node" onKeyDown={onKeyDown}>
      <div class="search">
        <Icon name="search" />
        <input
          placeholder={pending ? 'Nodes that fit this link' : 'Search nodes'}
          aria-label="Search nodes"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          value={query}
          onInput={event => {
            setQuery(event.currentTarget.value)
            setIndex(0)
          }}
        />
        {pending && (
          <span class="chip" style={{ '--type': typeColour(pending.type) }}>
            {pending.type}
          </span>
        )}
      </div>
      <div class="palette-body">
        <div class="palette-list" id="palette-list" role="listbox">
          {found.map((definition, i) => (
            <PaletteRow
              key={definition.type}
              definition={definition}
              heading={!query && definition.category !== found[i - 1]?.category ? definition.category : undefined}
              isActive={definition === active}
              hover={() => setIndex(i)}
              choose={() => choose(definition)}
            />
          ))}
          {!found.length && <div class="empty small">No node matches{query ? ` “${query}”` : ''}.</div>}
        </div>
        {active && <PaletteHelp definition={active} />}
      </div>
    </div>
  )
}

type RowProps = { definition: Definition; heading?: string; isActive: boolean; hover: () => void; choose: () => void }

function PaletteRow({ definition, heading, isActive, hover, choose }: RowProps) {
  return (
    <>
      {heading !== undefined && <div class="heading">{heading.replaceAll('/', ' › ') || 'Other'}</div>}
      <button
        role="option"
        aria-selected={isActive}
        class={isActive ? 'palette-row active' : 'palette-row'}
        onPointerMove={() => !isActive && hover()}
        onClick={choose}
      >
        <span class="label">{definition.title}</span>
        <Types of={definition.outputs} />
      </button>
    </>
  )
}

const Types = ({ of }: { of: readonly { type: string }[] }) => (
  <span class="types">
    {of.slice(0, 5).map(({ type }, i) => (
      <i key={i} title={type} style={{ '--type': typeColour(type) }} />
    ))}
  </span>
)

function PaletteHelp({ definition: { title, help, inputs, outputs } }: { definition: Definition }) {
  const sockets = inputs.filter(port => !port.field)
  return (
    <aside class="palette-help">
      <h3>{title}</h3>
      <p>{help}</p>
      {sockets.length > 0 && <PortLine label="Takes" ports={sockets.map(({ label, type }) => ({ name: label, type }))} />}
      {outputs.length > 0 && <PortLine label="Gives" ports={outputs} />}
    </aside>
  )
}

const PortLine = ({ label, ports }: { label: string; ports: readonly { name: string; type: string }[] }) => (
  <div class="port-line">
    <span class="faint">{label}</span>
    {ports.map(({ name, type }) => (
      <span key={name} class="chip" style={{ '--type': typeColour(type) }}>
        {name}
      </span>
    ))}
  </div>
)
