import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import Database from 'libsql'
import { migrations, versionOf, type Migration } from '../server/database/migrations.ts'
import { databaseFile, openDatabase } from '../server/database/open.ts'
import { openStorage, type Storage } from '../server/storage.ts'
import { sweepDrafts, writeWhole } from '../server/whole-files.ts'
import { claimOf, entryOf, jobOf } from './state-parts.ts'

/** What only a database can promise: that the next process finds what the one before it left. */

let data: string
beforeEach(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-db-'))
})
afterEach(() => rm(data, { recursive: true, force: true }))

const open = () => openStorage({ data, tell: () => {} })
/** As after a kill -9: everything that was not committed is gone, and nobody put anything in order. */
const reopen = async (storage: Storage) => (await storage.close(), open())
const ids = (jobs: readonly { promptId: string }[]) => jobs.map(({ promptId }) => promptId)

test('what waited waits in its order, what ran runs next, and new numbers go on where they ended', async () => {
  let storage = await open()
  for (const id of ['a', 'b', 'c']) await storage.queue.add(jobOf(id, await storage.queue.nextNumber()))
  await storage.queue.add(jobOf('front', -(await storage.queue.nextNumber())))
  await storage.queue.take()
  storage = await reopen(storage)
  expect([await storage.queue.count(), await storage.queue.nextNumber()]).toEqual([{ pending: 4, running: 0 }, 4])
  const taken = []
  for (let i = 0; i < 4; i++) taken.push((await storage.queue.take())!)
  expect(ids(taken)).toEqual(['front', 'a', 'b', 'c'])
  await storage.close()
})

test('a job that runs again after the death of its process is given the names of its pictures again', async () => {
  let storage = await open()
  await storage.queue.add(jobOf('a'))
  await storage.queue.take()
  const names = await storage.store.outputs.claim(claimOf('a', { count: 2 }))
  storage = await reopen(storage)
  await storage.queue.add(jobOf('front', -1))
  await storage.queue.take()
  expect(await storage.store.outputs.claim(claimOf('front'))).toEqual(['out_00003_.png'])
  await storage.queue.take()
  expect(await storage.store.outputs.claim(claimOf('a', { count: 2, from: 4 }))).toEqual(names)
  await storage.close()
})

test('a graph during which two processes died lets all others by; after a third it is told as failed, with why', async () => {
  let storage = await open()
  for (const id of ['poison', 'next']) await storage.queue.add(jobOf(id))
  for (let death = 1; death <= 2; death++) {
    expect((await storage.queue.take())!.promptId).toBe('poison')
    storage = await reopen(storage)
  }
  // A death by chance now falls on another; one that comes later and is no suspect goes first as well.
  expect((await storage.queue.take())!.promptId).toBe('next')
  storage = await reopen(storage)
  await storage.queue.add(jobOf('later'))
  for (const id of ['next', 'later', 'poison']) {
    expect((await storage.queue.take())!.promptId).toBe(id)
    if (id !== 'poison') await storage.queue.finish(id)
  }
  storage = await reopen(storage)
  expect(await storage.queue.count()).toEqual({ pending: 0, running: 0 })
  expect((await storage.store.get('poison'))!.status).toMatchObject({
    status_str: 'error',
    completed: false,
    messages: [
      [
        'execution_error',
        { node_id: '1', node_type: 'Show', exception_message: expect.stringContaining('died while running this graph 3 times') },
      ],
    ],
  })
  await storage.close()
})

test('a job that was put off may be put off any number of times', async () => {
  let storage = await open()
  await storage.queue.add(jobOf('long'))
  for (let stop = 1; stop <= 5; stop++) {
    expect((await storage.queue.take())?.promptId).toBe('long')
    await storage.queue.release('long')
    storage = await reopen(storage)
  }
  expect(await storage.queue.count()).toEqual({ pending: 1, running: 0 })
  await storage.close()
})

