import { amend, createHistory, DEPTH, record, redo, undo } from '../editor/history.ts'

test('undo, then redo, is where one was', () => {
  const history = record(record(createHistory('a'), 'b'), 'c')
  expect(undo(history).present).toBe('b')
  expect(redo(undo(history))).toEqual(history)
  expect(undo(undo(undo(history))).present).toBe('a')
})

test('the first undo on a fresh graph does nothing', () => {
  const fresh = createHistory('a')
  expect(undo(fresh)).toBe(fresh)
  expect(redo(fresh)).toBe(fresh)
})

test('a gesture that changes nothing is no step', () => {
  const history = createHistory('a')
  expect(record(history, 'a')).toBe(history)
})

test('a new gesture after an undo forgets what was undone', () => {
  expect(record(undo(record(createHistory('a'), 'b')), 'c').future).toEqual([])
})

test('what the graph does by itself is not undone', () => {
  const history = amend(record(createHistory('a'), 'b'), 'b, grown')
  expect(history.present).toBe('b, grown')
  expect(undo(history).present).toBe('a')
})

test(`${DEPTH} steps are kept`, () => {
  let history = createHistory(0)
  for (let i = 1; i <= 3 * DEPTH; i++) history = record(history, i)
  expect(history.past).toHaveLength(DEPTH)
  for (let i = 0; i < 3 * DEPTH; i++) history = undo(history)
  expect(history.present).toBe(2 * DEPTH)
})
