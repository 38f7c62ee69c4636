/** Pictures in rows with words around them: a figure that every client can show. Words are drawn as SVG, pictures are laid into it. */
import { dims, type Tensor } from '../model/tensor.ts'
import { heatColor, heatStops } from './overlay.ts'
import { colored } from './pixels.ts'
import { fit, text, textWidth } from './figures/draw.ts'

/** A picture [1,H,W,C] 0…1, drawn pixel for pixel, and the lines below it. All pictures of a grid have one size. */
export type GridCell = { readonly picture: Tensor; readonly caption: readonly string[] }

export type PictureGrid = {
  readonly title: string
  readonly rows: readonly { readonly label?: string; readonly cells: readonly GridCell[] }[]
  /** Cells a line; longer rows go on in the next. Default: the longest row. */
  readonly columns?: number
  /** What the darkest and the brightest heat colour mean. */
  readonly legend?: { readonly dark: string; readonly bright: string }
}

/** More cells than this would take hundreds of megabytes, and nobody could read them. */
export const mostCells = 512

export function checkCells(count: number): void {
  if (count > mostCells)
    throw new Error(
      `a grid holds at most ${mostCells} pictures, this one would have ${count}; choose fewer pictures or prototypes`,
    )
}

/** Pixels. */
const size = { margin: 16, gap: 12, title: 38, label: 24, line: 16, legend: 30, least: 440 }
const type = { title: 15, label: 13, caption: 11 }

type Placed = { readonly cell: GridCell; readonly x: number; readonly y: number }
type Layout = {
  readonly width: number
  readonly height: number
  readonly cells: readonly Placed[]
  readonly labels: readonly { readonly text: string; readonly y: number }[]
}

function layout({ rows, columns, legend }: PictureGrid): Layout {
  const { W, H } = dims(rows[0].cells[0].picture, '1 H W C')
  const across = columns ?? Math.max(...rows.map(({ cells }) => cells.length))
  const lines = Math.max(...rows.flatMap(({ cells }) => cells.map(({ caption }) => caption.length)))
  const lineHeight = H + lines * size.line + size.gap
  const cells: Placed[] = []
  const labels: { text: string; y: number }[] = []
  let y = size.title + (legend ? size.legend : 0)
  for (const row of rows) {
    if (row.label !== undefined) (labels.push({ text: row.label, y: y + 14 }), (y += size.label))
    row.cells.forEach((cell, i) =>
      cells.push({ cell, x: size.margin + (i % across) * (W + size.gap), y: y + Math.floor(i / across) * lineHeight }),
    )
    y += Math.ceil(row.cells.length / across) * lineHeight
  }
  const width = Math.max(size.least, 2 * size.margin + across * (W + size.gap) - size.gap)
  return { width, height: y + 4, cells, labels }
}

/** The words of a grid as a whole SVG document on white, with its place left for every picture. */
export function gridSvg(grid: PictureGrid): string {
  const { width, height, cells, labels } = layout(grid)
  const room = width - 2 * size.margin
  const parts = [
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(size.margin, 25, fit(grid.title, room, type.title), `font-size="${type.title}" font-weight="600"`),
    ...(grid.legend ? [legendSvg(grid.legend)] : []),
    ...labels.map(label => text(size.margin, label.y, fit(label.text, room, type.label), `font-size="${type.label}"`)),
    ...cells.flatMap(({ cell: { picture, caption }, x, y }) =>
      caption.map((line, i) =>
        text(x, y + picture.shape[1] + 13 + i * size.line, fit(line, picture.shape[2] + size.gap, type.caption), 'fill="#444"'),
      ),
    ),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="DejaVu Sans, Arial, sans-serif" font-size="${type.caption}" fill="#222">${parts.join('')}</svg>`,
  ].join('')
}

function legendSvg({ dark, bright }: NonNullable<PictureGrid['legend']>): string {
  const stops = heatStops.map(at => {
    const color = heatColor(at).map(value => Math.round(value * 255))
    return `<stop offset="${at}" stop-color="rgb(${color})"/>`
  })
  const from = size.margin + textWidth(dark, type.caption) + 8
  return [
    `<defs><linearGradient id="heat">${stops.join('')}</linearGradient></defs>`,
    text(size.margin, size.title + 12, dark),
    `<rect x="${from}" y="${size.title + 2}" width="120" height="12" fill="url(#heat)"/>`,
    text(from + 128, size.title + 12, bright),
  ].join('')
}

/** The pictures laid into the drawn words: page [1,H,W,3] from `gridSvg` → the whole figure. */
export function fillGrid(page: Tensor, grid: PictureGrid): Tensor {
  const { W: pageWidth } = dims(page, '1 H W 3')
  const data = page.data.slice()
  for (const { cell, x, y } of layout(grid).cells) {
    const picture = colored(cell.picture)
    const { H, W } = dims(picture, '1 H W 3')
    for (let row = 0; row < H; row++)
      data.set(picture.data.subarray(row * W * 3, (row + 1) * W * 3), ((y + row) * pageWidth + x) * 3)
  }
  return { shape: page.shape, data }
}
