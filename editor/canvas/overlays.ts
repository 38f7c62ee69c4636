/** What opens when a field on the canvas is clicked: a real input over it, or a list. */
import { viewUrl } from '../api.ts'
import type { App } from '../app.ts'
import { pickFile } from '../files.ts'
import { snap } from '../format.ts'
import type { Field } from '../ports.ts'
import type { State } from '../shell.ts'
import type { Store } from '../store.ts'
import type { GraphEvents } from './graph-events.ts'
import { inputFile } from './input-file.ts'
import type { FieldAt } from './widgets.ts'

export function fieldOverlays(store: Store<State>, app: () => App): Pick<GraphEvents, 'type' | 'choose' | 'upload'> {
  const show = (change: Partial<State>) => store.update(state => ({ ...state, ...change }))
  return {
    type({ node, port, field, value }, page, scale) {
      const commit = (text: string) => {
        const next = parseField(field, text)
        if (next !== undefined) app().setField(String(node.id), port.name, next)
      }
      show({
        typing: {
          at: { x: page.x, y: page.y },
          width: page.width,
          height: page.height,
          scale: Math.max(0.8, scale),
          value: String(value),
          multiline: field.kind === 'text' && field.multiline,
          numeric: field.kind === 'number',
          label: port.label,
          placeholder: field.kind === 'text' ? field.placeholder : '',
          commit,
        },
      })
    },
    choose({ node, port, field, value }, page) {
      if (field.kind !== 'choice') return
      show({
        menu: {
          at: { x: page.x, y: page.bottom + 4 },
          width: Math.max(180, page.width),
          filter: field.options.length > 10,
          items: field.options.map(option => ({
            label: option,
            checked: option === value,
            image: field.upload ? viewUrl(inputFile(option)) : undefined,
            run: () => app().setField(String(node.id), port.name, option),
          })),
        },
      })
    },
    upload({ node }: FieldAt) {
      void pickFile('image/*').then(file => file && app().placePicture(file, { node: String(node.id) }))
    },
  }
}

/** What was typed, as a value of the field; undefined when it is none. */
export function parseField(field: Field, text: string): string | number | undefined {
  if (field.kind !== 'number') return text
  const number = Number(text.replace(',', '.').trim())
  if (text.trim() === '' || !Number.isFinite(number)) return undefined
  return field.integer ? snap(Math.round(number), { ...field, step: 1 }) : Math.min(field.max, Math.max(field.min, number))
}
