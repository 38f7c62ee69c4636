/** One prototype of the bank: its patch, its name, the slider that edits it. */
import { Component, createRef, type RefObject } from 'preact'
import { useState } from 'preact/hooks'
import type { Suggestion } from '../../server/protocol.ts'
import type { App } from '../app.ts'
import type { Prototype } from '../bank.ts'
import { fixed, withoutZero } from '../format.ts'
import { AtlasRow } from './atlas-row.tsx'
import { Icon } from './icons.tsx'
import { NameForm } from './name-form.tsx'
import { SuggestionRow } from './suggestion.tsx'

type RowProps = {
  readonly app: App
  readonly checkpoint: string
  readonly prototype: Prototype
  readonly tile: string | undefined
  readonly canEdit: boolean
  readonly isNaming: boolean
  readonly setNaming: (index: number | undefined) => void
  /** Its pictures of the atlas stand below it. */
  readonly isOpen: boolean
  readonly setOpen: (index: number | undefined) => void
  /** The list is in order of consistency. */
  readonly isScored: boolean
  /** A name for it, where the list is of suggestions. */
  readonly suggestion: Suggestion | undefined
}

/** Drawn again only when its own prototype changed: a hundred rows follow every step of a sampler. */
export class Row extends Component<RowProps> {
  private readonly nameButton = createRef<HTMLButtonElement>()

  override shouldComponentUpdate(next: RowProps): boolean {
    const parts = ['prototype', 'canEdit', 'tile', 'isNaming', 'isOpen', 'isScored', 'suggestion'] as const
    return parts.some(part => next[part] !== this.props[part])
  }

  /** Whoever named it by keyboard goes on from where they were. */
  override componentDidUpdate({ isNaming }: RowProps): void {
    if (isNaming && !this.props.isNaming) this.nameButton.current?.focus({ preventScroll: true })
  }

  override render(props: RowProps) {
    const { app, checkpoint, prototype, tile, canEdit, isNaming, setNaming, isOpen, setOpen, isScored, suggestion } = props
    const { index, name, range, onImage, edit, consistency } = prototype
    const value = edit ?? onImage ?? range.min
    const label = name ?? `Prototype ${index}`
    return (
      <li
        class={`bank-row${edit === undefined ? '' : ' edited'}${isNaming ? ' naming' : ''}`}
        style={{ '--part': `${(100 * Number(partOf(range, value))).toFixed(1)}%` }}
      >
        <button
          class="tile-button"
          aria-expanded={isOpen}
          aria-label={`Pictures of ${label} in the atlas`}
          title="What it stands for: pictures formed with it raised"
          disabled={isNaming}
          onClick={() => setOpen(isOpen ? undefined : index)}
        >
          <Tile src={tile} index={index} />
          <span class="badge">
            <Icon name="chevron" size={13} />
          </span>
        </button>
        {isNaming ? (
          <NameForm app={app} checkpoint={checkpoint} prototype={prototype} done={() => setNaming(undefined)} />
        ) : (
          <div class="bank-main">
            <div class="row">
              <NameButton button={this.nameButton} prototype={prototype} open={() => setNaming(index)} />
              <span class="grow" />
              <output class="mono bank-value">{edit !== undefined || onImage !== undefined ? fixed(value) : '–'}</output>
            </div>
            <Slider app={app} prototype={prototype} label={label} value={value} canEdit={canEdit} />
            <div class="row bank-ends faint mono">
              <span>{fixed(range.min, 1)}</span>
              <span class="grow" />
              {edit !== undefined && onImage !== undefined && <span>was {fixed(onImage)}</span>}
              {isScored && consistency !== undefined && <span>consistency {withoutZero(consistency)}</span>}
              <span class="grow" />
              <span>{fixed(range.max, 1)}</span>
            </div>
          </div>
        )}
        {!isNaming && (
          <button
            class="button square quiet reset"
            title="Take this edit back"
            aria-label={`Reset ${label}`}
            disabled={edit === undefined}
            onClick={() => app.setPrototype(index, undefined)}
          >
            <Icon name="reset" size={15} />
          </button>
        )}
        {suggestion && !isNaming && (
          <SuggestionRow app={app} checkpoint={checkpoint} prototype={prototype} suggestion={suggestion} />
        )}
        {isOpen && <AtlasRow app={app} checkpoint={checkpoint} index={index} label={label} />}
      </li>
    )
  }
}

/** Where x lies between the ends of a range, 0 … 1. */
const partOf = ({ min, max }: Prototype['range'], x: number): string =>
  Math.min(1, Math.max(0, (x - min) / (max - min))).toFixed(4)

type NameButtonProps = { button: RefObject<HTMLButtonElement | null>; prototype: Prototype; open: () => void }

function NameButton({ button, prototype: { index, name, said }, open }: NameButtonProps) {
  const sure = said?.confidence === undefined ? undefined : `${Math.round(100 * said.confidence)} %`
  const about = [name ?? `Prototype ${index}`, sure && `${sure} sure`, said?.note].filter(Boolean)
  return (
    <button
      ref={button}
      class="name-button"
      aria-label={`${about.join('. ')}. ${name === undefined ? 'Give it a name' : 'Change its name'}`}
      title={about.length > 1 ? about.join('\n') : 'Click to name it'}
      onClick={open}
    >
      <span class="bank-name">{name ?? `Prototype ${index}`}</span>
      {name !== undefined && <span class="faint mono">#{index}</span>}
      {sure && <span class="faint">{sure}</span>}
      {said?.note && <Icon name="note" size={14} />}
      <span class="pencil">
        <Icon name="pencil" size={14} />
      </span>
    </button>
  )
}

type SliderProps = { app: App; prototype: Prototype; label: string; value: number; canEdit: boolean }

function Slider({ app, prototype: { index, range, onImage, live }, label, value, canEdit }: SliderProps) {
  const at = (x: number) => ({ '--at': partOf(range, x) })
  return (
    <div class="bank-slider">
      <input
        type="range"
        class="slider"
        aria-label={`${label}, 0 to ${fixed(range.max)}`}
        min={range.min}
        max={range.max}
        step={(range.max - range.min) / 200}
        value={value}
        disabled={!canEdit}
        onInput={event => app.setPrototype(index, event.currentTarget.valueAsNumber, false)}
        onChange={event => app.setPrototype(index, event.currentTarget.valueAsNumber)}
        onDblClick={() => app.setPrototype(index, undefined)}
      />
      {range.min < 0 && <i class="tick zero" style={at(0)} title="0" />}
      {onImage !== undefined && <i class="tick image" style={at(onImage)} title={`On this picture: ${fixed(onImage)}`} />}
      {live !== undefined && <i class="live-bar" style={at(live)} />}
    </div>
  )
}

/** The patch that shows the prototype, or its number on a colour of its own. */
function Tile({ src, index }: { src: string | undefined; index: number }) {
  const [isMissing, setMissing] = useState(false)
  if (src === undefined || isMissing)
    return (
      <span class="tile" style={{ '--hue': `${(index * 137.508) % 360}` }}>
        {index}
      </span>
    )
  return <img class="tile crisp" src={src} alt="" loading="lazy" onError={() => setMissing(true)} />
}
