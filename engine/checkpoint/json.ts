import { CheckpointError, quote } from './error.ts'

/**
 * JSON out of a file nobody vouches for. UTF-8 must be valid, and a key `__proto__` is refused: it does no harm here, but
 * nobody has an honest use for it. `JSON.parse` recurses where a reviver is given, so that nesting ends in an error as well.
 * More than `most` values are refused, because checking each of millions takes minutes and gigabytes.
 */
export function parseJson(file: string, json: Uint8Array | string, what: string, most: number): unknown {
  let count = 0
  try {
    const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json)
    return JSON.parse(text, (key, value: unknown) => {
      if (++count > most) throw new Error(`more than ${most} values`)
      if (key === '__proto__') throw new Error('a key "__proto__"')
      return value
    })
  } catch (error) {
    throw new CheckpointError(file, { wanted: what, got: quote((error as Error).message) }, { cause: error })
  }
}
