/** An input exactly over a field of a node: what one types is where one looks. Enter or leaving keeps, Escape takes back. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { App } from '../app.ts'
import type { Typing } from '../shell.ts'
import { usePart } from './hooks.ts'

export function TypingLayer({ app }: { app: App }) {
  const typing = usePart(app, state => state.typing)
  return typing ? <Field key={`${typing.at.x},${typing.at.y}`} app={app} typing={typing} /> : null
}

function Field({ app, typing }: { app: App; typing: Typing }) {
  const { at, width, height, scale, value, multiline, numeric, label, placeholder, commit } = typing
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null)
  const done = useRef(false)
  const finish = (keep: boolean) => {
    if (done.current) return
    done.current = true
    const text = input.current?.value ?? value
    app.show({ typing: undefined })
    app.view.focusCanvas()
    if (keep && text !== value) commit(text)
  }
  useLayoutEffect(() => {
    input.current?.focus()
    input.current?.select()
  }, [])
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation()
    if (event.key === 'Escape') finish(false)
    else if (event.key === 'Enter' && (!multiline || event.ctrlKey || event.metaKey)) finish(true)
    else if (event.key === 'Tab') finish(true)
    else return
    event.preventDefault()
  }
  const common = {
    ref: input,
    class: 'typing',
    'aria-label': label,
    placeholder,
    value,
    spellcheck: false,
    onKeyDown,
    onBlur: () => finish(true),
    style: {
      left: `${at.x}px`,
      top: `${at.y}px`,
      width: `${Math.max(width, multiline ? 260 : 120)}px`,
      height: `${Math.max(height, multiline ? 120 : 24)}px`,
      fontSize: `${Math.max(12, 12 * scale)}px`,
    },
  }
  return multiline ? <textarea {...common} /> : <input {...common} type="text" inputMode={numeric ? 'decimal' : 'text'} />
}
