import { digitsOf } from '../analysis/digits.ts'
import { largestMaximum } from '../analysis/ranges.ts'
import { rangesTable } from '../analysis/ranges-report.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { tableText } from '../nodes/table-text.ts'

/** Every prototype's range as aligned text, and the paper's single number. */
export function rangesText(info: CheckpointInfo): string {
  const { title, columns, rows } = rangesTable(info)
  const format = digitsOf(rows.flatMap(row => row.slice(2).filter(value => typeof value === 'number')))
  const shown = rows.map(row => row.map((value, c) => (c > 1 && typeof value === 'number' ? format(value) : value)))
  const over = `over ${info.rangesOver ?? 'an unknown number of'} pictures`
  const table = tableText({ title: `${title} ${over}`, columns, rows: shown }, rows.length)
  return `${table}\nmax(s_X) ${format(largestMaximum(info.ranges!))}\n`
}
