import Database from 'libsql'
import { setImmediate as turn } from 'node:timers/promises'
import { createBatch } from '../server/database/batch.ts'

const patiently = { patiently: true }

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate', 'clearImmediate', 'nextTick', 'queueMicrotask'] }))
afterEach(() => void jest.useRealTimers())

/** A database that counts its commits, and work for it. */
function counted() {
  const db = new Database(':memory:')
  db.exec('CREATE TABLE rows (name TEXT PRIMARY KEY)')
  const insert = db.prepare('INSERT INTO rows VALUES (?)')
  let commits = 0
  const exec = db.exec.bind(db)
  db.exec = sql => ((commits += sql === 'COMMIT' ? 1 : 0), exec(sql))
  let time = 0
  return {
    batch: createBatch(db, () => time),
    pass: (ms: number) => (time += ms),
    add: (name: string) => () => void insert.run(name),
    commits: () => commits,
  }
}

test('what is asked for in one turn is one commit; what breaks a rule is refused alone', async () => {
  const { batch, add, commits } = counted()
  const asked = ['a', 'b', 'a', 'c'].map(name => batch(add(name)))
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(commits()).toBe(1)
})

test('patient work waits for nobody when nothing is going on', async () => {
  const { batch, add, commits } = counted()
  const kept = batch(add('a'), patiently).then(commits)
  await turn()
  await turn()
  expect(commits()).toBe(1)
  expect(await kept).toBe(1)
})

test('while commits follow each other, patient work goes with the next that is not, and never waits for long', async () => {
  const { batch, pass, add, commits } = counted()
  await batch(add('first'))
  const patient: Promise<void>[] = []
  for (const name of ['a', 'b', 'c']) patient.push(batch(add(name), patiently))
  await turn()
  expect(commits()).toBe(1)
  patient.push(batch(add('last')))
  await Promise.all(patient)
  expect(commits()).toBe(2)
  const alone = batch(add('alone'), patiently)
  jest.advanceTimersByTime(3)
  await alone
  expect(commits()).toBe(3)
  pass(10)
  batch(add('later'), patiently).catch(() => {})
  await turn()
  await turn()
  expect(commits()).toBe(4)
})
