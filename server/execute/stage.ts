import type { NodeId } from '../../workflows/graph.ts'

export type Stage = {
  /** Has a node run once everything in `sources` is done; nothing is staged of those. Again for one that ran: it waits anew. */
  add(id: NodeId, sources: readonly NodeId[], rank: number): void
  has(id: NodeId): boolean
  /** The next node that can run, best rank first, and of those the one that was added first. */
  take(): NodeId | undefined
  /** What waited for this node need not wait for it any more. */
  done(id: NodeId): void
  /** Those that wait, for others or for their turn. */
  left(): NodeId[]
}

/** Which nodes are to run, and which of them can. Knows nothing of what they are. */
export function createStage(): Stage {
  type Staged = { readonly order: number; open: Set<NodeId> }
  const staged = new Map<NodeId, Staged>()
  const readers = new Map<NodeId, NodeId[]>()
  /** Worst first, so that the best is cheap to take. */
  const ready: { readonly id: NodeId; readonly order: number }[] = []
  let count = 0

  const makeReady = (id: NodeId, order: number) => {
    let [low, high] = [0, ready.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ready[middle].order > order) low = middle + 1
      else high = middle
    }
    ready.splice(low, 0, { id, order })
  }
  return {
    add: (id, sources, rank) => {
      // Far more than there are ever nodes in a run.
      const order = rank * 1e9 + count++
      const open = new Set(sources)
      staged.set(id, { order, open })
      for (const source of open) {
        const list = readers.get(source)
        if (list) list.push(id)
        else readers.set(source, [id])
      }
      if (open.size === 0) makeReady(id, order)
    },
    has: id => staged.has(id),
    take: () => {
      const next = ready.pop()
      if (next) staged.delete(next.id)
      return next?.id
    },
    done: id => {
      for (const reader of readers.get(id) ?? []) {
        const one = staged.get(reader)
        if (one?.open.delete(id) && one.open.size === 0) makeReady(reader, one.order)
      }
      readers.delete(id)
    },
    left: () => [...staged.keys()],
  }
}
