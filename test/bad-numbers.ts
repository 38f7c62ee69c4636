/** Paths of all numbers in plain data that are no numbers, and of words that would show one: what no report may hold. */
export function badNumbers(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} is ${value}`]
  if (typeof value === 'string') return /\b(NaN|undefined|Infinity)\b/.test(value) ? [`${path} says ${value.slice(0, 80)}`] : []
  if (value instanceof Float32Array) return value.every(Number.isFinite) ? [] : [`${path} holds a number that is none`]
  if (typeof value !== 'object' || value === null) return value === undefined ? [`${path} is undefined`] : []
  return Object.entries(value).flatMap(([key, inside]) => (inside === undefined ? [] : badNumbers(inside, `${path}/${key}`)))
}
