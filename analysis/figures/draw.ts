/**
 * What every figure is drawn with. A figure is a whole SVG document, right on white as it stands: a node rasterises it with resvg,
 * which knows no style sheet. Classes (`figure`, `paper`, `muted`, `grid`, `axis`, `s0` … `s6`) let a page give it other colours.
 */

/** Okabe & Ito: eight colours that colour-blind readers can tell apart; yellow, which vanishes on white, left out. */
export const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000']

/** Edges of a plot, in pixels. */
export type Area = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number }

/** `to` puts any finite value somewhere in pixels. */
export type Axis = { readonly ticks: readonly number[]; readonly to: (value: number) => number }

const titleTop = 26

/** A whole SVG document with its title at the top left. */
export function drawing(width: number, height: number, title: string, parts: readonly string[], left = 16): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="figure" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}"`,
    ` font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#222">`,
    `<rect class="paper" width="${w}" height="${h}" fill="#fff"/>`,
    text(left, titleTop, fit(title, w - left - 8, 15), 'font-size="15" font-weight="600"'),
    ...parts,
    '</svg>',
  ].join('')
}

/** What a figure without a single number says. */
export const noData = (title: string): string =>
  drawing(480, 110, title, [text(240, 72, 'no data', 'class="muted" fill="#555" text-anchor="middle"')])

/** A pixel position; a tenth is finer than any screen. */
export const px = (value: number): string => String(Number(value.toFixed(1)))

