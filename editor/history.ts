/** Undo and redo over whole snapshots. Pure: every function returns a new history. `present` is what is on the screen. */
export type History<T> = { readonly past: readonly T[]; readonly present: T; readonly future: readonly T[] }

/** Snapshots kept; an older one falls off. */
export const DEPTH = 50

export const createHistory = <T>(present: T): History<T> => ({ past: [], present, future: [] })

/** A gesture ended with `next` on the screen. Nothing happens when nothing changed. */
export function record<T>(history: History<T>, next: T): History<T> {
  if (next === history.present) return history
  return { past: [...history.past, history.present].slice(-DEPTH), present: next, future: [] }
}

/** The screen changed without a gesture (a node grew to fit its picture): no step of its own to undo. */
export const amend = <T>(history: History<T>, present: T): History<T> =>
  present === history.present ? history : { ...history, present }

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1)
  return before === undefined
    ? history
    : { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future] }
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future
  return next === undefined ? history : { past: [...history.past, history.present], present: next, future }
}
