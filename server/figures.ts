/** What whoever runs the graphs holds at present; told to `/metrics` now and then, never with a step. */
export type Figures = {
  /** Bytes of the checkpoint files that are kept loaded. */
  readonly modelBytes: number
  /** Bytes of remembered results. */
  readonly resultBytes: number
  /** Tensors that tfjs holds. */
  readonly tensors: number
}

/** Steps of the last seconds, counted in whole ones: a list of all of them would grow with the speed. */
export function createPace(seconds = 10, now = () => performance.now() / 1000) {
  const counts = new Map<number, number>()
  const began = Math.floor(now())
  const recent = () => {
    const first = Math.floor(now()) - seconds
    for (const second of counts.keys()) if (second < first) counts.delete(second)
    return counts
  }
  return {
    add: (steps: number) => {
      const second = Math.floor(now())
      recent().set(second, (counts.get(second) ?? 0) + steps)
    },
    /** A second: over the whole seconds behind, the one that still runs is not counted. */
    perSecond: () => {
      const current = Math.floor(now())
      const sum = [...recent()].reduce((sum, [second, count]) => (second < current ? sum + count : sum), 0)
      return sum / Math.max(1, Math.min(seconds, current - began))
    },
  }
}
