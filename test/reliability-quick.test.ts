/**
 * The bars of spec/reliability.md that need no quiet machine, with fewer of everything; `npm run test:reliability` runs all of them
 * at their figures. Real servers from dist/ in processes of their own.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

type Result = { bar: number; name: string; wanted: string; ok: boolean; figure: string }

const bars = [
  [1, 'any graph is accepted or refused with a reason that names the node and the input'],
  [2, 'any body is refused in time, and no prototype is changed'],
  [3, 'giant graphs and cycles of any length are judged in time'],
  [4, 'other origins and rebound names are refused, by GET, POST and upgrade'],
  [5, 'every route that the router has is behind the guard'],
  [6, 'no name in any place reads or writes a file outside its folder'],
  [8, 'pictures that cost more than they weigh are refused before they cost it'],
  [9, 'damaged pictures are refused, and the server goes on'],
  [10, 'weight files made to harm run nothing and take no memory'],
  [26, 'a node may throw anything: the error is told at that node, and the next graph runs'],
] as const

const house = path.join(__dirname, '..')
const isBuilt = existsSync(path.join(house, 'dist/server/decode-process.js'))
const whenBuilt = isBuilt ? test : test.skip
if (!isBuilt) console.warn('test/reliability-quick.test.ts is skipped: dist/ is missing; `npm test` builds it')

let results: Result[] = []
beforeAll(async () => {
  if (!isBuilt) return
  // Other tests may run beside it: ten times the time, but not for ever.
  const only = bars.map(([bar]) => bar).join()
  const args = [path.join(house, 'test/reliability/run.mjs'), '--quick', '--slack', '10', '--only', only]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (part: Buffer) => (said += part.toString()))
  await new Promise(resolve => child.once('close', resolve))
  results = (JSON.parse(said.trim().split('\n').at(-1)!) as { results: Result[] }).results
}, 300_000)

whenBuilt.each(bars)('bar %d: %s', bar => {
  const found = results.find(one => one.bar === bar)
  expect(found).toMatchObject({ ok: true, figure: expect.any(String) })
})
