/** Histograms over equal bins, with marks such as quantiles. Sizes in pixels. */
import {
  axisOf,
  bottomAxis,
  drawing,
  fillOf,
  fit,
  leftAxis,
  noData,
  px,
  spanOf,
  text,
  textWidth,
  type Area,
  type Axis,
} from './draw.ts'

export type Histogram = {
  readonly title: string
  readonly x: { readonly label: string }
  /** Counts of equal bins from `min` to `max`. */
  readonly min: number
  readonly max: number
  readonly counts: readonly number[]
  /** What is counted. */
  readonly y: { readonly label: string }
  readonly marks?: readonly { readonly x: number; readonly label: string }[]
  /** Small ones stand side by side. */
  readonly size?: 'full' | 'small'
}

const markHeight = 13

export function histogramSvg({ title, x, y, min, max, counts, marks = [], size = 'full' }: Histogram): string {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (!(total > 0) || !Number.isFinite(total) || !spanOf([min, max]) || !(max >= min)) return noData(title)
  const isSmall = size === 'small'
  const [width, height] = isSmall ? [288, 110] : [720, 260]
  const [left, right] = [isSmall ? 56 : 72, width - 16]
  const across = axisOf([min, max], [left, right], isSmall ? 4 : 8, true)
  const placed = placeMarks(marks, across, { left, right }, isSmall ? 1 : 2)
  const top = 44 + (placed.length ? 4 + markHeight * Math.max(1, ...placed.map(({ row }) => row + 1)) : 0)
  const area: Area = { left, right, top, bottom: top + height }
  const along = axisOf([0, ...counts], [area.bottom, area.top], isSmall ? 3 : 5)
  const parts = [
    ...leftAxis(along, area, y.label),
    `<path d="${bars(counts, [across.to(min), across.to(max)], along, area.bottom)}" ${fillOf(0)}/>`,
    ...bottomAxis(across, area, x.label),
    ...placed.map(mark => markLine(mark, area)),
  ]
  return drawing(width, area.bottom + 50, title, parts, isSmall ? 16 : left)
}

/** One bar a bin; where all values are the same, one bar in all. */
function bars(counts: readonly number[], [from, upTo]: readonly [number, number], along: Axis, bottom: number): string {
  const step = (upTo - from) / counts.length
  const isOne = upTo - from < 1
  const heights = isOne ? [counts.reduce((sum, count) => sum + count, 0)] : counts
  return heights
    .map((count, i) => {
      const [start, width] = isOne ? [from - 3, 6] : [from + i * step, Math.max(0.5, step - 1)]
      return count > 0 ? `M${px(start)},${px(bottom)}V${px(along.to(count))}h${px(width)}V${px(bottom)}z` : ''
    })
    .join('')
}

type PlacedMark = { readonly at: number; readonly label: string; readonly row: number }

/** Marks inside the plot, from the left; row -1 for a label that would cover others in every row. */
function placeMarks(
  marks: NonNullable<Histogram['marks']>,
  { to }: Axis,
  { left, right }: { left: number; right: number },
  rows: number,
): PlacedMark[] {
  const ends = Array.from({ length: rows }, () => -Infinity)
  return marks
    .flatMap(({ x, label }) => (Number.isFinite(x) ? [{ at: to(x), label: fit(label, 120, 10) }] : []))
    .filter(({ at }) => at >= left - 1 && at <= right + 1)
    .sort((a, b) => a.at - b.at)
    .map(({ at, label }) => {
      const half = textWidth(label, 10) / 2
      const row = ends.findIndex(end => at - half > end + 3)
      if (row >= 0) ends[row] = at + half
      return { at, label, row }
    })
}

function markLine({ at, label, row }: PlacedMark, { top, bottom }: Area): string {
  const line = `<path class="axis" d="M${px(at)},${px(top - 3)}V${px(bottom)}" stroke="#666" stroke-dasharray="3 2"/>`
  const look = 'class="muted" fill="#555" font-size="10" text-anchor="middle"'
  return row < 0 ? line : line + text(at, top - 7 - row * markHeight, label, look)
}
