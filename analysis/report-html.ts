/** A report as one page that needs nothing else: no script, no address outside, everything from outside escaped. */
import { digitsOf } from './digits.ts'
import { enlargement } from './overlay.ts'
import { escapeXml } from './figures/draw.ts'
import { reportStyle } from './report-style.ts'
import type { Figure, Report, Section, Table } from './report.ts'

/** Nothing may be loaded or run: a page made of strangers' names is shown, never obeyed. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

/** Sections from which on a reader wants to jump. */
const manySections = 4

/** Longer side, in pixels of the page, that small pictures are brought to when a figure does not say. */
const pictureSize = 64

/** Drawings of at most this width stand side by side. */
const smallDrawing = 480

export type PictureFigure = Extract<Figure, { images: unknown }>

/** How a figure of pictures is laid out; sizes in pixels of the page. Every cell has one source pixel of space at its right and below. */
export function layoutOf({ images, columns = images.shape[0], scale }: PictureFigure) {
  const [B, H, W] = images.shape
  const across = Math.max(1, Math.min(columns, B))
  const factor = scale ?? enlargement(images, pictureSize)
  return { columns: across, rows: Math.ceil(B / across), cellWidth: (W + 1) * factor, cellHeight: (H + 1) * factor }
}

/** `pictures` holds, for every figure with images, its sheet (`layoutOf`) as a `data:image/png` URI. */
export function reportHtml(report: Report, pictures: ReadonlyMap<Figure, string>): string {
  const sections = report.sections.map((section, i) => sectionHtml(section, i, pictures))
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeXml(report.title)}</title>`,
    `<style>${reportStyle}</style>`,
    '</head>',
    '<body>',
    '<main>',
    `<h1>${escapeXml(report.title)}</h1>`,
    ...(report.summary.length ? [`<div class="summary">${report.summary.map(paragraph).join('')}</div>`] : []),
    ...(report.sections.length >= manySections ? [contents(report.sections)] : []),
    ...sections,
    ...(report.facts.length ? [facts(report.facts)] : []),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

const paragraph = (text: string): string => `<p>${escapeXml(text)}</p>`

const contents = (sections: readonly Section[]): string =>
  `<nav aria-label="Contents"><ol>${sections
    .map(({ heading }, i) => `<li><a href="#section-${i + 1}">${escapeXml(heading)}</a></li>`)
    .join('')}</ol></nav>`

function sectionHtml({ heading, text, figures, tables }: Section, index: number, pictures: ReadonlyMap<Figure, string>): string {
  return [
    `<section id="section-${index + 1}">`,
    `<h2>${escapeXml(heading)}</h2>`,
    ...(text ?? []).map(paragraph),
    ...(figures ?? []).map(figure => figureHtml(figure, pictures)),
    ...(tables ?? []).map(tableHtml),
    '</section>',
  ].join('\n')
}

function figureHtml(figure: Figure, pictures: ReadonlyMap<Figure, string>): string {
  const title = escapeXml(figure.title)
  // A drawing that bears its title need not say it twice.
  const isTitled = 'svg' in figure && figure.svg.includes(`>${title}<`)
  const said = [...(isTitled ? [] : [`<b>${title}</b>`]), ...(figure.caption ? [escapeXml(figure.caption)] : [])]
  const body = 'svg' in figure ? drawing(figure.svg, title) : pictureGrid(figure, pictures.get(figure))
  const caption = said.length ? `<figcaption>${said.join(' ')}</figcaption>` : ''
  const isSmall = 'svg' in figure && Number(/^<svg[^>]* width="(\d+)"/.exec(figure.svg)?.[1]) <= smallDrawing
  return `<figure${isSmall ? ' class="small"' : ''}><div class="scroll">${body}</div>${caption}</figure>`
}

function drawing(svg: string, title: string): string {
  if (!svg.startsWith('<svg')) throw new Error(`figure "${title}": wanted an SVG document, got "${svg.slice(0, 40)}"`)
  return `<div class="drawing" role="img" aria-label="${title}">${svg}</div>`
}

/** One picture with all cells; the names around it are text, so that they can be read, found and scaled. */
function pictureGrid(figure: PictureFigure, uri: string | undefined): string {
  if (!uri?.startsWith('data:image/png;base64,'))
    throw new Error(`figure "${figure.title}": wanted its pictures as a PNG data URI, got ${uri?.slice(0, 30) ?? 'none'}`)
  const { columns, rows, cellWidth, cellHeight } = layoutOf(figure)
  const { columnLabels = [], rowLabels = [] } = figure
  const labels = [
    ...columnLabels
      .slice(0, columns)
      .map((label, i) => `<span class="column" style="grid-area:1/${i + 2}">${escapeXml(label)}</span>`),
    ...rowLabels
      .slice(0, rows)
      .map((label, i) => `<span class="row" style="grid-row:${i + 2}" title="${escapeXml(label)}">${escapeXml(label)}</span>`),
  ]
  const tracks = `grid-template:auto repeat(${rows},${cellHeight}px)/auto repeat(${columns},${cellWidth}px)`
  const size = `width="${columns * cellWidth}" height="${rows * cellHeight}"`
  const area = `grid-area:2/2/span ${rows}/span ${columns}`
  return `<div class="pictures" style="${tracks}">${labels.join('')}<img ${size} style="${area}" alt="${altOf(figure)}" src="${uri}"></div>`
}

function altOf(figure: PictureFigure): string {
  const { columns, rows } = layoutOf(figure)
  const named = (what: string, labels: readonly string[] | undefined) => (labels?.length ? `; ${what}: ${labels.join(', ')}` : '')
  const names = named('rows', figure.rowLabels) + named('columns', figure.columnLabels)
  return escapeXml(`${figure.title}: ${figure.images.shape[0]} pictures, ${rows} × ${columns}${names}`)
}

function tableHtml({ title, columns, rows }: Table): string {
  const formats = columns.map((_, c) => {
    const numbers = rows.flatMap(row => (typeof row[c] === 'number' ? [row[c]] : []))
    return numbers.length ? digitsOf(numbers) : undefined
  })
  const cell = (tag: 'th' | 'td', content: string, c: number) =>
    `<${tag}${tag === 'th' ? ' scope="col"' : ''}${formats[c] ? ' class="number"' : ''}>${content}</${tag}>`
  const shown = (value: string | number | null, c: number): string =>
    value === null ? '–' : typeof value === 'number' ? (formats[c]?.(value) ?? '–') : escapeXml(value)
  const head = columns.map((name, c) => cell('th', escapeXml(name), c)).join('')
  const body = rows.map(row => `<tr>${row.map((value, c) => cell('td', shown(value, c), c)).join('')}</tr>`)
  return [
    `<div class="scroll table"><table><caption><b>${escapeXml(title)}</b></caption>`,
    `<thead><tr>${head}</tr></thead>`,
    `<tbody>${body.join('\n')}</tbody></table></div>`,
  ].join('\n')
}

const facts = (all: Report['facts']): string =>
  [
    '<section id="facts">',
    '<h2>How to repeat this</h2>',
    `<dl>${all.map(([name, value]) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd>`).join('\n')}</dl>`,
    '</section>',
  ].join('\n')