/** Text from outside (prototype names) becomes text, never markup. `attributes` are ours. */
export const text = (x: number, y: number, value: string, attributes = ''): string =>
  `<text x="${px(x)}" y="${px(y)}"${attributes && ` ${attributes}`}>${escapeXml(value)}</text>`

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** Characters that XML cannot hold are dropped. */
export const escapeXml = (value: string): string =>
  value
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu, '')
    .replace(/[&<>"']/g, letter => entities[letter])

/** Pixels that a text takes, estimated high: DejaVu Sans, the widest of the fonts it may be set in. */
export const textWidth = (value: string, fontSize = 12): number =>
  [...value].reduce((sum, letter) => sum + widthOf(letter), 0) * fontSize

const widthOf = (letter: string): number =>
  letter >= '\u1100' && letter !== '\u2212' && letter !== '…'
    ? 1
    : /[ijl.,:;'|! ]/.test(letter)
      ? 0.35
      : /[mwMW@%]/.test(letter)
        ? 0.98
        : 0.65

/** `value`, cut so that it takes at most `pixels`. */
export function fit(value: string, pixels: number, fontSize = 12): string {
  if (textWidth(value, fontSize) <= pixels) return value
  let cut = ''
  for (const letter of value) {
    if (textWidth(`${cut}${letter}…`, fontSize) > pixels) break
    cut += letter
  }
  return `${cut}…`
}

/** A value that a figure can place: numbers too large or small for arithmetic on them are held back. */
export const placeable = (value: number): number => (Math.abs(value) < 1e-100 ? 0 : Math.min(1e100, Math.max(-1e100, value)))

/** Smallest and largest of the numbers among `values`, apart even when they are all the same; undefined when there are none. */
export function spanOf(values: readonly number[]): [low: number, high: number] | undefined {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values)
    if (Number.isFinite(value)) [low, high] = [Math.min(low, placeable(value)), Math.max(high, placeable(value))]
  if (low > high) return undefined
  const size = Math.max(Math.abs(low), Math.abs(high))
  const half = size > 0 ? size / 4 : 0.5
  return high - low > size * 1e-9 ? [low, high] : [low - half, high + half]
}

/** A linear axis over `values` from pixel `from` to pixel `upTo`, ending at round numbers or, `tight`, where the values do. */
export function axisOf(values: readonly number[], [from, upTo]: readonly [number, number], count: number, tight = false): Axis {
  const [low, high] = spanOf(values) ?? [0, 1]
  const all = ticks(low, high, count)
  const [first, last] = tight ? [low, high] : [all[0], all[all.length - 1]]
  const slack = (last - first) * 1e-9
  return {
    ticks: all.filter(value => value >= first - slack && value <= last + slack),
    to: value => from + ((placeable(value) - first) / (last - first)) * (upTo - from),
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

/** A number beside a tick, with a minus as wide as its digits. */
export const tickText = (value: number): string => String(value).replace('-', '\u2212')

/** Horizontal lines at the ticks with their numbers, and the axis' name up the side. */
export function leftAxis({ ticks, to }: Axis, { left, right, top, bottom }: Area, label: string): string[] {
  const middle = (top + bottom) / 2
  const widest = Math.max(...ticks.map(value => textWidth(tickText(value))))
  return [
    ...ticks.map(
      value =>
        ruleAcross(left, right, to(value), value === 0) + text(left - 8, to(value) + 4, tickText(value), 'text-anchor="end"'),
    ),
    text(
      0,
      0,
      fit(label, bottom - top + 40),
      `text-anchor="middle" transform="translate(${px(Math.max(14, left - widest - 22))} ${px(middle)}) rotate(-90)"`,
    ),
  ]
}

/** Numbers under the ticks and the axis' name below them; `lines` draws a line up from each. */
export function bottomAxis({ ticks, to }: Axis, { left, right, top, bottom }: Area, label: string, lines = false): string[] {
  return [
    ...ticks.map(
      value =>
        (lines ? ruleUp(to(value), top, bottom, value === 0) : '') +
        text(to(value), bottom + 18, tickText(value), 'text-anchor="middle"'),
    ),
    text((left + right) / 2, bottom + 38, fit(label, right - left + 60), 'text-anchor="middle"'),
  ]
}

const rule = (d: string, isZero: boolean): string =>
  `<path class="${isZero ? 'axis' : 'grid'}" d="${d}" stroke="${isZero ? '#888' : '#e4e4e4'}"/>`
const ruleAcross = (left: number, right: number, y: number, isZero: boolean): string =>
  rule(`M${px(left)},${px(y)}H${px(right)}`, isZero)
export const ruleUp = (x: number, top: number, bottom: number, isZero: boolean): string =>
  rule(`M${px(x)},${px(top)}V${px(bottom)}`, isZero)

/** Attributes of a line or a filled shape of series `index`. */
export const strokeOf = (index: number): string =>
  `class="line s${index % colors.length}" stroke="${colors[index % colors.length]}"`
export const fillOf = (index: number): string => `class="fill s${index % colors.length}" fill="${colors[index % colors.length]}"`

/** Shapes that tell groups apart without their colour: disc, square, triangle, diamond. */
export function marker(group: number, x: number, y: number, radius = 4): string {
  const [r, s] = [radius, radius * 0.9]
  if (group % 4 === 0) return `<circle cx="${px(x)}" cy="${px(y)}" r="${px(r)}" ${fillOf(group)}/>`
  const shape = [
    '',
    `M${px(x - s)},${px(y - s)}H${px(x + s)}V${px(y + s)}H${px(x - s)}Z`,
    `M${px(x)},${px(y - r * 1.2)}L${px(x + r * 1.15)},${px(y + r * 0.85)}H${px(x - r * 1.15)}Z`,
    `M${px(x)},${px(y - r * 1.3)}L${px(x + r * 1.3)},${px(y)}L${px(x)},${px(y + r * 1.3)}L${px(x - r * 1.3)},${px(y)}Z`,
  ][group % 4]
  return `<path d="${shape}" ${fillOf(group)}/>`
}

/** The names of groups in rows that end at `right`; one group needs none. */
export function legend(
  names: readonly string[],
  { left, right, top }: Pick<Area, 'left' | 'right' | 'top'>,
): { parts: string[]; height: number } {
  if (names.length < 2) return { parts: [], height: 0 }
  let [x, y] = [left, top + 12]
  const parts = names.flatMap((name, group) => {
    const shown = fit(name, right - left - 24)
    const width = 28 + textWidth(shown)
    if (x > left && x + width > right) [x, y] = [left, y + 20]
    const at = x
    x += width + 12
    return [marker(group, at + 5, y - 4), text(at + 16, y, shown)]
  })
  return { parts, height: y - top + 12 }
}

/** The groups of a figure in order of appearance; things without one share the group ''. */
export const groupsOf = (items: readonly { readonly group?: string }[]): string[] => [
  ...new Set(items.map(({ group = '' }) => group)),
]
