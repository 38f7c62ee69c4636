/** What is wrong with a weight file, in the three parts a person needs. */
export type Problem = {
  readonly wanted: string
  readonly got: string
  /** What to do about it, as a sentence. */
  readonly remedy?: string
}

export const damaged = 'The file is damaged, incomplete or made to mislead: fetch or export it again.'

/** The only error that reading or writing weight files raises, whatever the bytes were. */
export class CheckpointError extends Error {
  readonly file: string
  readonly problem: Problem

  constructor(file: string, problem: Problem, options?: ErrorOptions) {
    super(`${file}: wanted ${problem.wanted}, got ${problem.got}. ${problem.remedy ?? damaged}`, options)
    this.name = 'CheckpointError'
    this.file = file
    this.problem = problem
  }
}

/** A name or value out of a hostile file, fit for an error message: one line, never long, never walked in depth. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 120 ? `${value.slice(0, 117)}...` : value)
  if (Array.isArray(value))
    return value.length <= 8 && value.every(item => typeof item !== 'object') ? `[${value.map(quote)}]` : 'a list'
  if (value instanceof Map) return 'a dictionary'
  if (typeof value === 'object' && value !== null)
    return 'kind' in value && typeof value.kind === 'string' ? `a ${value.kind}` : 'an object'
  return String(value)
}

/** The first few of many, so that one error can name them all without becoming a page. */
export const list = (names: readonly string[], most = 12): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')
