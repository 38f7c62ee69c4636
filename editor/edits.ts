/**
 * The text of an "edits" field (one edit a line: `12 = 0.8`, `12 + 0.3`, `12 = max`, `12 = q95`, remarks after #) and the sliders
 * of the prototype bank: two views of one value. The same lines as the server reads in analysis/edits.ts. Lines that are no edit
 * are the user's and stay as they are.
 */
import type { PrototypeRange } from '../engine/patronus.ts'

export type Edit = {
  readonly prototype: number
  readonly mode: 'set' | 'add' | 'maximum' | 'max(s_X)' | 'minimum' | 'quantile'
  readonly value: number
}

const LINE = /^\s*(\d+)\s*([=+-])\s*([^#\s]+)\s*(#.*)?$/
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

export const readEdits = (text: string): Edit[] => text.split('\n').flatMap(line => readLine(line) ?? [])

function readLine(line: string): Edit | undefined {
  const [, index, sign, operand = ''] = LINE.exec(line) ?? []
  if (index === undefined) return undefined
  const prototype = Number(index)
  if (NUMBER.test(operand))
    return sign === '='
      ? { prototype, mode: 'set', value: Number(operand) }
      : { prototype, mode: 'add', value: Number(`${sign}1`) * Number(operand) }
  if (sign !== '=') return undefined
  if (/^max(imum)?$/i.test(operand)) return { prototype, mode: 'maximum', value: 0 }
  if (/^max\(s_x\)$/i.test(operand)) return { prototype, mode: 'max(s_X)', value: 0 }
  if (/^min(imum)?$/i.test(operand)) return { prototype, mode: 'minimum', value: 0 }
  const [, percent] = /^q(\d{1,2}(?:\.\d+)?|100)$/i.exec(operand) ?? []
  return percent === undefined ? undefined : { prototype, mode: 'quantile', value: Number(percent) / 100 }
}

/** Where `edits` bring one prototype that stands at `start`; undefined when none of them is about it. */
export function edited(
  edits: readonly Edit[],
  prototype: number,
  start: number,
  range: PrototypeRange | undefined,
  top: number,
  paperMaximum = top,
): number | undefined {
  const own = edits.filter(edit => edit.prototype === prototype)
  if (!own.length) return undefined
  return own.reduce((s, { mode, value }) => {
    if (mode === 'set') return value
    if (mode === 'add') return s + value
    if (mode === 'maximum') return range?.max ?? top
    if (mode === 'max(s_X)') return paperMaximum
    if (mode === 'minimum') return range?.min ?? 0
    return range ? quantile(range, value) : s
  }, start)
}

const KNOWN = [1, 5, 15, 50, 85, 95, 99] as const

/** Between the quantiles that the checkpoint knows, a straight line. */
function quantile({ min, max, quantiles: { q01, q05, q15, q50, q85, q95, q99 } }: PrototypeRange, share: number): number {
  const x = [0, ...KNOWN.map(percent => percent / 100), 1]
  const y = [min, q01, q05, q15, q50, q85, q95, q99, max]
  const at = Math.min(
    x.length - 2,
    Math.max(
      0,
      x.findLastIndex(known => known <= share),
    ),
  )
  return y[at] + ((y[at + 1] - y[at]) * (share - x[at])) / (x[at + 1] - x[at])
}

/**
 * `text` with prototype `index` set to `value`, or untouched by any line when `value` is undefined. One line is left per prototype,
 * where its last one stood, remark kept; the order of the others stays.
 */
export function writeEdit(text: string, index: number, value: number | undefined): string {
  const lines = text.split('\n')
  const isOwn = (line: string) => readLine(line)?.prototype === index
  const last = lines.findLastIndex(isOwn)
  const remark = last < 0 ? undefined : LINE.exec(lines[last])?.[4]
  const kept = lines.flatMap((line, i) =>
    !isOwn(line) ? [line] : i === last && value !== undefined ? [formatEdit(index, value, remark)] : [],
  )
  if (last >= 0 || value === undefined) return kept.join('\n')
  while (kept.at(-1)?.trim() === '') kept.pop()
  return [...kept, formatEdit(index, value)].join('\n')
}

/** `text` without any edit; remarks on lines of their own stay. */
export const clearEdits = (text: string): string =>
  text
    .split('\n')
    .filter(line => !readLine(line) && line.trim() !== '')
    .join('\n')

/** Four decimals are finer than a slider and than any visible difference. */
const formatEdit = (index: number, value: number, remark?: string): string =>
  `${index} = ${Number(value.toFixed(4))}${remark ? ` ${remark}` : ''}`
