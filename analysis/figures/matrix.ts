/** Heat matrices: attribute pairs, or hundreds of prototypes against timesteps. Sizes in pixels. */
import { fixedDigitsOf } from '../digits.ts'
import { colorScale, type ColorScale } from './color-scale.ts'
import { drawing, fit, noData, px, text, textWidth, tickText, ticks, type Area } from './draw.ts'

export type Matrix = {
  readonly title: string
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  /** What rows and columns are. */
  readonly rowLabel?: string
  readonly columnLabel?: string
  /** One list a row; `null` is a value that does not exist, and is hatched. */
  readonly values: readonly (readonly (number | null)[])[]
  /** What the numbers are, with their unit. */
  readonly label: string
  /** `diverging` for signed values (white is 0), `sequential` for the others. */
  readonly colors: 'diverging' | 'sequential'
  /** Values at the ends of the colours; default those that hold all numbers. */
  readonly limits?: readonly [low: number, high: number]
  /** Writes the numbers into the cells; default where they fit. */
  readonly numbers?: boolean
}

type Grid = Area & { readonly cell: readonly [width: number, height: number] }

const labelSize = 11
/** Labels closer than this could not be told apart: only every so many is written. */
const labelSpacing = 13
const hatchSpacing = 6
const slant = Math.PI / 4

const isNumber = (value: number | null | undefined): value is number => typeof value === 'number' && Number.isFinite(value)

export function matrixSvg(matrix: Matrix): string {
  const numbers = matrix.values.flat().filter(isNumber)
  if (numbers.length === 0 || matrix.rows.length === 0 || matrix.columns.length === 0) return noData(matrix.title)
  const scale = colorScale(numbers, matrix.colors, matrix.limits)
  const format = fixedDigitsOf(numbers)
  const widest = Math.max(...numbers.map(value => textWidth(format(value), labelSize)))
  const cell = cellOf(matrix, widest)
  const isWritten = matrix.numbers ?? (cell[0] >= widest + 6 && cell[1] >= 16)
  const above = columnLabels(matrix, cell[0])
  const rowWidth = Math.min(220, Math.max(...matrix.rows.map(name => textWidth(name, labelSize))))
  // Whole pixels: cells between two pixels would leave seams.
  const left = Math.ceil(16 + (matrix.rowLabel ? 18 : 0) + rowWidth + 8)
  const top = Math.ceil(44 + (matrix.columnLabel ? 18 : 0) + above.height)
  const grid: Grid = {
    cell,
    left,
    top,
    right: left + matrix.columns.length * cell[0],
    bottom: top + matrix.rows.length * cell[1],
  }
  const barLeft = grid.right + Math.max(24, above.overhang + 8)
  const hasHoles =
    matrix.values.some(row => matrix.columns.some((_, c) => !isNumber(row[c]))) || matrix.values.length < matrix.rows.length
  const bar = colorBar(
    scale,
    matrix.label,
    { left: barLeft, top, height: Math.min(260, Math.max(120, grid.bottom - top)) },
    hasHoles,
  )
  const parts = [
    ...cells(matrix, grid, scale),
    ...(isWritten ? cellNumbers(matrix, grid, scale, format) : []),
    ...above.parts(grid),
    ...rowLabels(matrix, grid, rowWidth),
    ...bar.parts,
  ]
  return drawing(bar.right, Math.max(grid.bottom + 16, bar.bottom), matrix.title, parts)
}

/** Few cells are large enough for their numbers, many as thin as they must be. */
function cellOf({ rows, columns, numbers }: Matrix, widest: number): [width: number, height: number] {
  const roomy = numbers ?? (columns.length <= 12 && rows.length <= 24)
  const width = roomy ? Math.max(44, Math.ceil(widest) + 10) : Math.max(3, Math.min(36, Math.floor(600 / columns.length)))
  const height = roomy ? 26 : Math.max(3, Math.min(20, Math.floor(900 / rows.length)))
  return [width, height]
}

/** All cells of one colour are one shape: a strip of 500 × 50 stays a small file. They overlap a little, so that no seam shows when scaled. */
function cells({ rows, columns, values }: Matrix, { left, top, cell: [w, h] }: Grid, { color }: ColorScale): string[] {
  const shapes = new Map<string, string[]>()
  const hatched: string[] = []
  rows.forEach((_, r) =>
    columns.forEach((_, c) => {
      const [x, y, value] = [left + c * w, top + r * h, values[r]?.[c]]
      if (!isNumber(value)) return void hatched.push(hatch(x, y, w, h))
      const fill = color(value)
      const shape = shapes.get(fill) ?? []
      shape.push(`M${px(x)},${px(y)}h${w + 0.3}v${h + 0.3}h${-w - 0.3}z`)
      shapes.set(fill, shape)
    }),
  )
  return [
    ...[...shapes].map(([fill, shape]) => `<path d="${shape.join('')}" fill="${fill}" shape-rendering="crispEdges"/>`),
    ...(hatched.length ? [`<path class="axis" d="${hatched.join('')}" stroke="#888" stroke-width="0.7"/>`] : []),
  ]
}

