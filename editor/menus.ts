/** The context menu of what lies under the pointer: entries are the page's commands, with their keys. */
import type { App } from './app.ts'
import type { MenuTarget } from './canvas/graph-events.ts'
import { command, keyText } from './commands.ts'
import type { Menu, MenuItem } from './shell.ts'

export function menuFor(app: App, { at, node, group, unlink, reroute }: MenuTarget): Menu {
  const entry = (id: string): MenuItem => {
    const { label, keys, run, isOff } = command(id)
    return { label, keys: keyText(keys), disabled: isOff?.(app), run: () => run(app) }
  }
  const change = (label: string, work: () => void, danger = false): MenuItem => ({ label, danger, run: () => app.edit(work) })
  if (unlink) return { at, items: [...(reroute ? [change('Add a bend', reroute)] : []), change('Delete link', unlink, true)] }
  if (node !== undefined) {
    const found = app.store.get().graph.nodes.find(({ id }) => id === node)
    return {
      at,
      title: found?.title,
      items: [
        { label: 'Show fields and help', run: () => app.show({ tab: 'node', panelOpen: true }) },
        'line',
        ...['copy', 'duplicate', 'collapse', 'mute', 'bypass', 'group'].map(entry),
        'line',
        { ...(entry('delete') as Exclude<MenuItem, 'line'>), danger: true },
      ],
    }
  }
  const add: MenuItem = { label: 'Add node…', keys: 'Space', run: () => app.show({ palette: { at } }) }
  return {
    at,
    items: [
      add,
      ...(group ? [change('Delete group', group, true)] : []),
      'line',
      ...['paste', 'select-all', 'undo', 'redo'].map(entry),
      'line',
      ...['fit', 'run'].map(entry),
    ],
  }
}
