import { arrange, prototypes } from '../editor/bank.ts'
import { draftOf, entryOf, importedText, isSameEntry } from '../editor/names.ts'
import { initialState, type State } from '../editor/shell.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** From what is typed in the bank to what the server is told, and what the bank shows and finds. */

const typed = (name: string, note = '', confidence = '') => ({ name, note, confidence })

test('what is typed comes back into the fields as it was', () => {
  const entry = { name: 'glasses', note: 'round\nones', confidence: 0.85 }
  expect(entryOf(draftOf('glasses', entry), 'glasses', entry)).toEqual(entry)
})

test('spaces are tidied, per cent becomes a share, and what goes beyond is held at the ends', () => {
  expect(entryOf(typed('  round   glasses ', ' n ', '85'), undefined, undefined)).toEqual({ name: 'round glasses', note: 'n', confidence: 0.85 }) // prettier-ignore
  expect(entryOf(typed('a', '', '150'), undefined, undefined)).toEqual({ name: 'a', confidence: 1 })
  expect(entryOf(typed('a', '', '-3'), undefined, undefined)).toEqual({ name: 'a', confidence: 0 })
  expect(entryOf(typed('a', '', '  '), undefined, undefined)).toEqual({ name: 'a' })
})

test('emptied fields take the name away', () => {
  expect(entryOf(typed('  ', ' ', '50'), 'glasses', { name: 'glasses' })).toBeNull()
})

test("the checkpoint's own name, left as it stands, is not made a person's; saying how sure one is of it does", () => {
  expect(entryOf(typed('corner'), 'corner', undefined)).toBeNull()
  expect(entryOf(typed('corner', 'sharp ones'), 'corner', undefined)).toEqual({ name: '', note: 'sharp ones' })
  expect(entryOf(typed('corner', '', '90'), 'corner', undefined)).toEqual({ name: 'corner', confidence: 0.9 })
  expect(entryOf(typed('corner'), 'corner', { name: 'corner' })).toEqual({ name: 'corner' })
})

test('entries are the same when every part is', () => {
  expect(isSameEntry(null, undefined)).toBe(true)
  expect(isSameEntry({ name: 'a' }, { name: 'a' })).toBe(true)
  expect(isSameEntry({ name: 'a', note: 'x' }, { name: 'a' })).toBe(false)
  expect(isSameEntry({ name: 'a', confidence: 0.5 }, { name: 'a', confidence: 0.6 })).toBe(false)
})

test('an import says how many names were new, changed, or there already', () => {
  const before = { 1: { name: 'a' }, 2: { name: 'b' }, 3: { name: 'c' } }
  const after = { ...before, 2: { name: 'B' }, 7: { name: 'g' }, 8: { name: 'h' } }
  expect(importedText(before, after, 4)).toBe('Names imported: 2 new, 1 changed, 1 as they were.')
  expect(importedText(before, before, 0)).toBe('Names imported: the file has none.')
})

describe('the bank', () => {
  const { info } = tinyCheckpoint()
  const names = { 0: { name: 'Hat', note: 'also hoods', confidence: 0.5 }, 2: { name: '', note: 'nobody knows' } }
  const shown = { ...info, names: { ...info.names, 0: 'Hat' } }
  const state: State = { ...initialState, bank: { checkpoint: 'tiny', info: shown, names, hasTiles: false, atlas: 'none' } }
  const found = (query: string) =>
    arrange(prototypes(state), { order: 'index', query, editedOnly: false }).map(({ index }) => index)

  test('shows a name and what was said beside it', () => {
    expect(prototypes(state).map(({ name, said }) => [name, said?.note])).toEqual([
      ['Hat', 'also hoods'],
      ['corner', undefined],
      [undefined, 'nobody knows'],
      [undefined, undefined],
    ])
  })

  test('finds prototypes by name, by note and by number', () => {
    expect([found('hat'), found('HOOD'), found('nobody'), found('corn'), found('#3'), found('zebra')]).toEqual([
      [0],
      [0],
      [2],
      [1],
      [3],
      [],
    ])
  })
})
