/** Menus: file menu, context menu, lists of choices. Text only, keyboard first. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { search } from '../search.ts'
import type { Menu, MenuItem } from '../shell.ts'
import { useOutside, usePart } from './hooks.ts'
import { Icon } from './icons.tsx'

type Entry = Exclude<MenuItem, 'line'>

export function MenuLayer({ app }: { app: App }) {
  const menu = usePart(app, state => state.menu)
  return menu ? <MenuBox key={`${menu.at.x},${menu.at.y}`} app={app} menu={menu} /> : null
}

function MenuBox({ app, menu }: { app: App; menu: Menu }) {
  const box = useRef<HTMLDivElement>(null)
  const [query, setQuery] = useState('')
  const items: readonly MenuItem[] = query ? search(query, menu.items.filter(isEntry), item => [item.label]) : menu.items
  const entries = items.filter(isEntry).filter(item => !item.disabled)
  const [active, setActive] = useState<Entry | undefined>(() => entries.find(item => item.checked))
  const close = () => {
    app.show({ menu: undefined })
    app.view.focusCanvas()
  }
  const choose = (item: Entry) => {
    close()
    item.run()
  }
  useOutside(box, close)
  usePlacement(box, menu.at)
  useLayoutEffect(() => {
    box.current?.querySelector<HTMLElement>('input, [role=menu]')?.focus()
    box.current?.querySelector('.checked')?.scrollIntoView({ block: 'nearest' })
  }, [])

  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === 'Escape') close()
    else if (event.key === 'Enter' && (active ?? (query ? entries[0] : undefined))) choose((active ?? entries[0]) as Entry)
    else if (by && entries.length) {
      const at = active ? entries.indexOf(active) : by > 0 ? -1 : 0
      setActive(entries[(at + by + entries.length) % entries.length])
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      class="menu"
      ref={box}
      style={{ minWidth: menu.width }}
      onKeyDown={onKeyDown}
      onContextMenu={event => event.preventDefault()}
    >
      {menu.title && <div class="menu-title">{menu.title}</div>}
      {menu.filter && (
        <div class="search">
          <Icon name="search" size={16} />
          <input
            placeholder="Filter"
            aria-label="Filter"
            value={query}
            onInput={event => {
              setQuery(event.currentTarget.value)
              setActive(undefined)
            }}
          />
        </div>
      )}
      <div class="menu-items" role="menu" tabIndex={-1}>
        {items.map((item, i) =>
          item === 'line' ? (
            <hr key={i} />
          ) : (
            <button
              key={i}
              role="menuitem"
              class={`menu-item${item === active ? ' active' : ''}${item.checked ? ' checked' : ''}${item.danger ? ' danger' : ''}`}
              disabled={item.disabled}
              onPointerMove={() => item !== active && setActive(item)}
              onClick={() => choose(item)}
            >
              {item.image && <img src={item.image} alt="" loading="lazy" width="32" height="32" />}
              <span class="label">{item.label}</span>
              {item.checked && <Icon name="check" size={15} />}
              {item.keys && <kbd>{item.keys}</kbd>}
            </button>
          ),
        )}
        {!items.length && <div class="empty small">Nothing matches “{query}”.</div>}
      </div>
    </div>
  )
}

const isEntry = (item: MenuItem): item is Entry => item !== 'line'

/** Keeps a floating box on the page, near `at`. */
export function usePlacement(box: { readonly current: HTMLElement | null }, at: { x: number; y: number }): void {
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const { width, height } = element.getBoundingClientRect()
    element.style.left = `${Math.max(8, Math.min(at.x, innerWidth - width - 8))}px`
    element.style.top = `${Math.max(8, Math.min(at.y, innerHeight - height - 8))}px`
  })
}
