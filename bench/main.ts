import os from 'node:os'
import type { BenchOptions, Measure } from './measure.ts'
import { networkBench } from './network.ts'
import { serverBench } from './server.ts'
import { stepBench } from './step.ts'

export const groups = ['network', 'step', 'server'] as const

/** Runs the measures of some groups (all without a choice): a table on stdout, or one JSON object a line as they come. */
export async function bench(
  house: string,
  { json = false, only = groups, quick = false }: { json?: boolean; only?: readonly string[]; quick?: boolean },
): Promise<void> {
  const unknown = only.find(name => !groups.some(group => group === name))
  if (unknown !== undefined) throw new Error(`--only: wanted ${groups.join(', ')}, got "${unknown}"`)
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  say(
    `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}, load ${os.loadavg()[0].toFixed(1)} before`,
  )
  const options: BenchOptions = { rounds: quick ? 6 : 21, say }
  const run = { network: () => networkBench(options), step: () => stepBench(options), server: () => serverBench(house, options) }
  const measures: Measure[] = []
  for (const group of groups.filter(group => only.includes(group))) {
    const made = await run[group]()
    measures.push(...made)
    if (json) made.forEach(measure => process.stdout.write(`${JSON.stringify(rounded(measure))}\n`))
  }
  if (!json) process.stdout.write(table(measures))
}

const digits = (value: number): number => Number(value.toPrecision(4))
/** Four digits say all that such a measurement knows. */
const rounded = (measure: Measure): object =>
  Object.fromEntries(Object.entries(measure).map(([key, value]) => [key, typeof value === 'number' ? digits(value) : value]))
const short = (value: number, unit: string): string => `${Number(value.toPrecision(3))} ${unit}`

/** Columns as wide as they need to be; a limit is printed with whether it holds. */
export function table(measures: readonly Measure[]): string {
  const rows = measures.map(({ name, value, unit, against = '', againstValue, ratio, limit, difference }) => {
    const shown = ratio ?? value
    const verdict = limit === undefined ? '' : `≤ ${digits(limit)} ${shown <= limit ? '✓' : '✗'}`
    return [
      name,
      short(value, unit),
      ratio === undefined ? '' : `${ratio.toFixed(ratio < 0.1 ? 5 : 3)} ×`,
      verdict,
      `${against}${againstValue === undefined ? '' : ` (${short(againstValue, unit)})`}${difference === undefined ? '' : `, max |Δ| ${difference.toExponential(0)}`}`,
    ]
  })
  const all = [['what', 'value', 'ratio', 'limit', 'against'], ...rows]
  const widths = all[0].map((_, column) => Math.max(...all.map(row => row[column].length)))
  return all
    .map(
      row =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
