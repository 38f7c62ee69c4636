/**
 * No text from outside makes a regular expression search for long (ReDoS, spec/reliability.md 1.3): every one in the rooms that read
 * such text is run on texts made to mislead it. `1111…x` once held the check of a number for hours.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { coerce } from '../workflows/coerce.ts'

const house = path.join(__dirname, '..')

/** Every regular expression literal of a file. */
function expressionsOf(file: string): { where: string; pattern: RegExp }[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: { where: string; pattern: RegExp }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(node.text)!
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
      found.push({ where: `${path.relative(house, file)}:${line} ${node.text}`, pattern: new RegExp(body, flags) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** What expressions repeat, as often as it takes for a search that grows with the square to show. */
const pieces = [
  '1',
  'a',
  '_',
  '1_',
  '1.',
  '/a',
  '/',
  '\\',
  '"',
  '\\"',
  '"a',
  ' ',
  '\t',
  '\n',
  '.',
  '-',
  '(',
  ':',
  '%',
  '<',
  '=',
  '&',
  'A1',
  'é',
  '[',
  ' [input]',
  ',',
  ';',
  '{',
  '# ',
  '| ',
]
const before = ['', '/', '"', 'a', '+1', 'at /', '1.']
const after = ['', 'x', '!', '\n', '\0', '"']

/** ms; what grows with the square takes more than 40 on the machine it was measured on, what does not 0.1. */
const limit = 15

function slowest(pattern: RegExp, repeats: number): { ms: number; text: string } {
  let worst = { ms: 0, text: '' }
  for (const piece of pieces)
    for (const head of before)
      for (const tail of after) {
        const text = head + piece.repeat(repeats) + tail
        const search = () => timeOf(() => text.replace(pattern, ''))
        // Another program may have been busy.
        const once = search()
        const ms = once > limit ? Math.min(once, search(), search()) : once
        if (ms > worst.ms) worst = { ms, text: `${head}${piece}×${repeats}${tail}` }
      }
  return worst
}

function timeOf(work: () => void): number {
  const began = performance.now()
  work()
  return performance.now() - began
}

test('the law sees an expression that backtracks', () => {
  expect(slowest(/^[+-]?(\d+(_\d+)*\.?\d*|\.\d+)(e[+-]?\d+)?$/i, 4000).ms).toBeGreaterThan(limit)
})

const rooms = ['server', 'workflows', 'nodes', 'analysis', 'engine']
const expressions = rooms.flatMap(room =>
  readdirSync(path.join(house, room), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .flatMap(entry => expressionsOf(path.join(entry.parentPath, entry.name))),
)

/** Groups the digits of numbers that we print: no text from outside comes here. */
const ofOurs = ['analysis/digits.ts']

test.each(rooms)('in %s none searches for long', room => {
  const own = expressions.filter(({ where }) => where.startsWith(room) && !ofOurs.some(file => where.startsWith(file)))
  const slow = own.map(({ where, pattern }) => ({ where, ...slowest(pattern, 2000) })).filter(({ ms }) => ms > limit)
  expect(slow).toEqual([])
})

test('a number of a million digits is judged at once', () => {
  for (const text of [
    '1'.repeat(1e6) + 'x',
    '1_'.repeat(5e5),
    '+' + '9'.repeat(1e6),
    '.'.repeat(1e6),
    '1e' + '1'.repeat(1e6) + '.',
  ])
    for (const type of ['INT', 'FLOAT'] as const) expect(timeOf(() => coerce(type, text))).toBeLessThan(200)
})
