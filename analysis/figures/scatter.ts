/** Scatter plots with labels, error bars and a fitted line. Sizes in pixels. */
import {
  axisOf,
  bottomAxis,
  drawing,
  fit,
  groupsOf,
  leftAxis,
  legend,
  marker,
  noData,
  px,
  spanOf,
  strokeOf,
  text,
  textWidth,
  type Area,
  type Axis,
} from './draw.ts'
import { placeLabels } from './label-places.ts'

export type Point = {
  readonly x: number
  readonly y: number
  readonly label?: string
  /** Groups differ in colour and shape. */
  readonly group?: string
  /** Ends of the interval around x or y. */
  readonly xInterval?: readonly [low: number, high: number]
  readonly yInterval?: readonly [low: number, high: number]
}

export type Scatter = {
  readonly title: string
  readonly x: { readonly label: string }
  readonly y: { readonly label: string }
  readonly points: readonly Point[]
  /** y = slope·x + intercept, across the plot. */
  readonly line?: { readonly slope: number; readonly intercept: number }
  /** What was found, for example "r = 0.62 [0.41, 0.77], 50 prototypes". */
  readonly note?: string
}

type Axes = { readonly x: Axis; readonly y: Axis }

const width = 720
const labelSize = 11

export function scatterSvg({ title, x, y, points, line, note }: Scatter): string {
  const shown = points.filter(point => Number.isFinite(point.x) && Number.isFinite(point.y))
  const [across, along] = (['x', 'y'] as const).map(key =>
    shown.flatMap(point => [point[key], ...(point[`${key}Interval`] ?? [])]),
  )
  if (!spanOf(across) || !spanOf(along)) return noData(title)
  const groups = groupsOf(shown)
  const key = legend(groups, { left: 72, right: width - 20, top: 40 })
  const top = 44 + key.height + (note ? 18 : 0)
  const area: Area = { left: 72, right: width - 20, top, bottom: top + 400 }
  const axes: Axes = { x: axisOf(across, [area.left, area.right], 8), y: axisOf(along, [area.bottom, area.top], 6) }
  const parts = [
    ...key.parts,
    ...(note ? [text(area.left, top - 10, fit(note, area.right - area.left), 'class="muted" fill="#555"')] : []),
    ...leftAxis(axes.y, area, y.label),
    ...bottomAxis(axes.x, area, x.label, true),
    ...(line ? [fittedLine(line, axes, area)] : []),
    ...shown.flatMap(point => whiskers(point, groups.indexOf(point.group ?? ''), axes)),
    ...shown.map(point => marker(groups.indexOf(point.group ?? ''), axes.x.to(point.x), axes.y.to(point.y))),
    ...labels(shown, axes, area),
  ]
  return drawing(width, area.bottom + 54, title, parts, area.left)
}

function whiskers({ x, y, xInterval, yInterval }: Point, group: number, to: Axes): string[] {
  const look = `fill="none" ${strokeOf(group)} stroke-width="1.2" opacity="0.6"`
  const [atX, atY] = [px(to.x.to(x)), px(to.y.to(y))]
  return [
    ...(xInterval?.every(Number.isFinite)
      ? [`<path d="M${px(to.x.to(xInterval[0]))},${atY}H${px(to.x.to(xInterval[1]))}" ${look}/>`]
      : []),
    ...(yInterval?.every(Number.isFinite)
      ? [`<path d="M${atX},${px(to.y.to(yInterval[0]))}V${px(to.y.to(yInterval[1]))}" ${look}/>`]
      : []),
  ]
}

/** The part of the line that lies inside the plot; '' when none does. */
function fittedLine({ slope, intercept }: { slope: number; intercept: number }, { x, y }: Axes, area: Area): string {
  // The axes are linear, so two points decide the line in pixels.
  const [from, to] = [x.ticks[0], x.ticks[x.ticks.length - 1]]
  const ends = [from, to].map(value => ({ x: x.to(value), y: y.to(slope * value + intercept) }))
  if (!ends.every(end => Number.isFinite(end.y)) || ends[0].x === ends[1].x) return ''
  const rise = (ends[1].y - ends[0].y) / (ends[1].x - ends[0].x)
  const at = (pixel: number) => ends[0].y + rise * (pixel - ends[0].x)
  const crossings = rise === 0 ? [] : [area.top, area.bottom].map(edge => ends[0].x + (edge - ends[0].y) / rise)
  const inside = [area.left, area.right, ...crossings]
    .filter(
      pixel =>
        pixel >= area.left - 0.05 &&
        pixel <= area.right + 0.05 &&
        at(pixel) >= area.top - 0.05 &&
        at(pixel) <= area.bottom + 0.05,
    )
    .sort((a, b) => a - b)
  if (inside.length < 2) return ''
  const [first, last] = [inside[0], inside[inside.length - 1]]
  return `<path class="axis" d="M${px(first)},${px(at(first))}L${px(last)},${px(at(last))}" stroke="#666" stroke-width="1.5" stroke-dasharray="6 4"/>`
}

function labels(points: readonly Point[], to: Axes, area: Area): string[] {
  const at = ({ x, y }: Point) => ({ x: to.x.to(x), y: to.y.to(y) })
  const named = points.flatMap(point => (point.label ? [{ point, label: fit(point.label, 140, labelSize) }] : []))
  const wanted = named.map(({ point, label }) => ({ ...at(point), width: textWidth(label, labelSize), height: labelSize + 3 }))
  const found = placeLabels(wanted, points.map(at), area)
  return named.map(({ label }, i) => text(found[i].x, found[i].y, label, `font-size="${labelSize}"`))
}
