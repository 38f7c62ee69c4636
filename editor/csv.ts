import type { Table } from '../nodes/node.ts'

/** A table as CSV (RFC 4180). A cell that a spreadsheet would take for a formula is kept as text. */
export function toCsv({ columns, rows }: Table): string {
  const cell = (value: string | number | null): string => {
    if (value === null) return ''
    if (typeof value === 'number') return String(value)
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [columns, ...rows].map(row => row.map(cell).join(',')).join('\r\n') + '\r\n'
}
