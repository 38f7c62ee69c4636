/** Line plots: curves over a common x axis. Sizes in pixels. */
import {
  axisOf,
  bottomAxis,
  colors,
  drawing,
  fillOf,
  fit,
  leftAxis,
  noData,
  px,
  spanOf,
  strokeOf,
  text,
  type Area,
  type Axis,
} from './draw.ts'

/** Curves over a common x axis; `band` is ± around y. */
export type LinePlot = {
  readonly title: string
  readonly x: { readonly label: string; readonly values: readonly number[]; readonly reverse?: boolean }
  readonly y: { readonly label: string }
  readonly series: readonly {
    readonly name: string
    readonly y: readonly number[]
    readonly band?: readonly number[]
    readonly dashed?: boolean
  }[]
  readonly marks?: readonly { readonly x: number; readonly label: string }[]
}

type Series = LinePlot['series'][number]
type Axes = { readonly x: Axis; readonly y: Axis }

const width = 720
const area: Area = { left: 64, right: width - 20, top: 44, bottom: 364 }
const legendTop = area.bottom + 66
const rowHeight = 20
const legendColumns = 2

/** A whole SVG document. Series with one name (a curve and its dashed control) share a colour. */
export function plotSvg(plot: LinePlot): string {
  const { title, x, y, series, marks = [] } = plot
  const limits = series.flatMap(({ y, band }) => y.flatMap((value, i) => [value - (band?.[i] ?? 0), value + (band?.[i] ?? 0)]))
  if (!spanOf(x.values) || !spanOf(limits)) return noData(title)
  const axes: Axes = {
    x: axisOf(x.values, x.reverse ? [area.right, area.left] : [area.left, area.right], 8, true),
    y: axisOf([0, ...limits], [area.bottom, area.top], 6),
  }
  const names = [...new Set(series.map(plainName))]
  const colorOf = (one: Series) => names.indexOf(plainName(one)) % colors.length
  const parts = [
    ...leftAxis(axes.y, area, y.label),
    ...bottomAxis(axes.x, area, x.label),
    ...series.flatMap(one => (one.band ? [band(x.values, one.y, one.band, colorOf(one), axes)] : [])),
    ...series.map(one => line(x.values, one.y, colorOf(one), one.dashed, axes)),
    ...marks.flatMap((mark, i) => (Number.isFinite(mark.x) ? [markLine(mark, i, axes.x)] : [])),
    ...series.map((one, i) => legendEntry(one, i, colorOf(one))),
  ]
  return drawing(width, legendTop + Math.ceil(series.length / legendColumns) * rowHeight, title, parts, area.left)
}

const plainName = ({ name }: Series): string => name.replace(/ \(.*\)$/, '')

function legendEntry({ name, dashed }: Series, index: number, color: number): string {
  const x = area.left + (index % legendColumns) * 320
  const y = legendTop + Math.floor(index / legendColumns) * rowHeight
  return stroke(`M${x},${y - 4}h22`, color, dashed) + text(x + 28, y, fit(name, 280))
}

/** The points that are numbers, in pixels. */
const points = (x: readonly number[], y: readonly number[], to: Axes): string[] =>
  x.flatMap((value, i) => (Number.isFinite(y[i]) && Number.isFinite(value) ? [`${px(to.x.to(value))},${px(to.y.to(y[i]))}`] : []))

const stroke = (d: string, color: number, dashed = false): string =>
  `<path d="${d}" fill="none" ${strokeOf(color)} stroke-width="2" stroke-linejoin="round"${dashed ? ' stroke-dasharray="5 4" opacity="0.7"' : ''}/>`

function line(x: readonly number[], y: readonly number[], color: number, dashed: boolean | undefined, to: Axes): string {
  const found = points(x, y, to)
  return found.length > 0 ? stroke(`M${found.join('L')}`, color, dashed) : ''
}

function band(x: readonly number[], y: readonly number[], width: readonly number[], color: number, to: Axes): string {
  const edge = (sign: number) =>
    points(
      x,
      y.map((value, i) => value + sign * width[i]),
      to,
    )
  const around = [...edge(1), ...edge(-1).reverse()]
  return around.length > 2 ? `<path d="M${around.join('L')}Z" ${fillOf(color)} opacity="0.14"/>` : ''
}

/** Labels of neighbouring marks stand on different lines. */
function markLine({ x, label }: { readonly x: number; readonly label: string }, index: number, to: Axis): string {
  const at = to.to(x)
  const isRight = at > width - 140
  const side = `class="muted" text-anchor="${isRight ? 'end' : 'start'}" fill="#555"`
  return [
    `<path class="axis" d="M${px(at)},${area.top}V${area.bottom}" stroke="#555" stroke-dasharray="2 3"/>`,
    text(at + (isRight ? -4 : 4), area.top + 12 + (index % 4) * 15, fit(label, 130), side),
  ].join('')
}
