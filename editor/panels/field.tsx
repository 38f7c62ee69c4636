/** A field of a node as a form control. Made from the port alone: no node has page code of its own. */
import type { App } from '../app.ts'
import { inputFile } from '../canvas/input-file.ts'
import { parseField } from '../canvas/overlays.ts'
import { fixed, snap } from '../format.ts'
import type { Field, Port } from '../ports.ts'
import type { Value } from '../shell.ts'
import { Icon } from './icons.tsx'
import { pickFile } from '../files.ts'
import { viewUrl } from '../api.ts'

type Props = {
  readonly app: App
  readonly node: string
  readonly port: Port
  readonly field: Field
  readonly value: Value
  readonly linkedFrom?: string
}

export function FieldRow(props: Props) {
  const { port, linkedFrom, node } = props
  const id = `field-${node}-${port.name}`
  return (
    <div class="field-row">
      <label for={id}>{port.label}</label>
      {linkedFrom === undefined ? <Control {...props} id={id} /> : <span class="linked">from {linkedFrom}</span>}
      {port.help && <p class="help">{port.help}</p>}
    </div>
  )
}

function Control({ app, node, port, field, value, id }: Props & { id: string }) {
  const set = (next: Value | undefined, isFinal = true) => next !== undefined && app.setField(node, port.name, next, isFinal)
  switch (field.kind) {
    case 'boolean':
      return (
        <input
          id={id}
          type="checkbox"
          class="switch"
          role="switch"
          checked={value === true}
          onChange={event => set(event.currentTarget.checked)}
        />
      )
    case 'choice':
      return <Choice app={app} node={node} field={field} id={id} value={String(value)} set={set} />
    case 'text':
      return field.multiline ? (
        <textarea
          id={id}
          class="input"
          rows={4}
          value={String(value)}
          placeholder={field.placeholder}
          spellcheck={false}
          onChange={event => set(event.currentTarget.value)}
        />
      ) : (
        <input
          id={id}
          class="input"
          value={String(value)}
          placeholder={field.placeholder}
          onChange={event => set(event.currentTarget.value)}
        />
      )
    case 'number':
      return (
        <span class="number">
          {field.slider && (
            <input
              type="range"
              class="slider"
              aria-label={port.label}
              min={field.min}
              max={field.max}
              step={field.step}
              value={Number(value)}
              style={{ '--part': `${(100 * (Number(value) - field.min)) / (field.max - field.min)}%` }}
              onInput={event => set(snap(event.currentTarget.valueAsNumber, field), false)}
              onChange={event => set(snap(event.currentTarget.valueAsNumber, field))}
            />
          )}
          <input
            id={id}
            class="input"
            type="number"
            min={field.min}
            max={field.max}
            step={field.step}
            value={fixed(Number(value), field.decimals)}
            onChange={event => set(parseField(field, event.currentTarget.value))}
          />
        </span>
      )
  }
}

type ChoiceProps = {
  app: App
  node: string
  field: Extract<Field, { kind: 'choice' }>
  id: string
  value: string
  set: (value: string) => unknown
}

function Choice({ app, node, field, id, value, set }: ChoiceProps) {
  const options = field.options.includes(value) ? field.options : [value, ...field.options]
  const select = (
    <select id={id} class="input" value={value} onChange={event => set(event.currentTarget.value)}>
      {options.map(option => (
        <option key={option}>{option}</option>
      ))}
    </select>
  )
  if (!field.upload) return select
  const upload = () => void pickFile('image/*').then(file => file && app.placePicture(file, { node }))
  return (
    <span class="with-picture">
      {value && <img src={viewUrl(inputFile(value))} alt={value} class="crisp" />}
      <span class="stack">
        {select}
        <button class="button" onClick={upload}>
          <Icon name="folder" size={16} /> Upload a picture
        </button>
      </span>
    </span>
  )
}
