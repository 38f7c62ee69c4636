/** Line plots as SVG text: figures for clients that only show pictures, and for papers. Sizes in pixels. */

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

/** Okabe & Ito: eight colours that colour-blind readers can tell apart; yellow, which vanishes on white, left out. */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000']

const size = { width: 720, height: 420, left: 64, right: 20, top: 44, bottom: 56 }
const rowHeight = 20

/** A whole SVG document on white. Series with one name (a curve and its dashed control) share a colour. */
export function plotSvg(plot: LinePlot): string {
  const names = [...new Set(plot.series.map(({ name }) => name.replace(/ \(.*\)$/, '')))]
  const colorOf = (name: string) => colors[names.indexOf(name.replace(/ \(.*\)$/, '')) % colors.length]
  const columns = 2
  const legendRows = Math.ceil(plot.series.length / columns)
  const height = size.height + 10 + legendRows * rowHeight
  const to = scales(plot)
  const parts = [
    `<rect width="${size.width}" height="${height}" fill="#fff"/>`,
    text(size.left, 26, plot.title, 'font-size="16" font-weight="600"'),
    ...axes(plot, to),
    ...plot.series.flatMap(series => (series.band ? [band(plot.x.values, series.y, series.band, colorOf(series.name), to)] : [])),
    ...plot.series.map(({ name, y, dashed }) => line(plot.x.values, y, colorOf(name), dashed, to)),
    ...(plot.marks ?? []).map((mark, i) => markLine(mark, i, to)),
    ...plot.series.map(({ name, dashed }, i) => {
      const x = size.left + (i % columns) * 320
      const y = size.height + 10 + Math.floor(i / columns) * rowHeight
      return `${stroke(`M${x},${y - 4}h22`, colorOf(name), dashed)}${text(x + 28, y, shorten(name, 44))}`
    }),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${height}" viewBox="0 0 ${size.width} ${height}"`,
    ` font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#222">${parts.join('')}</svg>`,
  ].join('')
}

type Scales = {
  readonly x: (value: number) => number
  readonly y: (value: number) => number
  readonly yTicks: number[]
  readonly xTicks: number[]
}

function scales({ x, series }: LinePlot): Scales {
  const finite = series
    .flatMap(({ y, band }) => y.flatMap((value, i) => [value - (band?.[i] ?? 0), value + (band?.[i] ?? 0)]))
    .filter(Number.isFinite)
  const yTicks = ticks(Math.min(0, ...finite), Math.max(0, ...finite), 6)
  const [xMin, xMax] = [Math.min(...x.values), Math.max(...x.values)]
  const [yMin, yMax] = [yTicks[0], yTicks[yTicks.length - 1]]
  const along = (value: number, from: number, upTo: number) => (value - from) / (upTo - from || 1)
  const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom }
  return {
    x: value => size.left + (x.reverse ? 1 - along(value, xMin, xMax) : along(value, xMin, xMax)) * inner.width,
    y: value => size.top + (1 - along(value, yMin, yMax)) * inner.height,
    yTicks,
    xTicks: ticks(xMin, xMax, 8).filter(value => value >= xMin && value <= xMax),
  }
}

/** Round numbers, about `count` of them, from at or below `min` to at or above `max`. */
export function ticks(min: number, max: number, count: number): number[] {
  const span = max - min || Math.abs(max) || 1
  const rough = span / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(step => step >= rough * 0.999) ?? rough
  const [first, last] = [Math.floor(min / step + 1e-9), Math.ceil(max / step - 1e-9)]
  return Array.from({ length: Math.max(2, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

function axes({ x, y }: LinePlot, to: Scales): string[] {
  const [left, right, bottom] = [size.left, size.width - size.right, size.height - size.bottom]
  return [
    ...to.yTicks.map(value => {
      const zero = value === 0 ? '#999' : '#e4e4e4'
      return `<path d="M${left},${px(to.y(value))}H${right}" stroke="${zero}"/>${text(left - 8, to.y(value) + 4, String(value), 'text-anchor="end"')}`
    }),
    ...to.xTicks.map(value => text(to.x(value), bottom + 18, String(value), 'text-anchor="middle"')),
    text((left + right) / 2, bottom + 38, x.label, 'text-anchor="middle"'),
    text(0, 0, y.label, `text-anchor="middle" transform="translate(18 ${(size.top + bottom) / 2}) rotate(-90)"`),
  ]
}

const px = (value: number): string => value.toFixed(1)

/** The points that are numbers, in pixels. */
const points = (x: readonly number[], y: readonly number[], to: Scales): string[] =>
  x.flatMap((value, i) => (Number.isFinite(y[i]) ? [`${px(to.x(value))},${px(to.y(y[i]))}`] : []))

const stroke = (d: string, color: string, dashed = false): string =>
  `<path d="${d}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"${dashed ? ' stroke-dasharray="5 4" opacity="0.7"' : ''}/>`

function line(x: readonly number[], y: readonly number[], color: string, dashed: boolean | undefined, to: Scales): string {
  const found = points(x, y, to)
  return found.length > 0 ? stroke(`M${found.join('L')}`, color, dashed) : ''
}

function band(x: readonly number[], y: readonly number[], width: readonly number[], color: string, to: Scales): string {
  const edge = (sign: number) =>
    points(
      x,
      y.map((value, i) => value + sign * width[i]),
      to,
    )
  const around = [...edge(1), ...edge(-1).reverse()]
  return around.length > 2 ? `<path d="M${around.join('L')}Z" fill="${color}" opacity="0.14"/>` : ''
}

/** Labels of neighbouring marks stand on different lines. */
function markLine({ x, label }: { readonly x: number; readonly label: string }, index: number, to: Scales): string {
  const at = to.x(x)
  const isRight = at > size.width - 140
  const side = `text-anchor="${isRight ? 'end' : 'start'}" fill="#555"`
  return `<path d="M${px(at)},${size.top}V${size.height - size.bottom}" stroke="#555" stroke-dasharray="2 3"/>${text(at + (isRight ? -4 : 4), size.top + 12 + (index % 4) * 15, label, side)}`
}

/** At most `length` characters. */
export const shorten = (value: string, length: number): string =>
  value.length > length ? `${value.slice(0, length - 1)}…` : value

/** Text from outside (prototype names) becomes text, never markup; characters XML cannot hold are dropped. */
export const text = (x: number, y: number, value: string, attributes = ''): string =>
  `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escapeXml(value)}</text>`

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

export const escapeXml = (value: string): string =>
  value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '').replace(/[&<>"']/g, letter => entities[letter])
