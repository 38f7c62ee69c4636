import fc from 'fast-check'
import { AtlasError, atlasLimits, checkAtlas, parseAtlas, sheetFor, stripOf, type AtlasFile } from '../analysis/atlas-file.ts'
import { imageLimits } from '../server/decode.ts'

/** The file of an atlas: what is taken, what is refused, and where its pictures stand. */

const file: AtlasFile = {
  format: 'patronus-atlas',
  version: 1,
  checkpoint: 'ab'.repeat(32),
  faces: 2,
  steps: 5,
  picture: { width: 16, height: 16 },
  rows: 2,
  shuffled: { mean: 0.5, high: 0.6 },
  entries: [0, 1].map(prototype => ({
    prototype,
    value: 3,
    before: [0, 0.5],
    after: [2, 2.5],
    cells: [0, 35],
    boxes: [
      { x0: 0, y0: 0, x1: 14, y1: 14 },
      { x0: 1, y0: 1, x1: 16, y1: 16 },
    ],
    consistency: 0.9,
  })),
}

test('a file is read back as it was written, without what does not belong to it', () => {
  expect(parseAtlas(JSON.stringify({ ...file, more: 1 }))).toEqual(file)
  const alone = { ...file, shuffled: null, entries: file.entries.map(entry => ({ ...entry, consistency: null })) }
  expect(checkAtlas(alone)).toEqual(alone)
})

const [entry] = file.entries
const withEntry = (change: object) => ({ ...file, entries: [{ ...entry, ...change }, file.entries[1]] })

test.each<[string, unknown, RegExp]>([
  ['a list', [], /the file should be an object, is a list/],
  ['another kind of file', { ...file, format: 'patronus-names' }, /format should be "patronus-atlas", is "patronus-names"/],
  ['a newer version', { ...file, version: 2 }, /a newer program/],
  ['no hash', { ...file, checkpoint: '../../etc' }, /checkpoint should be the SHA-256/],
  ['more faces than any atlas has', { ...file, faces: 65 }, /faces should be a whole number 1 … 64, is 65/],
  ['half a pixel', { ...file, picture: { width: 16, height: 0.5 } }, /picture.height/],
  ['no entries', { ...file, entries: [] }, /entries should have length 1 … 4, has 0/],
  ['more entries than prototypes', { ...file, entries: Array(5).fill(entry) }, /has 5/],
  ['a prototype that does not exist', withEntry({ prototype: 4 }), /entries\[0\].prototype should be a whole number 0 … 3/],
  ['a prototype twice', withEntry({ prototype: 1 }), /there twice/],
  ['too few values', withEntry({ before: [1] }), /entries\[0\].before should have length 2, has 1/],
  ['a value that is no number', withEntry({ after: [1, null] }), /entries\[0\].after\[1\] should be a number, is null/],
  ['a number too large for JSON', JSON.parse(JSON.stringify(withEntry({ value: 1 })).replace('"value":1', '"value":1e999')), /Infinity/], // prettier-ignore
  ['a box beyond the picture', withEntry({ boxes: [{ x0: 0, y0: 0, x1: 17, y1: 2 }, entry.boxes[1]] }), /boxes\[0\].x1/],
  ['a box turned inside out', withEntry({ boxes: [{ x0: 5, y0: 0, x1: 4, y1: 2 }, entry.boxes[1]] }), /6 … 16, is 4/],
  ['a cosine of 2', withEntry({ consistency: 2 }), /consistency should be a number -1 … 1, is 2/],
  ['no chance', { ...file, shuffled: { mean: 0.5 } }, /shuffled.high should be a number -1 … 1, is missing/],
  ['more rows than entries', { ...file, rows: 3 }, /rows should be a whole number 1 … 2/],
  ['a sheet of petapixels', { ...file, picture: { width: 16_383, height: 16_383 } }, /too large/],
])('%s is refused, and what is wrong is told', (_, value, told) => {
  expect(() => checkAtlas(value, 4)).toThrow(AtlasError)
  expect(() => checkAtlas(value, 4)).toThrow(told)
})

test('text that is no JSON, or too much of it, is refused', () => {
  expect(() => parseAtlas('{"format')).toThrow(/not JSON/)
  expect(() => parseAtlas(' '.repeat(atlasLimits.characters + 1))).toThrow(/at most/)
})

test('whatever is put in the place of a part, the answer is a file or an AtlasError', () => {
  const keys = Object.keys(file)
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.constantFrom(...Object.keys(entry)), fc.anything(), (key, inner, junk) => {
      for (const value of [{ ...file, [key]: junk }, withEntry({ [inner]: junk })])
        try {
          checkAtlas(value)
        } catch (error) {
          expect(error).toBeInstanceOf(AtlasError)
        }
    }),
  )
})

test('the strips of a sheet lie inside it, none over another', () => {
  const sizes = fc.record({ count: fc.integer({ min: 1, max: 3000 }), faces: fc.integer({ min: 1, max: 8 }), height: fc.constantFrom(28, 64) }) // prettier-ignore
  fc.assert(
    fc.property(sizes, ({ count, faces, height }) => {
      const picture = { width: 32, height }
      const { rows, ...sheet } = sheetFor(count, faces, picture)
      const strips = Array.from({ length: count }, (_, i) => stripOf({ faces, picture, rows }, i))
      expect(new Set(strips.map(({ left, top }) => `${left},${top}`)).size).toBe(count)
      for (const { left, top, width, height } of strips) {
        expect([left % width, top % height]).toEqual([0, 0])
        expect(left + width <= sheet.width && top + height <= sheet.height).toBe(true)
      }
    }),
    { numRuns: 20 },
  )
})

test('a sheet that the server would not open is not planned', () => {
  expect(atlasLimits.pixels).toBeLessThanOrEqual(imageLimits.pixels)
  expect(() => sheetFor(128, 8, { width: 224, height: 224 })).not.toThrow()
  expect(() => sheetFor(128, 12, { width: 224, height: 224 })).toThrow(/take fewer pictures/)
})
