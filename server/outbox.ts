import type { RunEvent } from './runner.ts'

/** Thirty times a second, as films and video do; more costs the network more than a person sees, ms. */
const refresh = 33
/** What every step says again: it can wait for the picture of its step. */
const perStep: ReadonlySet<string> = new Set(['progress', 'progress_state', 'patronus.activations'])

/** Told with every change, so that of several in a row the last is enough. */
const tellsAllBars = (event: RunEvent): boolean => event.kind === 'message' && event.message.type === 'progress_state'
const isPerStep = (event: RunEvent): boolean => event.kind === 'preview' || perStep.has(event.message.type)

/** Without the bars that newer ones follow; never past what is told once, which clients expect behind the bars before it. */
function withoutOlderBars(events: readonly RunEvent[]): RunEvent[] {
  const from = events.findLastIndex(event => !isPerStep(event)) + 1
  return events.filter((event, i) => i < from || !tellsAllBars(event))
}

export type Outbox = {
  /** Puts an event in; for a preview the promise is fulfilled when the other side has taken it. */
  put(event: RunEvent): Promise<void> | undefined
  /** The other side has taken the batch of this number. */
  taken(batch: number): void
  /** Sends what is there, now. */
  flush(): void
}

/**
 * Events on their way to the server, in order, several at a time: a message wakes both processes, and next to a network
 * that keeps every core busy that costs more than what it carries. What steps say goes out at most thirty times a second,
 * all of it; the rest at the next turn of the event loop. `batch` is given when the batch holds previews, and is to be answered.
 */
export function createOutbox(send: (events: readonly RunEvent[], batch?: number) => void, every = refresh): Outbox {
  let events: RunEvent[] = []
  let waiting: (() => void)[] = []
  const unanswered = new Map<number, readonly (() => void)[]>()
  let batches = 0
  let lastSent = -Infinity
  let later: NodeJS.Timeout | undefined
  let soon: NodeJS.Immediate | undefined

  const flush = () => {
    clearTimeout(later)
    clearImmediate(soon)
    later = soon = undefined
    if (events.length === 0) return
    lastSent = performance.now()
    const batch = waiting.length > 0 ? ++batches : undefined
    if (batch !== undefined) unanswered.set(batch, waiting)
    send(events, batch)
    events = []
    waiting = []
  }
  const flushLater = () => (later ??= setTimeout(flush, Math.max(1, lastSent + every - performance.now())))

  return {
    put: event => {
      if (tellsAllBars(event)) events = withoutOlderBars(events)
      events.push(event)
      if (event.kind === 'message') {
        if (perStep.has(event.message.type)) flushLater()
        else soon ??= setImmediate(flush)
        return undefined
      }
      const taken = new Promise<void>(resolve => waiting.push(resolve))
      if (performance.now() - lastSent >= every) flush()
      else flushLater()
      return taken
    },
    taken: batch => {
      unanswered.get(batch)?.forEach(resolve => resolve())
      unanswered.delete(batch)
    },
    flush,
  }
}
