import { useEffect, useReducer, useRef } from 'preact/hooks'
import type { App } from '../app.ts'
import type { State } from '../shell.ts'

/** A part of the state; the component is drawn again when that part is another value. */
export function usePart<T>(app: App, select: (state: State) => T): T {
  const [, again] = useReducer<number, void>(count => count + 1, 0)
  const value = select(app.store.get())
  const shown = useRef(value)
  shown.current = value
  const picker = useRef(select)
  picker.current = select
  useEffect(
    () =>
      app.store.onChange(state => {
        if (picker.current(state) !== shown.current) again()
      }),
    [app],
  )
  return value
}

/** Calls back when the pointer goes down or the focus goes anywhere outside of `element`. */
export function useOutside(element: { readonly current: HTMLElement | null }, left: () => void): void {
  const callback = useRef(left)
  callback.current = left
  useEffect(() => {
    const listening = new AbortController()
    const check = (event: Event) => {
      if (event.target instanceof Node && !element.current?.contains(event.target)) callback.current()
    }
    // From the next turn on: the very press that opened it must not close it.
    const timer = setTimeout(() => document.addEventListener('pointerdown', check, { signal: listening.signal, capture: true }))
    return () => {
      clearTimeout(timer)
      listening.abort()
    }
  }, [element])
}
