import fc from 'fast-check'
import { clearEdits, edited, readEdits, writeEdit } from '../editor/edits.ts'
import { parseEdits } from '../analysis/edits.ts'

const range = {
  min: 0.1,
  max: 2,
  mean: 1,
  std: 0.3,
  quantiles: { q01: 0.2, q05: 0.3, q15: 0.5, q50: 1, q85: 1.4, q95: 1.7, q99: 1.9 },
}

test('what a slider writes is read back as the same value, and by the server as the same edit', () => {
  fc.assert(
    fc.property(
      fc.nat(200),
      fc.double({ min: -9, max: 9, noNaN: true }),
      fc.constantFrom('', '3 = 0.5', '# faces\n3 = max # smile'),
      (index, value, text) => {
        const written = writeEdit(text, index, value)
        expect(edited(readEdits(written), index, 0, undefined, 9)).toBeCloseTo(value, 4)
        expect(parseEdits(written).filter(edit => edit.prototype === index)).toEqual(
          readEdits(written).filter(edit => edit.prototype === index),
        )
      },
    ),
  )
})

test('moving one slider leaves remarks, foreign lines and the other edits as they were', () => {
  const text = '# my faces\n3 = 0.5\nnot an edit\n12 + 0.3'
  expect(writeEdit(text, 3, 0.75)).toBe('# my faces\n3 = 0.75\nnot an edit\n12 + 0.3')
  expect(writeEdit(text, 7, 1)).toBe(`${text}\n7 = 1`)
})

test('a prototype with several lines is left with one, which keeps its remark', () => {
  expect(writeEdit('3 = max\n5 = 1\n3 + 0.2 # smile', 3, 0.6)).toBe('5 = 1\n3 = 0.6 # smile')
})

test('taking an edit back restores the text from before it', () => {
  expect(writeEdit(writeEdit('5 = 1', 3, 0.6), 3, undefined)).toBe('5 = 1')
  expect(writeEdit('5 = 1', 3, undefined)).toBe('5 = 1')
})

test('reset takes every edit and leaves remarks', () => {
  expect(clearEdits('# mine\n3 = 0.5\n4 = max')).toBe('# mine')
})

test('later lines act on what earlier ones left, starting from the value on the picture', () => {
  expect(edited(readEdits('3 + 0.5\n3 - 0.1'), 3, 0.2, range, 9)).toBeCloseTo(0.6)
  expect(edited(readEdits('3 + 0.5\n3 = 0.3'), 3, 0.2, range, 9)).toBe(0.3)
  expect(edited(readEdits('4 = 1'), 3, 0.2, range, 9)).toBeUndefined()
})

test('max, min and quantiles are those of the prototype itself', () => {
  const at = (text: string) => edited(readEdits(text), 3, 0, range, 9)
  expect([at('3 = max'), at('3 = min'), at('3 = q50'), at('3 = q95')]).toEqual([2, 0.1, 1, 1.7])
  expect(at('3 = q90')).toBeCloseTo(1.55)
  expect(edited(readEdits('3 = max'), 3, 0, undefined, 9.21)).toBe(9.21)
  expect(edited(readEdits('3 = max(s_X)'), 3, 0, range, 9.21, 2.5)).toBe(2.5)
  expect(readEdits('3 = max(s_X)')).toEqual(parseEdits('3 = max(s_X)'))
})
