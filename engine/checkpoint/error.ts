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

/** A name or value out of a hostile file, fit for an error message: one line, quoted, never long. */
export function quote(value: unknown): string {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : Array.isArray(value)
        ? 'a list'
        : value instanceof Map
          ? 'a dictionary'
          : String(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

/** The first few of many, so that one error can name them all without becoming a page. */
export const list = (names: readonly string[], most = 12): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')
