/** The prototype bank of the checkpoint in the graph. Every slider writes a line into the node that takes edits. */
import { useMemo, useState } from 'preact/hooks'
import { tileUrl } from '../api.ts'
import type { App } from '../app.ts'
import { atlasOf, chanceText, hasPictures } from '../atlas.ts'
import { arrange, editNode, prototypes, takesEdits, type Order, type Prototype } from '../bank.ts'
import { isSameEntry } from '../names.ts'
import { readAtlas } from '../read-atlas.ts'
import type { State } from '../shell.ts'
import { readSuggestions } from '../suggest-names.ts'
import { foundIn, suggested, suggestionsOf } from '../suggestions.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'
import { NamesMenu } from './name-form.tsx'
import { Row } from './prototype-row.tsx'
import { AboutSuggestions } from './suggestion.tsx'

/** The parts of the state that the bank is made of; the same list as long as none of them changed. */
function createBankReader(): (state: State) => readonly Prototype[] {
  let seen: readonly unknown[] = []
  let bank: readonly Prototype[] = []
  return state => {
    const parts = [state.bank, state.graph, state.definitions, state.live.nodes, state.live.activations, state.live.run]
    if (parts.some((part, i) => part !== seen[i])) {
      seen = parts
      const next = prototypes(state)
      bank = next.map((prototype, i) => (isSame(prototype, bank[i]) ? bank[i] : prototype))
    }
    return bank
  }
}

const isSame = (a: Prototype, b: Prototype | undefined): boolean =>
  !!b &&
  a.edit === b.edit &&
  a.live === b.live &&
  a.onImage === b.onImage &&
  a.name === b.name &&
  isSameEntry(a.said, b.said) &&
  a.consistency === b.consistency &&
  a.range.max === b.range.max &&
  a.range.min === b.range.min

/** The timestep of the x̂0 whose ŝ is being told; undefined while nothing is sampled. */
function runningLevel({ live }: State): number | undefined {
  const told = live.run?.node === undefined ? undefined : live.activations[live.run.node]
  return told?.run === live.run?.id ? told?.t : undefined
}

export function PrototypePanel({ app }: { app: App }) {
  const bank = usePart(app, state => state.bank)
  if (!bank)
    return (
      <Empty title="No checkpoint in this graph">
        Add a <b>Load Checkpoint</b> node to see the prototypes it knows.
      </Empty>
    )
  if ('loading' in bank) return <Empty title={`Reading ${bank.checkpoint}…`} />
  if ('error' in bank)
    return (
      <Empty title={`Cannot read ${bank.checkpoint}`}>
        <span class="trouble">{bank.error}</span>
      </Empty>
    )
  return <Bank key={bank.checkpoint} app={app} checkpoint={bank.checkpoint} hasTiles={bank.hasTiles} />
}

const Empty = ({ title, children }: { title: string; children?: preact.ComponentChildren }) => (
  <div class="empty">
    <Icon name="target" size={28} />
    <p>{title}</p>
    {children && <p class="faint">{children}</p>}
  </div>
)

const orderNames: Readonly<Record<Order, string>> = {
  value: 'On image',
  edited: 'Edited',
  index: 'Number',
  consistency: 'Consistency',
}
const orders = Object.keys(orderNames) as Order[]

