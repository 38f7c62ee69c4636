/** The border: JSON from files, sockets and dropped pictures becomes clean, bounded, plain data here, or a GraphError that says what is wrong. */
import { GraphError } from './types.ts'

/** Far above any real graph, far below what hurts. */
export const limits = {
  nodes: 20_000,
  inputs: 1_000,
  links: 50_000,
  entries: 500_000,
  depth: 32,
  text: 1_000_000,
  name: 200,
} as const

export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

/**
 * Keys that would reach into an object's prototype when copied carelessly. `prototype` alone does not, and is what several of our
 * ports are called.
 */
const forbidden = new Set(['__proto__', 'constructor'])

/** A deep copy of JSON data, bounded in depth, size and text; throws GraphError of type `kind` at anything else. */
export function cleanJson(value: unknown, kind: string): Json {
  let entries = 0
  const copy = (value: unknown, depth: number): Json => {
    if (++entries > limits.entries) throw new GraphError(kind, 'The graph is too large', `more than ${limits.entries} values`)
    if (depth > limits.depth) throw new GraphError(kind, 'The graph is nested too deeply', `more than ${limits.depth} levels`)
    if (value === null || typeof value === 'boolean' || typeof value === 'number') return value
    if (typeof value === 'string') {
      if (value.length > limits.text)
        throw new GraphError(kind, 'A text is too long', `${value.length} characters, at most ${limits.text}`)
      return value
    }
    if (Array.isArray(value)) return value.map(item => copy(item ?? null, depth + 1))
    if (typeof value !== 'object') throw new GraphError(kind, 'The graph is not JSON data', `it holds a ${typeof value}`)
    const out: JsonObject = {}
    for (const [key, item] of Object.entries(value)) {
      if (forbidden.has(key)) throw new GraphError(kind, 'The graph has a forbidden key', `"${key}"`)
      if (item !== undefined) out[key] = copy(item, depth + 1)
    }
    return out
  }
  return copy(value, 0)
}

/** JSON as Python writes it, made JSON: bare NaN and Infinity, which that has no word for, become null. */
export const withoutNaN = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"?|-?\b(?:NaN|Infinity)\b/g, token => (token.startsWith('"') ? token : 'null'))

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** How an error names what it was given. */
export const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`

/** Text as it is shown in an error: quoted, and never longer than a line. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text)
