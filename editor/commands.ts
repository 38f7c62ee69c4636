/** Everything that can be done by a key, a button or a menu, once each. Menus, shortcuts and the `?` sheet read this table. */
import type { App } from './app.ts'
import { isSavedHere } from './versions.ts'

export type Command = {
  readonly id: string
  readonly label: string
  readonly group: 'Run' | 'File' | 'Edit' | 'Nodes' | 'View'
  /** As tinykeys writes them; `$mod` is Ctrl, or ⌘ on a Mac. */
  readonly keys?: readonly string[]
  /** The browser's own event does it (see `bindDrops`); the keys are listed for people. */
  readonly isNative?: boolean
  /** Also while typing into a field. */
  readonly everywhere?: boolean
  readonly isOff?: (app: App) => boolean
  readonly run: (app: App) => unknown
}

const nothingSelected = ({ store }: App) => store.get().graph.selection.length === 0
const idle = ({ store }: App) => !store.get().live.run

export const COMMANDS: readonly Command[] = [
  { id: 'run', group: 'Run', label: 'Run', keys: ['$mod+Enter'], everywhere: true, run: app => app.run() },
  {
    id: 'cancel',
    group: 'Run',
    label: 'Stop the run',
    keys: ['$mod+Alt+Enter'],
    everywhere: true,
    isOff: idle,
    run: app => app.cancel(),
  },

  { id: 'new', group: 'File', label: 'New graph', run: app => app.blank() },
  { id: 'workflows', group: 'File', label: 'Workflows…', keys: ['w'], run: app => app.show({ dialog: 'workflows' }) },
  { id: 'open', group: 'File', label: 'Open a file…', keys: ['$mod+o'], everywhere: true, run: app => app.pickAndOpen() },
  { id: 'save', group: 'File', label: 'Save', keys: ['$mod+s'], everywhere: true, run: app => app.save() },
  {
    id: 'versions',
    group: 'File',
    label: 'Earlier versions…',
    isOff: app => !isSavedHere(app.store.get()),
    run: app => app.show({ dialog: { versions: app.store.get().document.name } }),
  },
  {
    id: 'download',
    group: 'File',
    label: 'Download as JSON',
    keys: ['$mod+Shift+s'],
    everywhere: true,
    run: app => app.download(),
  },

  {
    id: 'undo',
    group: 'Edit',
    label: 'Undo',
    keys: ['$mod+z'],
    isOff: app => !app.store.get().document.canUndo,
    run: app => app.tracker.undo(),
  },
  {
    id: 'redo',
    group: 'Edit',
    label: 'Redo',
    keys: ['$mod+Shift+z', '$mod+y'],
    isOff: app => !app.store.get().document.canRedo,
    run: app => app.tracker.redo(),
  },
  { id: 'copy', group: 'Edit', label: 'Copy', keys: ['$mod+c'], isOff: nothingSelected, run: app => app.view.copy() },
  {
    id: 'paste',
    group: 'Edit',
    label: 'Paste',
    keys: ['$mod+v'],
    isNative: true,
    run: app => app.edit(() => app.view.paste(false)),
  },
  {
    id: 'paste-linked',
    group: 'Edit',
    label: 'Paste with links',
    keys: ['$mod+Shift+v'],
    run: app => app.edit(() => app.view.paste(true)),
  },
  {
    id: 'duplicate',
    group: 'Edit',
    label: 'Duplicate',
    keys: ['$mod+d'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.duplicate()),
  },
  { id: 'select-all', group: 'Edit', label: 'Select all', keys: ['$mod+a'], run: app => app.view.selectAll() },
  {
    id: 'delete',
    group: 'Edit',
    label: 'Delete',
    keys: ['Delete', 'Backspace'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.remove()),
  },

  {
    id: 'add',
    group: 'Nodes',
    label: 'Add a node…',
    keys: ['Space', 'Shift+a'],
    run: app => app.show({ palette: { at: app.view.middle() } }),
  },
  {
    id: 'collapse',
    group: 'Nodes',
    label: 'Collapse or expand',
    keys: ['Alt+c'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.toggle('collapse')),
  },
  {
    id: 'mute',
    group: 'Nodes',
    label: 'Mute (do not run)',
    keys: ['$mod+m'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.toggle('mute')),
  },
  {
    id: 'bypass',
    group: 'Nodes',
    label: 'Bypass (pass through)',
    keys: ['$mod+b'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.toggle('bypass')),
  },
  {
    id: 'group',
    group: 'Nodes',
    label: 'Group',
    keys: ['$mod+g'],
    isOff: nothingSelected,
    run: app => app.edit(() => app.view.group()),
  },

  { id: 'fit', group: 'View', label: 'Fit to view', keys: ['.'], run: app => app.view.fit() },
  { id: 'zoom-in', group: 'View', label: 'Zoom in', keys: ['=', 'Shift+Equal'], run: app => app.view.zoom(1.2) },
  { id: 'zoom-out', group: 'View', label: 'Zoom out', keys: ['-'], run: app => app.view.zoom(1 / 1.2) },
  { id: 'zoom-reset', group: 'View', label: 'Zoom to 100 %', keys: ['0'], run: app => app.view.resetZoom() },
  {
    id: 'panel',
    group: 'View',
    label: 'Side panel',
    keys: ['\\'],
    run: app => app.show({ panelOpen: !app.store.get().panelOpen }),
  },
  {
    id: 'shortcuts',
    group: 'View',
    label: 'Keyboard shortcuts',
    keys: ['Shift+?'],
    run: app => app.show({ dialog: 'shortcuts' }),
  },
]

const byId = new Map(COMMANDS.map(command => [command.id, command]))

export function command(id: string): Command {
  const found = byId.get(id)
  if (!found) throw new Error(`no command "${id}"`)
  return found
}

const isMac = () => typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)
const NAMES: Readonly<Record<string, string>> = {
  $mod: 'Ctrl',
  Enter: '↵',
  Delete: 'Del',
  Backspace: '⌫',
  Space: 'Space',
  'Shift+?': '?',
  '=': '+',
}

/** The first key of a command, as people read it: `Ctrl+Shift+Z`. */
export function keyText(keys: readonly string[] | undefined): string | undefined {
  if (!keys?.length) return undefined
  if (NAMES[keys[0]]) return NAMES[keys[0]]
  return keys[0]
    .split('+')
    .map(key => (key === '$mod' && isMac() ? '⌘' : (NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key))))
    .join('+')
}
