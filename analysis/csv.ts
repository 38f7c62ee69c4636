import type { Table } from './report.ts'

/**
 * A table as CSV (RFC 4180): numbers in full, what does not exist as an empty cell, and an apostrophe before text that a
 * spreadsheet would take for a formula. editor/csv.ts says the same for the page, which may import no code of this room; a law in
 * test/report-files.test.ts holds the two together.
 */
export const tableCsv = ({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string =>
  [columns, ...rows].map(row => `${row.map(cell).join(',')}\r\n`).join('')

function cell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : ''
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
