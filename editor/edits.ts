/**
 * The text of an "edits" field (one edit a line, `12 = 0.8`) and the sliders of the prototype bank: two views of one value.
 * Lines that are not a plain `index = number` (comments, other modes) belong to the user and are kept as they are.
 */
export type Edits = ReadonlyMap<number, number>

const LINE = /^\s*(\d+)\s*=\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/i

const parseLine = (line: string): readonly [index: number, value: number] | undefined => {
  const match = LINE.exec(line)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

/** What the text sets, by prototype; the last line about a prototype wins, as on the server. */
export function readEdits(text: string): Edits {
  return new Map(
    text.split('\n').flatMap(line => {
      const edit = parseLine(line)
      return edit ? [edit] : []
    }),
  )
}

/** `text` with prototype `index` set to `value`, or no longer set when `value` is undefined. Order of the other lines is kept. */
export function writeEdit(text: string, index: number, value: number | undefined): string {
  const lines = text.split('\n').filter((line, i, all) => line.trim() !== '' || i < all.length - 1)
  const last = lines.findLastIndex(line => parseLine(line)?.[0] === index)
  const kept = lines.flatMap((line, i) => {
    if (parseLine(line)?.[0] !== index) return [line]
    return i === last && value !== undefined ? [formatEdit(index, value)] : []
  })
  if (last < 0 && value !== undefined) kept.push(formatEdit(index, value))
  return kept.join('\n')
}

/** `text` without any plain edit. */
export const clearEdits = (text: string): string =>
  text
    .split('\n')
    .filter(line => !parseLine(line) && line.trim() !== '')
    .join('\n')

/** Four significant decimals are finer than a slider and than any visible difference. */
const formatEdit = (index: number, value: number): string => `${index} = ${Number(value.toFixed(4))}`
