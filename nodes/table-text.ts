import type { Table } from './node.ts'

/** A table as aligned plain text: what a client without tables shows. Long tables are cut, and say so. */
export function tableText({ title, columns, rows }: Table, most = 40): string {
  const cells = [columns, ...rows.slice(0, most).map(row => row.map(cell => (cell === null ? '–' : String(cell))))]
  const widths = columns.map((_, c) => Math.max(...cells.map(row => row[c].length)))
  const lines = cells.map(row =>
    row
      .map((cell, c) => cell.padEnd(widths[c]))
      .join('  ')
      .trimEnd(),
  )
  return [title, ...lines, ...(rows.length > most ? [`… ${rows.length - most} more rows`] : [])].join('\n')
}

/** Three decimals: finer than any difference one can see. */
export const rounded = (value: number): number => Number(value.toFixed(3))

/** The same for what may not exist, or was driven beyond all numbers: null, which a table shows as a dash. */
export const roundedOrNull = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? rounded(value) : null

/** A table of raw numbers as it is shown. */
export const roundedTable = ({ rows, ...rest }: Table): Table => ({
  ...rest,
  rows: rows.map(row => row.map(cell => (typeof cell === 'number' ? roundedOrNull(cell) : cell))),
})

/** Four digits that count, whatever the size. */
export const fourDigits = (value: number): number => Number(value.toPrecision(4))
