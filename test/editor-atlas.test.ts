import { changeText, chanceText, columnsFor, consistencyText, scoresOf, type AtlasView } from '../editor/atlas.ts'
import { arrange, prototypes } from '../editor/bank.ts'
import { initialState, type State } from '../editor/shell.ts'
import type { AtlasFile } from '../server/protocol.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** What the bank makes of an atlas: its order, and numbers in words. */

const entry = (prototype: number, consistency: number | null): AtlasFile['entries'][number] => ({
  prototype,
  value: 3,
  before: [0, 0.5],
  after: [2, 3],
  cells: [0, 1],
  boxes: [
    { x0: 0, y0: 0, x1: 14, y1: 14 },
    { x0: 1, y0: 1, x1: 16, y1: 16 },
  ],
  consistency,
})
const file: AtlasFile = {
  format: 'patronus-atlas',
  version: 1,
  checkpoint: 'ab'.repeat(32),
  faces: 2,
  steps: 5,
  picture: { width: 16, height: 16 },
  rows: 3,
  shuffled: { mean: 0.5, high: 0.6 },
  entries: [entry(0, 0.7), entry(2, 0.95), entry(3, null)],
}
const order = (atlas: AtlasView) => {
  const bank = { checkpoint: 'tiny', info: tinyCheckpoint().info, names: {}, hasTiles: false, atlas }
  const state: State = { ...initialState, bank }
  return arrange(prototypes(state), { order: 'consistency', query: '', editedOnly: false }).map(({ index }) => index)
}

test('the most consistent prototype stands first, those without a score last, by number', () => {
  expect(order({ file, readAt: 0 })).toEqual([2, 0, 1, 3])
})

test.each<AtlasView>(['none', 'unread', { error: 'no' }])(
  'where no score is known (%j) the order is that of the numbers',
  view => {
    expect(order(view)).toEqual([0, 1, 2, 3])
    expect(scoresOf(view).size).toBe(0)
  },
)

test('consistency is told beside chance, and what chance reaches one time in twenty is told as chance', () => {
  expect(consistencyText(entry(0, 0.928), file)).toBe('consistency .93 (chance .50)')
  expect(consistencyText(entry(0, 0.6), file)).toBe('consistency .60 (chance up to .60)')
  expect(consistencyText(entry(0, 1), { ...file, shuffled: null })).toBe('consistency 1.00')
  expect(consistencyText(entry(0, null), file)).toBeUndefined()
  expect(chanceText(file)).toMatch(/of 2 pictures .* prototypes: .50, 95 % of groups below .60\.$/)
})

test('s before and after is that of one picture, or the mean of all', () => {
  expect([changeText(entry(0, null), 1), changeText(entry(0, null))]).toEqual(['s 0.50 → 3.00', 's 0.25 → 2.50'])
})

test('pictures stand four in a line, more only when there are more than sixteen', () => {
  expect([1, 4, 8, 16, 17, 64].map(columnsFor)).toEqual([4, 4, 4, 4, 5, 8])
})