test('history, settings, names and workflows are there again; a closed database is one file', async () => {
  let storage = await open()
  await storage.store.add(entryOf(jobOf('a')))
  await storage.store.settings.set({ theme: 'dark' })
  await storage.store.names.change('x', () => 'text')
  await storage.store.workflows.save('a.json', Buffer.from('{"nodes":[]}'))
  await storage.close()
  const left = await Promise.all(
    (await readdir(data)).map(async name => [name, (await stat(path.join(data, name))).size] as const),
  )
  expect(left.filter(([name, size]) => size > 0 && !name.endsWith('-shm')).map(([name]) => name)).toEqual(['state.db'])
  storage = await open()
  expect([await storage.store.get('a'), await storage.store.settings.all(), await storage.store.names.get('x')]).toEqual([
    entryOf(jobOf('a')),
    { theme: 'dark' },
    'text',
  ])
  expect(Buffer.from((await storage.store.workflows.read('a.json'))!).toString()).toBe('{"nodes":[]}')
  await storage.close()
})

describe('one server a folder', () => {
  test('a second one is refused by number and folder, and nothing of the first is touched', async () => {
    const first = await open()
    await expect(open()).rejects.toThrow(`${data} is in use by another server (process ${process.pid})`)
    await first.queue.add(jobOf('a'))
    await first.close()
    const second = await open()
    expect(await second.queue.has('a')).toBe(true)
    await second.close()
  })

  test('one in another process is refused too, and a process that dies leaves the folder free', async () => {
    const script = `
      const Database = require(${JSON.stringify(require.resolve('libsql'))})
      const db = new Database(${JSON.stringify(path.join(data, 'server.lock'))})
      db.exec('BEGIN EXCLUSIVE'); require('fs').writeFileSync(${JSON.stringify(path.join(data, 'server.pid'))}, String(process.pid))
      console.log('locked'); setInterval(() => {}, 1000)`
    const child = execFile(process.execPath, ['-e', script])
    await new Promise(resolve => child.stdout!.once('data', resolve))
    await expect(open()).rejects.toThrow(`process ${child.pid}`)
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
    await (await open()).close()
  })
})

