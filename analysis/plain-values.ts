/** Words and questions about values from outside, for the checks of files that people hand around. */

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Text in quotes, cut where it gets long. */
export const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

/** What a value is, for "should be …, is …". */
export const kindOf = (value: unknown): string =>
  value === undefined
    ? 'missing'
    : typeof value === 'string'
      ? quote(value)
      : typeof value === 'object'
        ? Array.isArray(value)
          ? 'a list'
          : value === null
            ? 'null'
            : 'an object'
        : String(value)

/** What a JSON parser said, as one line: it quotes what it found, which may be a picture's bytes. */
export const parserMessage = (error: unknown): string => (error as Error).message.replace(/\p{Cc}+/gu, ' ')
