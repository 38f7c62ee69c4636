// `npm run test:reliability`: every bar that SECURITY.md names, one line each, and a summary as JSON.
//   node test/reliability/run.mjs [--quick] [--only 4,5,6] [--json file] [--seed n] [--slack 5]
// --quick: fewer of everything. --slack: times may be so many times longer, on a machine that does other things as well.
import { readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    seed: { type: 'string' },
    slack: { type: 'string', default: '1' },
  },
})
// A new seed every day, and told, so that what is found can be found again.
const seed = Number(values.seed ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''))
const only = values.only?.split(',').map(Number)

const folder = new URL('./bars/', import.meta.url)
const files = (await readdir(fileURLToPath(folder))).filter(name => name.endsWith('.mjs')).sort()
const bars = (await Promise.all(files.map(name => import(new URL(name, folder).href))))
  .map(module => module.default)
  .filter(bar => !only || only.includes(bar.number))
  .sort((a, b) => a.number - b.number)

const results = []
for (const bar of bars) {
  const began = performance.now()
  let result
  try {
    result = await bar.run({ quick: values.quick, seed, slack: Number(values.slack) })
  } catch (error) {
    result = { ok: false, figure: `failed: ${error.stack ?? error}` }
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10
  results.push({ bar: bar.number, name: bar.name, wanted: bar.wanted, seconds, ...result })
  const { ok, figure, skipped } = result
  process.stdout.write(
    `bar ${bar.number} ${bar.name}: ${figure} (wanted ${bar.wanted}; ${seconds} s) ${skipped ? 'SKIPPED' : ok ? 'ok' : 'NOT'}\n`,
  )
}
const summary = {
  quick: values.quick,
  seed,
  slack: Number(values.slack),
  node: process.version,
  ok: results.every(({ ok }) => ok),
  results,
}
process.stdout.write(`${JSON.stringify(summary)}\n`)
if (values.json) await writeFile(values.json, JSON.stringify(summary, null, 2))
process.exit(summary.ok ? 0 : 1)
