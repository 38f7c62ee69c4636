/** A command that ended for a reason a person can mend. One line on stderr, then this exit status; never a stack. */
export class Failure extends Error {
  readonly code: number
  /** Already told (as JSON, or node by node): only the exit status is left to set. */
  readonly told: boolean

  constructor(message: string, { code = 1, told = false }: { code?: number; told?: boolean } = {}) {
    super(message)
    this.name = 'Failure'
    this.code = code
    this.told = told
  }
}

/** Exit status of a command that was interrupted: 128 + the number of SIGINT. */
export const INTERRUPTED = 130

/** What a person reads about an error of any origin. With PATRONUS_DEBUG=1 also where it came from. */
export function describeError(error: unknown, debug = process.env.PATRONUS_DEBUG === '1'): string {
  if (!(error instanceof Error)) return String(error)
  return debug && error.stack ? error.stack : error.message || error.name
}
