import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Tensor } from '../model/tensor.ts'
import { montage } from './images.ts'
import { quickPng } from './quick-png.ts'

/** Frames on their way, at most. A receiver that answers at once gets every frame; quick ones travel several at a time (outbox.ts). */
const most = 8
/** How long a step may wait for the receiver to catch up before its frame is given up, ms. */
const patience = 50
/** The worker hears messages at least this often, ms. */
const turnEvery = 12

export type Previews = {
  /** Resolves with the frame sent unless the receiver is behind; after a real turn of the event loop when one is due. */
  show(image: Tensor): Promise<void>
  /** Nothing is sent any more. */
  close(): void
}

/**
 * Turns running pictures into PNG frames and hands them on, with back-pressure: while `inFlight` frames are unanswered, a
 * newer picture takes the place of the one that waits. `deliver` is fulfilled when the other side has taken the frame; without it
 * nothing is made, for runs that want no previews.
 */
export function createPreviews(deliver?: (png: Buffer) => Promise<void> | void, inFlight = most): Previews {
  let unanswered = 0
  let waiting: Tensor | undefined
  let closed = false
  let freed: (() => void) | undefined
  let turned = -Infinity

  /** A step may be quicker than a turn is worth; a cancel is heard in time all the same. */
  const turn = async () => {
    if (performance.now() - turned < turnEvery) return
    await nextTurn()
    turned = performance.now()
  }

  const answered = () => {
    unanswered--
    freed?.()
    const next = waiting
    waiting = undefined
    if (next && !closed) send(next)
  }
  const send = (image: Tensor) => {
    if (!deliver) return
    const png = quickPng(montage(image))
    unanswered++
    void Promise.resolve(deliver(png)).then(answered, answered)
  }
  const place = () =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, patience)
      freed = () => (clearTimeout(timer), resolve())
    })
  return {
    show: async image => {
      await turn()
      if (unanswered >= inFlight) await place()
      if (unanswered >= inFlight) waiting = image
      else send(image)
    },
    close: () => {
      closed = true
    },
  }
}
