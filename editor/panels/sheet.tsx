/** A modal sheet with a title and a way out. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { App } from '../app.ts'
import { Icon } from './icons.tsx'

type SheetProps = { app: App; title: string; children: ComponentChildren; wide?: boolean; hasSearch?: boolean }

export function Sheet({ app, title, children, wide, hasSearch }: SheetProps) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => element.current?.showModal(), [])
  const close = () => app.show({ dialog: undefined })
  return (
    <dialog
      ref={element}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-label={title}
      onClose={close}
      onKeyDown={event => event.stopPropagation()}
      onClick={event => event.target === element.current && close()}
    >
      <div class="sheet" tabIndex={-1} autofocus={!hasSearch}>
        <header class="row">
          <h2>{title}</h2>
          <span class="grow" />
          <button class="button square quiet" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
