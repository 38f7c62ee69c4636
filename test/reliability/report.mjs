// What was measured, for a terminal and for docs/results/.
import os from 'node:os'

const verdict = ({ ok, skipped }) => (skipped ? 'SKIPPED' : ok ? 'ok' : 'NOT')

/** One bar, as it ends. */
export const paragraph = result =>
  `bar ${result.bar} ${result.name}: ${verdict(result)} (${result.seconds} s)\n  ${result.figure}\n  wanted: ${result.wanted}\n`

/** All of them as a page, with the machine and the command. */
export function markdown({ quick, seed, slack, node, seconds, results }) {
  const command = ['npm run test:reliability --', quick && '--quick', `--seed ${seed}`, slack !== 1 && `--slack ${slack}`]
  const cell = text => String(text).replaceAll('|', '\\|').replace(/\s+/g, ' ')
  const rows = results.map(one => [one.bar, one.name, one.wanted, one.figure, one.seconds, verdict(one)])
  const table = [['bar', 'what', 'wanted', 'measured', 's', ''], Array(6).fill('---'), ...rows]
  return `# Reliability

Measured on ${new Date().toISOString().slice(0, 10)} by \`${command.filter(Boolean).join(' ')} --markdown …\` in ${seconds} s: Node ${node}, ${os.availableParallelism()} cores (${os.cpus()[0]?.model ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}. SECURITY.md says what each bar promises. 15 to 17 are of several machines and not here.

${table.map(row => `| ${row.map(cell).join(' | ')} |\n`).join('')}`
}
