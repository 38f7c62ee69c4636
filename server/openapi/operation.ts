import type { Shape } from './shapes.ts'

/** What one route takes and answers. `document.ts` makes OpenAPI of it. */
export type Operation = {
  readonly id: string
  readonly summary: string
  /** Path parameters are read off the path; these lines say what they are, where that is not plain. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<
    Record<string, string | { readonly about: string; readonly required?: boolean; readonly values?: readonly string[] }>
  >
  /** A JSON body by its shape, or the fields of a form with the one that holds the file. */
  readonly body?: Shape | { readonly file: string; readonly fields: readonly string[] } | 'bytes'
  /** By status. A shape is JSON, a list is the media types of a file, a text an answer without a body. */
  readonly answers: Readonly<Record<number, Shape | readonly string[] | { readonly nothing: string }>>
}

/** By `METHOD /path/{name}`. */
export type Operations = Readonly<Record<string, Operation>>

export const done = { nothing: 'Done; no body.' } as const
