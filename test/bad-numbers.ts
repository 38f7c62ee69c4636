/** Words by which a number that is none shows itself in text: also inside a path of a drawing, as in "MNaN,4". */
const words = /NaN|undefined|Infinity/

/** Paths of all numbers in plain data that are no numbers, and of words that would show one: what no report may hold. */
export function badNumbers(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} is ${value}`]
  if (typeof value === 'string') {
    const at = value.search(words)
    return at < 0 ? [] : [`${path} says ${value.slice(Math.max(0, at - 40), at + 40)}`]
  }
  if (value instanceof Float32Array) return value.every(Number.isFinite) ? [] : [`${path} holds a number that is none`]
  if (typeof value !== 'object' || value === null) return value === undefined ? [`${path} is undefined`] : []
  // A key may be left open, the cell of a table may not.
  const isList = Array.isArray(value)
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return entries.flatMap(([key, inside]) => (inside === undefined && !isList ? [] : badNumbers(inside, `${path}/${key}`)))
}
