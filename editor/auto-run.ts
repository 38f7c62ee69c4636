/** "Run on change": as soon as a gesture changed what would run, it runs; a run that became outdated is stopped first. */
import type { State } from './shell.ts'
import type { Store } from './store.ts'

export type AutoRun = {
  /** The graph changed; `prompt` is what would run now. */
  changed(prompt: string): void
  /** This was sent, by whomever. */
  sent(prompt: string): void
}

export function createAutoRun(store: Store<State>, run: () => void, cancel: () => void): AutoRun {
  let last: string | undefined
  let isWaiting = false
  store.onChange((state, before) => {
    if (state.auto && !before.auto && !state.live.run) run()
    if (!isWaiting || state.live.run || !before.live.run) return
    isWaiting = false
    if (state.auto) queueMicrotask(run)
  })
  return {
    changed(prompt) {
      const { auto, live } = store.get()
      if (!auto || prompt === last) return
      if (!live.run) return run()
      isWaiting = true
      if (live.run.state !== 'cancelling') cancel()
    },
    sent: prompt => void (last = prompt),
  }
}
