import path from 'node:path'
import { tableCsv } from '../analysis/csv.ts'
import { layoutOf, reportHtml, type PictureFigure } from '../analysis/report-html.ts'
import type { Figure, Report } from '../analysis/report.ts'
import { writeWhole } from '../train/files.ts'
import { slug } from './slug.ts'

/**
 * Writes `<name>.html`, one page that needs nothing else, and `<name>-<title>.csv` for every table; gives back their paths, the page
 * first. Each file is whole or not there. Whatever the names say, the files lie in `folder`.
 */
export async function writeReport(folder: string, name: string, report: Report): Promise<string[]> {
  const stem = slug(name) || 'report'
  const figures = report.sections.flatMap(({ figures = [] }) => figures)
  const pictures = new Map<Figure, string>()
  for (const figure of figures) if ('images' in figure) pictures.set(figure, await sheetUri(figure))
  const page = path.join(folder, `${stem}.html`)
  const tables = report.sections.flatMap(({ tables = [] }) => tables)
  const names = uniqueSlugs(tables.map(({ title }) => title))
  const files = tables.map((table, i) => ({ file: path.join(folder, `${stem}-${names[i]}.csv`), text: tableCsv(table) }))
  for (const { file, text } of files) await writeWhole(file, [text])
  await writeWhole(page, [reportHtml(report, pictures)])
  return [page, ...files.map(({ file }) => file)]
}

/** Different names for different tables, also when their titles are alike. */
export function uniqueSlugs(titles: readonly string[]): string[] {
  const taken = new Set<string>()
  return titles.map(title => {
    const stem = slug(title) || 'table'
    let name = stem
    for (let n = 2; taken.has(name); n++) name = `${stem}-${n}`
    taken.add(name)
    return name
  })
}

/** The pictures of a figure in one PNG, a clear pixel at the right of each and below; the page enlarges it. */
async function sheetUri(figure: PictureFigure): Promise<string> {
  const { default: sharp } = await import('sharp')
  const { images, title } = figure
  const { columns, rows } = layoutOf(figure)
  const [B, H, W, C] = images.shape
  if (images.shape.length !== 4 || (C !== 1 && C !== 3) || B === 0)
    throw new Error(`figure "${title}": wanted pictures [B,H,W,1 or 3], got [${images.shape}]`)
  const [width, height] = [columns * (W + 1), rows * (H + 1)]
  // Uint8ClampedArray rounds, clamps, and turns NaN into 0.
  const bytes = new Uint8ClampedArray(width * height * 4)
  for (let b = 0; b < B; b++)
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++) {
        const from = ((b * H + y) * W + x) * C
        const to = ((Math.floor(b / columns) * (H + 1) + y) * width + (b % columns) * (W + 1) + x) * 4
        for (let c = 0; c < 3; c++) bytes[to + c] = images.data[from + (C === 3 ? c : 0)] * 255
        bytes[to + 3] = 255
      }
  const png = await sharp(Buffer.from(bytes.buffer), { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