/** Slanted lines over a cell, going on from one cell to the next. */
function hatch(x: number, y: number, w: number, h: number): string {
  const lines: string[] = []
  for (let c = Math.ceil((x + y) / hatchSpacing) * hatchSpacing; c < x + y + w + h; c += hatchSpacing) {
    const [from, to] = [Math.max(x, c - y - h), Math.min(x + w, c - y)]
    lines.push(`M${px(from)},${px(c - from)}L${px(to)},${px(c - to)}`)
  }
  return lines.join('')
}

function cellNumbers(
  { rows, columns, values }: Matrix,
  { left, top, cell: [w, h] }: Grid,
  { isLight }: ColorScale,
  format: (value: number) => string,
): string[] {
  return rows.flatMap((_, r) =>
    columns.flatMap((_, c) => {
      const value = values[r]?.[c]
      if (!isNumber(value)) return []
      const look = `font-size="${labelSize}" text-anchor="middle" fill="${isLight(value) ? '#1a1a1a' : '#fff'}"`
      return [text(left + (c + 0.5) * w, top + (r + 0.5) * h + 4, format(value), look)]
    }),
  )
}

function rowLabels({ rows, rowLabel }: Matrix, { left, top, bottom, cell: [, h] }: Grid, width: number): string[] {
  const every = Math.ceil(labelSpacing / h)
  return [
    ...rows.flatMap((name, r) =>
      r % every
        ? []
        : [text(left - 6, top + (r + 0.5) * h + 4, fit(name, width, labelSize), `font-size="${labelSize}" text-anchor="end"`)],
    ),
    ...(rowLabel
      ? [
          text(
            0,
            0,
            fit(rowLabel, Math.max(60, bottom - top)),
            `text-anchor="middle" transform="translate(22 ${px((top + bottom) / 2)}) rotate(-90)"`,
          ),
        ]
      : []),
  ]
}

/** Labels above their columns: level where all fit, or where numbers can be thinned out; else slanted. */
function columnLabels(
  { columns, columnLabel }: Matrix,
  w: number,
): { height: number; overhang: number; parts(grid: Grid): string[] } {
  const longest = Math.max(...columns.map(name => textWidth(name, labelSize)))
  const isLevel = longest + 4 <= w || columns.every(name => /^[\d.,\u2212-]+$/.test(name))
  const every = Math.ceil((isLevel ? longest + 10 : labelSpacing) / w)
  const length = Math.min(180, longest)
  const name = ({ left, right, top }: Grid, height: number) =>
    columnLabel ? [text((left + right) / 2, top - height - 8, fit(columnLabel, right - left + 80), 'text-anchor="middle"')] : []
  const height = isLevel ? 16 : Math.sin(slant) * length + 14
  return {
    height,
    overhang: isLevel ? longest / 2 : Math.max(0, Math.cos(slant) * length - w / 2),
    parts: grid => [
      ...name(grid, height),
      ...columns.flatMap((label, c) => {
        if (c % every) return []
        const [x, y] = [grid.left + (c + 0.5) * w, grid.top - 6]
        if (isLevel) return [text(x, y, label, `font-size="${labelSize}" text-anchor="middle"`)]
        return [
          text(
            0,
            0,
            fit(label, length, labelSize),
            `font-size="${labelSize}" transform="translate(${px(x)} ${px(y)}) rotate(-45)"`,
          ),
        ]
      }),
    ],
  }
}

type Place = { readonly left: number; readonly top: number; readonly height: number }

/** What the colours mean, and what hatching means where there is any. */
function colorBar(
  scale: ColorScale,
  label: string,
  { left, top, height }: Place,
  hasHoles: boolean,
): { parts: string[]; right: number; bottom: number } {
  const { low, high, color } = scale
  const [width, steps] = [14, 64]
  const bottom = top + height
  const marks = ticks(low, high, 5).filter(value => value >= low && value <= high)
  const at = (value: number) => bottom - ((value - low) / (high - low || 1)) * height
  const numbersRight = left + width + 8 + Math.max(...marks.map(value => textWidth(tickText(value), labelSize)))
  const labelX = numbersRight + 20
  const holes = bottom + 14
  return {
    parts: [
      ...Array.from({ length: steps }, (_, i) => {
        const y = bottom - ((i + 1) / steps) * height
        return `<rect x="${px(left)}" y="${px(y)}" width="${width}" height="${px(height / steps + 0.5)}" fill="${color(low + ((i + 0.5) / steps) * (high - low))}"/>`
      }),
      ...marks.map(
        value =>
          `<path class="axis" d="M${px(left + width)},${px(at(value))}h4" stroke="#888"/>${text(left + width + 7, at(value) + 4, tickText(value), `font-size="${labelSize}"`)}`,
      ),
      text(
        0,
        0,
        fit(label, height + 60),
        `text-anchor="middle" transform="translate(${px(labelX)} ${px((top + bottom) / 2)}) rotate(-90)"`,
      ),
      ...(hasHoles
        ? [
            `<path class="axis" d="${hatch(left, holes, width, width)}" stroke="#888" stroke-width="0.7"/>`,
            text(left + width + 7, holes + 11, 'no value', `class="muted" fill="#555" font-size="${labelSize}"`),
          ]
        : []),
    ],
    right: Math.max(labelX, hasHoles ? left + width + 60 : 0) + 14,
    bottom: holes + (hasHoles ? 26 : 0),
  }
}
