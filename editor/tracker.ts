/** Keeps the graph's snapshots: what undo goes back to, what autosave writes, whether there is something unsaved. */
import type { Workflow } from '../workflows/graph.ts'
import type { GraphView } from './canvas/graph-view.ts'
import { amend, createHistory, record, redo, undo, type History } from './history.ts'
import type { State } from './shell.ts'
import type { Store } from './store.ts'

export type Tracker = {
  /** Begins anew with what is on the screen; `saved` when it is the same as its file. */
  reset(name: string, saved: boolean): void
  /** Something else was opened by the user: one step that can be undone, unlike `reset`. */
  opened(name: string, saved: boolean): void
  /** A gesture ended. */
  commit(): void
  /** The graph changed by itself. */
  absorb(): void
  saved(name: string): void
  undo(): void
  redo(): void
  workflow(): Workflow
}

type Snapshot = { readonly json: string; readonly name: string }

export function createTracker(
  view: GraphView,
  store: Store<State>,
  restore: (workflow: Workflow) => void,
  changed: (workflow: string, name: string, isSaved: boolean) => void,
): Tracker {
  let history: History<Snapshot> = createHistory(take('untitled'))
  let savedJson = history.present.json

  function take(name: string): Snapshot {
    return { json: JSON.stringify(view.save()), name }
  }
  /** The same snapshot object while nothing changed, so that `record` sees it. */
  const look = (name = history.present.name): Snapshot => {
    const now = take(name)
    return now.json === history.present.json && now.name === history.present.name ? history.present : now
  }
  const settle = (next: History<Snapshot>) => {
    const isNew = next.present !== history.present
    history = next
    const { name, json } = next.present
    const graph = view.graph()
    store.update(state => ({
      ...state,
      graph,
      document: { name, dirty: json !== savedJson, canUndo: next.past.length > 0, canRedo: next.future.length > 0 },
    }))
    if (isNew) changed(json, name, json === savedJson)
  }
  const travel = (next: History<Snapshot>) => {
    if (next === history) return
    const { selection } = view.graph()
    restore(JSON.parse(next.present.json) as Workflow)
    view.select(selection)
    // litegraph fills in what a file leaves out; that is no change of the user's.
    settle({ ...next, present: { json: take('').json, name: next.present.name } })
  }
  return {
    reset(name, saved) {
      history = createHistory(take(name))
      savedJson = saved ? history.present.json : ''
      settle(history)
      changed(history.present.json, name, saved)
    },
    opened(name, saved) {
      const next = take(name)
      if (saved) savedJson = next.json
      settle(record(history, next))
    },
    commit: () => settle(record(history, look())),
    absorb: () => {
      const wasSaved = savedJson === history.present.json
      const next = amend(history, look())
      if (wasSaved) savedJson = next.present.json
      settle(next)
    },
    saved(name) {
      const now = take(name)
      savedJson = now.json
      settle(amend(history, now))
    },
    undo: () => travel(undo(history)),
    redo: () => travel(redo(history)),
    workflow: () => JSON.parse(history.present.json) as Workflow,
  }
}
