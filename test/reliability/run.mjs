// `npm run test:reliability`: every bar that SECURITY.md names, its figure beside what is wanted, and a summary as JSON in the
// last line.
//   node test/reliability/run.mjs [--quick] [--only 4,5,6] [--seed n] [--slack 5] [--json file] [--markdown file]
// --quick: fewer of everything. --slack: times may be so many times longer, on a machine that does other things as well.
import { readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { markdown, paragraph } from './report.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    seed: { type: 'string' },
    slack: { type: 'string', default: '1' },
  },
})
// A new seed every day, and told, so that what is found can be found again.
const seed = Number(values.seed ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''))
const slack = Number(values.slack)
const only = values.only?.split(',').map(Number)

const folder = new URL('./bars/', import.meta.url)
const files = (await readdir(fileURLToPath(folder))).filter(name => name.endsWith('.mjs'))
const all = (await Promise.all(files.map(name => import(new URL(name, folder).href)))).map(module => module.default)
const bars = all.filter(bar => !only || only.includes(bar.number)).sort((a, b) => a.number - b.number)
const unknown = only?.filter(number => !bars.some(bar => bar.number === number)) ?? []
if (unknown.length > 0)
  throw new Error(`There is no bar ${unknown}; there are ${all.map(bar => bar.number).sort((a, b) => a - b)}`)

const began = performance.now()
const results = []
for (const bar of bars) {
  const start = performance.now()
  let result
  try {
    result = await bar.run({ quick: values.quick, seed, slack })
  } catch (error) {
    result = { ok: false, figure: `failed: ${error.stack ?? error}` }
  }
  const seconds = Math.round((performance.now() - start) / 100) / 10
  const whole = { bar: bar.number, name: bar.name, wanted: bar.wanted, seconds, ...result }
  results.push(whole)
  process.stdout.write(paragraph(whole))
}
const count = fits => results.filter(fits).length
const skipped = count(({ skipped }) => skipped)
const missed = count(({ ok }) => !ok)
process.stdout.write(`${results.length} bars: ${results.length - skipped - missed} met, ${missed} not, ${skipped} skipped\n`)
const summary = {
  quick: values.quick,
  seed,
  slack,
  node: process.version,
  seconds: Math.round((performance.now() - began) / 1000),
  ok: missed === 0,
  results,
}
if (values.json) await writeFile(values.json, JSON.stringify(summary, null, 2))
if (values.markdown) await writeFile(values.markdown, markdown(summary))
process.stdout.write(`${JSON.stringify(summary)}\n`)
// Whatever an attack left open must not hold the command.
process.exit(summary.ok ? 0 : 1)
