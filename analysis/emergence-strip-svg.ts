/** The strip as a picture until figures/ has heat matrices. Sizes in pixels. */
import type { Strip } from './emergence-strip.ts'
import { heatColor } from './overlay.ts'
import { escapeXml } from './plot-svg.ts'

const size = { width: 720, left: 150, right: 20, top: 44 }

/** A whole SVG document on white: dark is absent, light has risen; values outside 0…1 take the colour of the end they passed. */
export function stripSvg({ title, rows, columns, columnLabel, values, label }: Strip): string {
  const row = Math.max(4, Math.min(20, 900 / rows.length))
  const inner = size.width - size.left - size.right
  const cell = inner / columns.length
  const bottom = size.top + rows.length * row
  const text = (x: number, y: number, value: string, attributes = '') =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeXml(value)}</text>`
  const box = (x: number, y: number, width: number, height: number, value: number | null) =>
    `<rect x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${(width + 0.1).toFixed(2)}" height="${(height + 0.1).toFixed(2)}" fill="${value === null ? '#ddd' : color(value)}"/>`
  const every = Math.ceil(columns.length / 10)
  const parts = [
    `<rect width="${size.width}" height="${bottom + 100}" fill="#fff"/>`,
    text(size.left, 26, title, 'font-size="16" font-weight="600"'),
    ...values.flatMap((line, r) => line.map((value, c) => box(size.left + c * cell, size.top + r * row, cell, row, value))),
    ...rows.flatMap((name, r) =>
      row >= 10 || r % Math.ceil(12 / row) === 0
        ? [text(size.left - 8, size.top + (r + 0.5) * row + 4, name.slice(0, 22), 'text-anchor="end"')]
        : [],
    ),
    ...columns.flatMap((name, c) =>
      c % every === 0 ? [text(size.left + (c + 0.5) * cell, bottom + 16, name, 'text-anchor="middle"')] : [],
    ),
    text(size.left + inner / 2, bottom + 36, columnLabel, 'text-anchor="middle"'),
    ...Array.from({ length: 50 }, (_, i) => box(size.left + i * 4, bottom + 56, 4, 12, i / 49)),
    text(size.left, bottom + 84, '0'),
    text(size.left + 200, bottom + 84, '1', 'text-anchor="end"'),
    text(size.left + 212, bottom + 67, `${label}; grey: does not rise`),
  ]
  const height = bottom + 100
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${height.toFixed(0)}" viewBox="0 0 ${size.width} ${height.toFixed(0)}"`,
    ` font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#222">${parts.join('')}</svg>`,
  ].join('')
}

const color = (value: number): string => `rgb(${heatColor(value).map(v => Math.round(255 * v))})` // prettier-ignore
