/**
 * The bars of spec/reliability.md that need no quiet machine, with fewer of everything; `npm run test:reliability` runs all of them
 * at their figures. Real servers from dist/ in processes of their own.
 */
import { isBuilt, runBars, type Result } from './reliability-run.ts'

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
  [24, 'a database of every version is opened without losing a row'],
  [25, 'neither the token nor a key of another service is in anything the server says or writes'],
  [26, 'a node may throw anything: the error is told at that node, and the next graph runs'],
] as const

const whenBuilt = isBuilt ? test : test.skip
if (!isBuilt) console.warn('test/reliability-quick.test.ts is skipped: dist/ is missing; `npm test` builds it')

let results: Result[] = []
beforeAll(async () => {
  if (isBuilt) results = await runBars(bars.map(([bar]) => bar))
}, 300_000)

whenBuilt.each(bars)('bar %d: %s', bar => {
  const found = results.find(one => one.bar === bar)
  expect(found).toMatchObject({ ok: true, figure: expect.any(String) })
})
