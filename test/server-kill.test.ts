import { isBuilt, runBars, type Result } from './reliability-run.ts'

/** Deaths without warning, of the compiled program: two rounds of the hundred that `npm run test:reliability` runs. */

const bars = [
  [14, 'kill -9 under load loses, doubles and halves nothing, and leaves no worker behind'],
  [18, 'a graph that kills its server is given up after three times, and the job behind it runs'],
] as const

const whenBuilt = isBuilt ? test : test.skip
if (!isBuilt) console.warn('test/server-kill.test.ts is skipped: dist/ is missing; `npm test` builds it')

let results: Result[] = []
beforeAll(async () => {
  if (isBuilt) results = await runBars(bars.map(([bar]) => bar))
}, 300_000)

whenBuilt.each(bars)('bar %d: %s', bar => {
  expect(results.find(one => one.bar === bar)).toMatchObject({ ok: true, figure: expect.any(String) })
})
