/** Forest plots: a point and its interval in every row, around a line that means "no effect". Sizes in pixels. */
import { fixedDigitsOf } from '../digits.ts'
import {
  axisOf,
  bottomAxis,
  drawing,
  fit,
  groupsOf,
  legend,
  marker,
  noData,
  px,
  ruleUp,
  strokeOf,
  text,
  textWidth,
  type Area,
  type Axis,
} from './draw.ts'

export type Interval = {
  readonly name: string
  /** Rows of one name and several groups stand together; groups differ in colour and shape. */
  readonly group?: string
  /** `null` where it does not exist. */
  readonly mean: number | null
  readonly low: number | null
  readonly high: number | null
}

export type Intervals = {
  readonly title: string
  /** What is measured, with its unit. */
  readonly x: { readonly label: string }
  readonly rows: readonly Interval[]
  /** Where the line of no effect stands; default 0, none for `null`. */
  readonly reference?: number | null
}

const rowHeight = 18
const gap = 8
const plotWidth = 400

const isNumber = (value: number | null): value is number => value !== null && Number.isFinite(value)

export function intervalsSvg({ title, x, rows, reference = 0 }: Intervals): string {
  const numbers = rows.flatMap(({ mean, low, high }) => [mean, low, high]).filter(isNumber)
  if (numbers.length === 0) return noData(title)
  const names = [...new Set(rows.map(({ name }) => name))]
  const groups = groupsOf(rows)
  const format = fixedDigitsOf(numbers)
  const told = rows.map(row => said(row, format))
  const nameWidth = Math.min(240, Math.max(...names.map(name => textWidth(name))))
  const left = 16 + nameWidth + 14
  const right = left + plotWidth
  const key = legend(groups, { left, right, top: 40 })
  const top = 48 + key.height
  const area: Area = { left, right, top, bottom: top + rows.length * rowHeight + names.length * gap }
  const axis = axisOf(reference === null ? numbers : [reference, ...numbers], [left, right], 6)
  const parts = [
    ...key.parts,
    ...bottomAxis(axis, area, x.label, true),
    ...(reference === null ? [] : [ruleUp(axis.to(reference), top, area.bottom, true)]),
  ]
  let y = top
  for (const name of names) {
    const own = rows.flatMap((row, i) => (row.name === name ? [i] : []))
    const height = own.length * rowHeight + gap
    parts.push(text(left - 12, y + height / 2 + 4, fit(name, nameWidth), 'text-anchor="end"'))
    own.forEach((row, k) => {
      const middle = y + gap / 2 + (k + 0.5) * rowHeight
      parts.push(...rowOf(rows[row], groups.indexOf(rows[row].group ?? ''), middle, axis))
      parts.push(text(right + 14, middle + 4, told[row], 'class="muted" fill="#555" font-size="11"'))
    })
    y += height
  }
  return drawing(right + 28 + Math.max(...told.map(line => textWidth(line, 11))), area.bottom + 54, title, parts)
}

/** The numbers of a row in words: "0.12 [0.05, 0.19]". */
function said({ mean, low, high }: Interval, format: (value: number) => string): string {
  const shown = (value: number | null) => (isNumber(value) ? format(value) : '–')
  return isNumber(low) || isNumber(high) ? `${shown(mean)} [${shown(low)}, ${shown(high)}]` : shown(mean)
}

function rowOf({ mean, low, high }: Interval, group: number, y: number, { to }: Axis): string[] {
  const whisker =
    isNumber(low) && isNumber(high)
      ? [
          `<path d="M${px(to(low))},${px(y)}H${px(to(high))}M${px(to(low))},${px(y - 4)}v8M${px(to(high))},${px(y - 4)}v8" fill="none" ${strokeOf(group)} stroke-width="1.6"/>`,
        ]
      : []
  return [...whisker, ...(isNumber(mean) ? [marker(group, to(mean), y)] : [])]
}