function Bank({ app, checkpoint, hasTiles }: { app: App; checkpoint: string; hasTiles: boolean }) {
  const read = useMemo(createBankReader, [checkpoint])
  const bank = usePart(app, read)
  const node = usePart(app, ({ graph, definitions }) => editNode(graph, definitions))
  const t = usePart(app, runningLevel)
  const isSampling = t !== undefined
  const atlas = usePart(app, state => atlasOf(state.bank))
  const [chosen, setOrder] = useState<Order>('value')
  const order = chosen === 'consistency' && atlas === 'none' ? 'value' : chosen
  const [query, setQuery] = useState('')
  const [editedOnly, setEditedOnly] = useState(false)
  const [naming, setNaming] = useState<number>()
  const [open, setOpen] = useState<number>()
  const [isSuggesting, setSuggesting] = useState(false)
  const view = usePart(app, state => suggestionsOf(state.bank))
  const isListed = isSuggesting && view !== undefined && 'found' in view
  const edited = bank.filter(({ edit }) => edit !== undefined).length
  // While a sampler runs, rows stay where they are: a list that reorders itself under the hand cannot be used.
  const shown = useMemo(
    () => arrange(isListed ? suggested(bank, foundIn(view)) : bank, { order: isListed ? 'given' : order, query, editedOnly }),
    [order, query, editedOnly, atlas, isListed, isSampling ? 0 : bank],
  )
  const suggestions = useMemo(
    () => new Map(isListed ? foundIn(view).map(suggestion => [suggestion.prototype, suggestion]) : []),
    [isListed, view],
  )
  const current = useMemo(() => new Map(bank.map(prototype => [prototype.index, prototype])), [bank])
  const measured = bank.some(({ onImage }) => onImage !== undefined)
  const sortBy = (kind: Order) => {
    setOrder(kind)
    setSuggesting(false)
    if (kind === 'consistency') void readAtlas(app, checkpoint)
  }
  const suggest = (wanted: boolean) => {
    setSuggesting(wanted)
    setEditedOnly(false)
    if (wanted) void readSuggestions(app, checkpoint)
  }
  return (
    <div class="bank">
      <div class="bank-head">
        <div class="row">
          <div class="search grow">
            <Icon name="search" size={16} />
            <input
              placeholder={`Search ${bank.length} prototypes`}
              aria-label="Search prototypes by number, name or note"
              value={query}
              onInput={event => setQuery(event.currentTarget.value)}
            />
          </div>
          <NamesMenu app={app} checkpoint={checkpoint} />
        </div>
        <div class="row orders">
          <div class="segments" role="radiogroup" aria-label="Order">
            {orders
              .filter(kind => kind !== 'consistency' || atlas !== 'none')
              .map(kind => (
                <button key={kind} role="radio" aria-checked={!isListed && order === kind} onClick={() => sortBy(kind)}>
                  {orderNames[kind]}
                </button>
              ))}
          </div>
          <button
            class={`chip-button${editedOnly ? ' on' : ''}`}
            aria-pressed={editedOnly}
            disabled={!edited && !editedOnly}
            onClick={() => setEditedOnly(!editedOnly)}
          >
            {edited ? `Only edited (${edited})` : 'Only edited'}
          </button>
          <button
            class={`chip-button${isSuggesting ? ' on' : ''}`}
            aria-pressed={isSuggesting}
            title="Look for names among the attributes of its data set"
            onClick={() => suggest(!isSuggesting)}
          >
            Suggest names
          </button>
        </div>
      </div>
      {isSuggesting && <AboutSuggestions view={view} count={bank.length} />}
      <Target app={app} node={node} edited={edited} />
      {!measured && node && !isListed && order !== 'consistency' && (
        <p class="faint hint">Run the graph once to see how strongly each prototype is present in your picture.</p>
      )}
      {isSampling && <p class="faint hint live-hint">Live: presence in the picture as it forms (t = {t}).</p>}
      {!isListed && order === 'consistency' && typeof atlas === 'object' && (
        <p class="faint hint">{'file' in atlas ? chanceText(atlas.file) : atlas.error}</p>
      )}
      <ul class="bank-list" aria-label="Prototypes">
        {shown.map(({ index }) => {
          const prototype = current.get(index)
          return (
            prototype && (
              <Row
                key={index}
                app={app}
                checkpoint={checkpoint}
                prototype={prototype}
                isNaming={naming === index}
                setNaming={setNaming}
                isOpen={open === index || (naming === index && hasPictures(atlas))}
                setOpen={setOpen}
                isScored={!isListed && order === 'consistency'}
                suggestion={suggestions.get(index)}
                tile={hasTiles ? tileUrl(checkpoint, index) : undefined}
                canEdit={node !== undefined}
              />
            )
          )
        })}
      </ul>
      {!shown.length && (!isListed || query) && <Empty title={editedOnly ? 'No edits yet' : `No prototype matches “${query}”`} />}
    </div>
  )
}

function Target({ app, node, edited }: { app: App; node: ReturnType<typeof editNode>; edited: number }) {
  const definitions = usePart(app, state => state.definitions)
  if (!node) {
    const type = [...definitions.values()].find(takesEdits)
    if (!type) return <p class="faint hint">This server has no node that takes edits; the bank can only be looked at.</p>
    return (
      <div class="notice">
        <span>
          The graph has no <b>{type.title}</b> node for the sliders to write to.
        </span>
        <button class="button" onClick={() => app.addEditNode()}>
          Add it
        </button>
      </div>
    )
  }
  return (
    <div class="row target">
      <button class="button quiet" title="Show the node that the sliders write to" onClick={() => app.view.focus(node.id)}>
        <Icon name="target" size={15} /> {node.title}
      </button>
      <span class="grow" />
      <button class="button quiet" disabled={!edited} onClick={() => app.clearPrototypes()}>
        <Icon name="reset" size={15} /> Reset all
      </button>
    </div>
  )
}
