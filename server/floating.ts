import { AsyncLocalStorage } from 'node:async_hooks'
import { explain } from './execute/explain.ts'

/** An error that reached nobody: a promise that no one awaited was rejected, or a callback of a timer or a stream threw. */
export type Floating = {
  readonly exception_message: string
  readonly exception_type: string
  readonly traceback: string[]
}

type Listener = {
  /** The run that still goes on had it: its nodes left work behind that nobody watches. */
  ofRun(promptId: string, fault: Floating): void
  /** Anything else had it, such as a run that is over. After a throw out of a callback nobody knows what was left half done. */
  elsewhere(fault: Floating, isThrow: boolean): void
}

/**
 * Hears of such errors in this process, which without this dies of them together with whatever runs then, and tells whose they
 * are: everything a run starts carries its id along. Gives the function to run a job in.
 */
export function watchFloating({ ofRun, elsewhere }: Listener) {
  const runs = new AsyncLocalStorage<string>()
  const going = new Set<string>()
  const hear = (cause: unknown, isThrow: boolean) => {
    const { exception_message, exception_type, traceback } = explain(cause, {})
    const where = isThrow ? 'thrown where no node could catch it' : 'by a promise that no node awaited'
    const fault = { exception_message: `${exception_message} (${where})`, exception_type, traceback }
    const promptId = runs.getStore()
    if (promptId !== undefined && going.has(promptId)) ofRun(promptId, fault)
    else elsewhere(fault, isThrow)
  }
  process.on('unhandledRejection', cause => hear(cause, false))
  process.on('uncaughtException', cause => hear(cause, true))

  return async <T>(promptId: string, work: () => Promise<T>): Promise<T> => {
    going.add(promptId)
    try {
      return await runs.run(promptId, work)
    } finally {
      going.delete(promptId)
    }
  }
}
