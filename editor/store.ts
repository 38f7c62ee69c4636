/** A value that changes by replacement, and whoever listens to it. The page holds exactly one: its `State`. */
export type Store<S> = {
  get(): S
  update(change: (state: S) => S): void
  /** Returns how to stop listening. */
  onChange(listener: (state: S, before: S) => void): () => void
}

export function createStore<S>(initial: S): Store<S> {
  let state = initial
  const listeners = new Set<(state: S, before: S) => void>()
  return {
    get: () => state,
    update(change) {
      const before = state
      state = change(before)
      if (state !== before) for (const listener of [...listeners]) listener(state, before)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