describe('versions', () => {
  const addColumn: Migration = db => void db.exec("ALTER TABLE settings ADD COLUMN source TEXT NOT NULL DEFAULT 'old'")
  const failing: Migration = db => {
    db.exec('CREATE TABLE half_done (x); DELETE FROM settings')
    throw new Error('this step fails')
  }
  const contents = (db: Database.Database) =>
    Object.fromEntries(
      ['jobs', 'counters', 'history', 'outputs', 'settings', 'names'].map(table => [
        table,
        (db.prepare(`SELECT * FROM ${table}`).all() as object[]).map(row => Object.values(row).slice(0, -1)),
      ]),
    )

  test.each(migrations.map((_, i) => i + 1))('a database of version %i opens with every row of it', async version => {
    await copyFile(path.join(__dirname, `fixtures/state/state-v${version}.db`), databaseFile(data))
    const storage = await open()
    expect(ids(await storage.queue.pending())).toEqual(['running', 'first', 'second'])
    expect(await storage.queue.nextNumber()).toBe(5)
    expect((await storage.store.page()).map(entry => [entry.job.promptId, entry.status.completed])).toEqual([
      ['done', true],
      ['failed', false],
    ])
    expect(await storage.store.find({ workflowId: 'w', states: ['failed'], limit: 9 })).toMatchObject({ total: 1 })
    for (const id of ['done', 'failed', 'running']) expect(await storage.store.outputs.of(id)).toHaveLength(2)
    expect(await storage.store.settings.all()).toEqual({ theme: 'dark', 'Comfy.Deep': { list: [1, null] } })
    expect(await storage.store.names.get('c'.repeat(64))).toBe('{"names":"as they are"}')
    const { workflows } = storage.store
    if (version >= 2) {
      const told = (await workflows.versions('sub/mine.json')).map(({ number, nodes, current }) => [number, nodes, current])
      expect(told).toEqual([[2, 1, true], [1, 0, false]]) // prettier-ignore
      expect(Buffer.from(await workflows.version('sub/mine.json', 1)).toString()).toBe('{"nodes":[],"links":[]}')
      expect(await workflows.deleted()).toMatchObject([{ path: 'gone.json' }])
    }
    await workflows.save('new.json', Buffer.from('{}'))
    expect((await workflows.list()).map(({ path }) => path)).toContain('new.json')
    await storage.close()
  })

  test('an update takes the steps that lack and loses no row', async () => {
    await copyFile(path.join(__dirname, 'fixtures/state/state-v1.db'), databaseFile(data))
    const before = openDatabase(databaseFile(data), migrations.slice(0, 1))
    const rows = contents(before)
    before.close()
    const after = openDatabase(databaseFile(data), [migrations[0], addColumn])
    expect(versionOf(after)).toBe(2)
    expect(after.prepare('SELECT count(*) AS n FROM settings WHERE source = ?').get('old')).toMatchObject({ n: 2 })
    const { settings, ...others } = contents(after)
    const { settings: old, ...same } = rows
    expect([others, settings.length]).toEqual([same, old.length])
    after.close()
  })

  test('an update that fails is undone wholly: the version of before opens it with every row', async () => {
    await copyFile(path.join(__dirname, 'fixtures/state/state-v1.db'), databaseFile(data))
    const first = openDatabase(databaseFile(data), migrations.slice(0, 1))
    const rows = contents(first)
    first.close()
    expect(() => openDatabase(databaseFile(data), [migrations[0], addColumn, failing])).toThrow('this step fails')
    const raw = new Database(databaseFile(data))
    expect([versionOf(raw), raw.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'half_done'").get()]).toMatchObject(
      [2, { n: 0 }],
    )
    raw.close()
    const again = openDatabase(databaseFile(data), [migrations[0], addColumn])
    expect(Object.values(contents(again)).flat().length).toBe(Object.values(rows).flat().length)
    again.close()
  })

  test('a database of a newer program is refused and left alone', async () => {
    const db = openDatabase(databaseFile(data))
    db.pragma('user_version = 99')
    db.close()
    await expect(open()).rejects.toThrow(
      `written by a newer version of this program (it is of version 99, this program knows ${migrations.length})`,
    )
    const raw = new Database(databaseFile(data))
    expect(versionOf(raw)).toBe(99)
    raw.close()
  })

  test('what is no database is refused by name and left alone', async () => {
    await writeFile(databaseFile(data), 'not a database, but long enough to look at'.repeat(100))
    await expect(open()).rejects.toThrow(/state\.db cannot be opened: it is no database of this program, or it is damaged/)
    expect((await stat(databaseFile(data))).size).toBe(4200)
  })
})

describe('files', () => {
  test('of two that write one file at once, one is there, whole, and no draft is left', async () => {
    const file = path.join(data, 'x')
    const texts = Array.from({ length: 20 }, (_, i) => Buffer.alloc(100_000, String.fromCharCode(97 + i)))
    await Promise.all(texts.map(text => writeWhole(file, text)))
    const { stdout } = await promisify(execFile)('cat', [file], { maxBuffer: 1e6 })
    expect(texts.map(String)).toContain(stdout)
    expect(await readdir(data)).toEqual(['x'])
  })

  test('drafts of the dead are swept, at any depth; those of the living and all else stay', async () => {
    const [old, young] = [Date.now() - 60_000, Date.now()]
    await promisify(execFile)('mkdir', ['-p', path.join(data, 'a/b')])
    for (const name of ['a/b/.5-0.part', '.a.png.7.part', '.5-1.part', 'a/kept.part', '.hidden'])
      await writeFile(path.join(data, name), 'x')
    await promisify(execFile)('touch', ['-d', new Date(old).toISOString(), ...['a/b/.5-0.part', '.a.png.7.part', 'a/kept.part', '.hidden'].map(name => path.join(data, name))]) // prettier-ignore
    expect(await sweepDrafts([data, path.join(data, 'missing')], young - 30_000)).toBe(2)
    expect((await readdir(data, { recursive: true })).sort()).toEqual(['.5-1.part', '.hidden', 'a', 'a/b', 'a/kept.part'])
  })
})
