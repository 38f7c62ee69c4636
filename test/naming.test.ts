import fc from 'fast-check'
import {
  checkChange,
  checkNamesFile,
  limits,
  merge,
  otherCheckpoint,
  parseNames,
  plainNames,
  serialise,
  withNames,
  type NamesFile,
} from '../analysis/naming.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** What a names file may be, and what becomes of the names in it. */

const id = 'ab'.repeat(32)
const file = (names: unknown, change: object = {}): Record<string, unknown> => ({
  format: 'patronus-names',
  version: 1,
  checkpoint: id,
  checkpointName: 'tiny',
  names,
  ...change,
})

const line = fc.stringMatching(/^[\p{L}\p{N} .,<>&"'=-]{1,60}$/u).filter(text => text.trim() !== '')
const entry = fc.record(
  { name: line, note: fc.array(line, { minLength: 1, maxLength: 5 }).map(lines => lines.join('\n')), confidence: fc.double({ min: 0, max: 1, noNaN: true }) }, // prettier-ignore
  { requiredKeys: ['name'] },
)
const names = fc.dictionary(fc.integer({ min: 0, max: 9999 }).map(String), entry, { maxKeys: 20 })

test('what is written is read back the same, and writing that again gives the same text', () => {
  fc.assert(
    fc.property(names, given => {
      const read = checkNamesFile(file(given))
      const text = serialise(read)
      expect(parseNames(text)).toEqual(read)
      expect(serialise(parseNames(text))).toBe(text)
      expect(Object.keys(read.names)).toEqual(Object.keys(given).sort((a, b) => Number(a) - Number(b)))
    }),
  )
})

test('spaces around a name, line ends of other systems and two spellings of one letter make no difference', () => {
  const { names } = checkNamesFile(file({ 3: { name: '  cafe\u0301 ', note: 'one\r\ntwo\r' } }))
  expect(names).toEqual({ 3: { name: 'café', note: 'one\ntwo' } })
})

test.each<[what: string, value: unknown, says: RegExp]>([
  ['a list', [], /a names file is an object, this is a list/],
  ['another format', file({}, { format: 'workflow' }), /format should be "patronus-names", is "workflow"/],
  ['a later version', file({}, { version: 2 }), /version should be 1, is 2; a newer program/],
  ['no checkpoint', file({}, { checkpoint: 'mine' }), /SHA-256 of a checkpoint file \(64 hex digits\), is "mine"/],
  ['a key of no meaning', file({}, { extra: 1 }), /"extra" means nothing here/],
  ['a list of names', file(['glasses']), /names should be an object of entries by prototype, is a list/],
  ['a name without its object', file({ 0: 'glasses' }), /prototype 0: should be an object with a name, is "glasses"/],
  ['a word as number', file({ hat: { name: 'hat' } }), /"hat" is not the number of a prototype/],
  ['a number beyond the last', file({ 8: { name: 'hat' } }), /prototype 8 does not exist: there are 8 \(0 … 7\)/],
  ['a number spelt otherwise', file({ '01': { name: 'hat' } }), /"01" is not the number/],
  ['nothing said', file({ 1: { name: '  ' } }), /prototype 1: has neither a name nor a note/],
  ['a name of 81 letters', file({ 1: { name: 'x'.repeat(81) } }), /name has 81 characters; at most 80/],
  ['a note of 2,001 letters', file({ 1: { name: 'x', note: 'x'.repeat(2001) } }), /note has 2001 characters; at most 2000/],
  ['a line end in a name', file({ 1: { name: 'a\nb' } }), /name holds the control character U\+000A/],
  ['an escape in a note', file({ 1: { name: 'a', note: '\u001b[31m' } }), /note holds the control character U\+001B/],
  ['text that turns round', file({ 1: { name: 'a\u202eb' } }), /U\+202E/],
  ['half a letter', file({ 1: { name: 'a\ud800' } }), /U\+D800/],
  ['too sure', file({ 1: { name: 'a', confidence: 1.2 } }), /confidence should be a number 0 … 1, is 1.2/],
  ['confidence in words', file({ 1: { name: 'a', confidence: 'high' } }), /confidence should be a number 0 … 1, is "high"/],
])('%s is refused, and the message says what was wanted', (_, value, says) => {
  expect(() => checkNamesFile(value, 8)).toThrow(says)
})

test('every fault is told, the first five in full', () => {
  const bad = Object.fromEntries(Array.from({ length: 8 }, (_, j) => [j, { name: 7 }]))
  expect(() => checkNamesFile(file(bad), 8)).toThrow(/prototype 0: .*prototype 4: .*; and 3 more/)
})

test('keys that reach for the prototype of objects are refused and change nothing', () => {
  for (const text of [
    '{"__proto__":{"name":"x"}}',
    '{"constructor":{"name":"x"}}',
    '{"1":{"name":"x","__proto__":{"note":"y"}}}',
  ])
    expect(() => parseNames(JSON.stringify(file('HERE')).replace('"HERE"', text))).toThrow(/__proto__|constructor/)
  expect(({} as Record<string, unknown>).name).toBeUndefined()
})

test('text too long, no JSON, or with millions of keys ends in a message, quickly', () => {
  expect(() => parseNames(' '.repeat(limits.characters + 1))).toThrow(/at most 4194304/)
  expect(() => parseNames('{"format":')).toThrow(/the file is not JSON/)
  const keys = Array.from({ length: 300_000 }, (_, j) => `"k${j}":1`).join()
  expect(() => parseNames(`{${keys}}`)).toThrow(/means nothing here/)
  expect(() => parseNames(JSON.stringify(file('HERE')).replace('"HERE"', `{${keys}}`))).toThrow(
    /300000 entries, but there are 10000/,
  )
})

test('a change wins over what was there, null forgets, and the rest stays', () => {
  const before = { 1: { name: 'one' }, 2: { name: 'two' }, 3: { name: 'three' } }
  const after = merge(before, checkChange({ 2: { name: 'zwei', note: 'n' }, 3: null, 4: { name: 'four' } }))
  expect(after).toEqual({ 1: { name: 'one' }, 2: { name: 'zwei', note: 'n' }, 4: { name: 'four' } })
  expect(Object.keys(before)).toHaveLength(3)
})

test('names for another checkpoint are told apart by the hash, whatever the checkpoints are called', () => {
  const mine = checkNamesFile(file({})) satisfies NamesFile
  expect(otherCheckpoint(mine, id)).toBeUndefined()
  expect(otherCheckpoint(mine, 'cd'.repeat(32))).toMatch(
    /another checkpoint, "tiny" \(abababababab…\); this one is cdcdcdcdcdcd…/,
  )
})

test("a label shows the person's name before the checkpoint's own; a note alone leaves that one", () => {
  const { info } = tinyCheckpoint()
  const named = withNames(info, plainNames({ 0: { name: 'hat' }, 1: { name: '', note: 'only corners?' } }))
  expect([0, 1, 2].map(j => prototypeLabel(j, named))).toEqual(['0 hat', '1 corner', '2'])
  expect(prototypeLabel(1, withNames(info, plainNames({ 1: { name: 'edge' } })))).toBe('1 edge')
  expect(withNames(info, {})).toBe(info)
})
