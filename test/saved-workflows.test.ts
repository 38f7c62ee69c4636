import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { openDatabase } from '../server/database/open.ts'
import { createSqlRows } from '../server/database/workflows.ts'
import { createFiles } from '../server/files.ts'
import { createMemoryRows } from '../server/memory-workflows.ts'
import { createSavedWorkflows, type SavedWorkflows } from '../server/saved-workflows.ts'
import { createUserFiles } from '../server/user-files.ts'
import { kept, surplus, type Version } from '../server/workflow-versions.ts'

/** Laws of saved workflows and their versions, wherever they live. */

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-saved-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const day = 24 * 3600 * 1000
const graph = (count: number) =>
  Buffer.from(JSON.stringify({ nodes: Array.from({ length: count }, (_, id) => ({ id })), links: [] }))

describe.each([
  ['in memory', createMemoryRows],
  ['in a database', () => createSqlRows(openDatabase(path.join(folder, 'state.db')))],
])('%s', (_, rows) => {
  let time: number
  let saved: SavedWorkflows
  const begin = (bounds = kept) => {
    saved = createSavedWorkflows(rows(), { now: () => time, bounds })
  }
  beforeEach(() => {
    time = 1000
    begin()
  })
  const save = (name: string, bytes: Buffer | string, at = time + 1) => {
    time = at
    return saved.save(name, Buffer.from(bytes))
  }
  const text = async (name: string) => (await saved.read(name)) && Buffer.from((await saved.read(name))!).toString()
  const all = async (name: string) =>
    Promise.all(
      (await saved.versions(name)).map(
        async ({ number, current }) => `${number}${current ? '*' : ''} ${Buffer.from(await saved.version(name, number)).toString()}`, // prettier-ignore
      ),
    )

  test('what was saved is read again byte by byte, whatever the bytes are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const one of [bytes, Buffer.alloc(0), graph(3)]) {
      await save('a', one)
      expect(Buffer.from((await saved.read('a'))!).equals(one)).toBe(true)
    }
    expect(await saved.read('b')).toBeUndefined()
  })

  test('every save is a version, with its time, size and number of nodes; the same bytes again are none, but count as saved', async () => {
    await save('a', graph(2), 5)
    expect(await save('a', graph(3), 6)).toEqual({ path: 'a', size: graph(3).length, modified: 6, created: 5 })
    expect(await save('a', graph(3), 7)).toMatchObject({ modified: 7, created: 5 })
    await save('a', 'no graph', 8)
    expect((await saved.versions('a')).map(({ number, saved, nodes, current }) => [number, saved, nodes, current])).toEqual([
      [3, 8, null, true],
      [2, 7, 3, false],
      [1, 5, 2, false],
    ])
  })

  test('restoring makes a new version and loses none', async () => {
    for (const word of ['one', 'two']) await save('a', word)
    await saved.restore('a', 1)
    expect(await all('a')).toEqual(['3* one', '2 two', '1 one'].sort().reverse())
    await expect(saved.restore('a', 9)).rejects.toMatchObject({ status: 404, message: 'There is no version 9 of "workflows/a"' })
    await expect(saved.versions('none')).rejects.toMatchObject({ status: 404 })
  })

  test('what was deleted is gone from lists, comes back with all versions, and is forgotten after 30 days', async () => {
    for (const word of ['one', 'two']) await save('a', word)
    await save('b', 'other')
    expect([await saved.remove('a'), await saved.remove('a'), await saved.remove('none')]).toEqual([true, false, false])
    expect([(await saved.list()).map(({ path }) => path), await saved.find('a'), await text('a')]).toEqual([['b'], undefined, undefined]) // prettier-ignore
    expect(await saved.deleted()).toEqual([{ path: 'a', deleted: time }])
    await saved.restore('a', 1)
    expect([await text('a'), await saved.deleted(), (await saved.versions('a')).length]).toEqual(['one', [], 3])
    await saved.remove('a')
    time += 30 * day
    await save('b', 'later', time)
    expect(await saved.versions('a')).toHaveLength(3)
    await save('b', 'too late', time + 1)
    await expect(saved.versions('a')).rejects.toMatchObject({ status: 404 })
    await saved.remove('b')
    await save('c', 'x')
    time += 31 * day
    await saved.remove('c')
    await expect(saved.versions('b')).rejects.toMatchObject({ status: 404 })
  })

  test('what is forgotten is gone with all its versions, whether it was deleted before or not, and no other', async () => {
    for (const name of ['a', 'b', 'c']) for (const word of ['one', 'two']) await save(name, word)
    await saved.remove('a')
    expect([await saved.forget('a'), await saved.forget('b'), await saved.forget('b')]).toEqual([true, true, false])
    for (const name of ['a', 'b']) await expect(saved.versions(name)).rejects.toMatchObject({ status: 404 })
    expect([await saved.deleted(), await all('c')]).toEqual([[], ['2* two', '1 one']])
    await save('a', 'new')
    expect(await all('a')).toEqual(['1* new'])
  })

  test("saved under the name of a deleted one, it goes on with that one's versions", async () => {
    await save('a', 'old')
    await saved.remove('a')
    await save('a', 'new')
    expect(await all('a')).toEqual(['2* new', '1 old'])
  })

  test('the first version of a deleted one is what it was, also where a move had put it over something saved later', async () => {
    await save('a', 'moved')
    await save('b', 'gave way')
    await saved.move('a', 'b')
    time += 1
    await saved.remove('b')
    const [{ number }] = await saved.versions('b')
    await saved.restore('b', number)
    expect(await text('b')).toBe('moved')
  })

  test('a move takes the versions along, and those of what it replaces stay as its past', async () => {
    for (const word of ['a1', 'a2']) await save('a', word)
    for (const word of ['b1', 'b2', 'b3']) await save('b', word)
    await expect(saved.move('a', 'b', { overwrite: false })).rejects.toMatchObject({ status: 409 })
    expect(await saved.move('a', 'b')).toMatchObject({ path: 'b' })
    expect([await text('a'), await text('b')]).toEqual([undefined, 'a2'])
    expect((await all('b')).sort()).toEqual(['1 b1', '2 b2', '3 b3', '4 a1', '5* a2'])
    await saved.move('b', 'c/d')
    expect([(await saved.list()).map(({ path }) => path), (await all('c/d')).length]).toEqual([['c/d'], 5])
    await expect(saved.move('none', 'x')).rejects.toMatchObject({ status: 404 })
  })

  test('nothing is a file and a folder at once, and a save that is refused changes nothing', async () => {
    await save('a', 'x')
    await save('s/t/u', 'x')
    for (const [name, problem] of [
      ['a/b', /"workflows\/a" is a file/],
      ['s/t', /"workflows\/s\/t" is a folder/],
    ] as const)
      // prettier-ignore
      await expect(saved.save(name, Buffer.from('y'))).rejects.toMatchObject({ status: 400, message: expect.stringMatching(problem) })
    await expect(saved.move('a', 's')).rejects.toMatchObject({ status: 400 })
    await expect(saved.save('a', Buffer.from('y'), { overwrite: false })).rejects.toMatchObject({ status: 409 })
    expect([(await saved.list()).map(({ path }) => path), await text('a')]).toEqual([['a', 's/t/u'], 'x'])
    // What only looks alike is neither.
    await save('s/t.json', 'x')
    for (const name of ['s0', 'q0b', 'qx/y', 'q']) await save(name, 'x')
    expect(await saved.list()).toHaveLength(7)
  })

  test('beyond the bounds versions go, never the newest, and no number is given twice', async () => {
    begin({ versions: 4, newest: 2, bytes: 1000 })
    for (let i = 1; i <= 20; i++) await save('a', `${i}`)
    expect(await saved.versions('a')).toHaveLength(4)
    expect((await all('a')).slice(0, 2)).toEqual(['20* 20', '19 19'])
    await save('a', 'x'.repeat(990))
    await save('a', 'y'.repeat(5000))
    expect((await saved.versions('a')).map(({ number }) => number)).toEqual([22])
  })

  test('a file that is taken over is the newest, an earlier version or known already, by its time and its bytes', async () => {
    const take = (bytes: string, modified: number) =>
      saved.together(() => saved.take('a', Buffer.from(bytes), { modified, created: 1 }))
    expect(take('first', 100)).toBe('current')
    expect(await saved.find('a')).toEqual({ path: 'a', size: 5, modified: 100, created: 1 })
    expect(take('first', 100)).toBe('known')
    await save('a', 'edited', 200)
    expect(take('first', 100)).toBe('known')
    expect(take('between', 150)).toBe('earlier')
    expect(await text('a')).toBe('edited')
    expect(take('newer', 300)).toBe('current')
    expect(take('first', 400)).toBe('current')
    expect((await all('a')).map(one => one.split(' ')[1])).toEqual(['first', 'newer', 'edited', 'between', 'first'])
    time = 500
    await saved.remove('a')
    // The file whose move failed is no reason to bring back what was deleted meanwhile; one that came since is.
    expect([take('first', 400), await text('a'), take('first', 600), await text('a')]).toEqual(['known', undefined, 'current', 'first']) // prettier-ignore
  })

  test('to a client it is one more folder: any sequence of requests is answered as among files', async () => {
    const roots = { input: [], output: [], temp: [], user: [path.join(folder, 'user')], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] } // prettier-ignore
    const userFiles = createUserFiles(createFiles(roots), createSavedWorkflows(rows()))
    const names = ['a.json', 'b.json', 's/a.json', 's/t/b.json', 'a.json/c', 's', '../x', 's//a', '.hidden', 'ü.json', '']
    const name = fc.constantFrom(...names)
    const overwrite = fc.boolean()
    const step = fc.oneof(
      fc.record({ what: fc.constant('write' as const), name, text: fc.string({ maxLength: 5 }), overwrite }),
      fc.record({ what: fc.constant('move' as const), name, to: name, overwrite }),
      fc.record({ what: fc.constant('list' as const), name, recurse: fc.boolean() }),
      ...(['read', 'remove', 'entries'] as const).map(what => fc.record({ what: fc.constant(what), name })),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        for (const one of steps) {
          const answers = []
          for (const home of ['workflows', 'others']) {
            answers.push(await answerOf(userFiles, home, one))
            await removeEmpty(path.join(folder, 'user/data/others'))
          }
          expect([one, answers[0]]).toEqual([one, answers[1]])
        }
        for (const home of ['workflows', 'others'])
          for (const { path } of await userFiles.list(home, true)) await userFiles.remove(`${home}/${path}`)
        await removeEmpty(path.join(folder, 'user/data/others'))
      }),
      { numRuns: 60 },
    )
  })

  test('a move between the workflows and other files takes the bytes along, either way', async () => {
    const roots = { input: [], output: [], temp: [], user: [path.join(folder, 'user')], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] } // prettier-ignore
    const userFiles = createUserFiles(createFiles(roots), saved)
    await userFiles.write('note.txt', Buffer.from('hello'), { overwrite: true })
    expect(await userFiles.move('note.txt', 'workflows/note.txt', { overwrite: false })).toMatchObject({ path: 'workflows/note.txt', size: 5 }) // prettier-ignore
    expect([await text('note.txt'), await readdir(path.join(folder, 'user/data'))]).toEqual(['hello', []])
    expect(await userFiles.entries('')).toEqual([{ name: 'workflows', path: 'workflows', type: 'directory' }])
    await userFiles.write('back.txt', Buffer.from('in the way'), { overwrite: true })
    const back = (overwrite: boolean) => userFiles.move('workflows/note.txt', 'back.txt', { overwrite })
    await expect(back(false)).rejects.toMatchObject({ status: 409 })
    expect(await text('note.txt')).toBe('hello')
    await userFiles.write('large.txt', Buffer.alloc((8 << 20) + 1), { overwrite: true })
    await expect(userFiles.move('large.txt', 'workflows/large.txt', { overwrite: true })).rejects.toMatchObject({ status: 413 })
    expect((await userFiles.read('large.txt')).length).toBe((8 << 20) + 1)
    await back(true)
    expect([await text('note.txt'), Buffer.from(await userFiles.read('back.txt')).toString()]).toEqual([undefined, 'hello'])
  })
})

type Step = { what: string; name: string; to?: string; text?: string; overwrite?: boolean; recurse?: boolean }

/** What a client would be told, with the name of the folder taken out and without times. */
async function answerOf(files: ReturnType<typeof createUserFiles>, home: string, step: Step): Promise<unknown> {
  const { what, text = '', overwrite = true } = step
  const at = (name: string) => (name === '' ? home : `${home}/${name}`)
  const ask = (): Promise<unknown> => {
    if (what === 'write') return files.write(at(step.name), Buffer.from(text), { overwrite })
    if (what === 'move') return files.move(at(step.name), at(step.to!), { overwrite })
    if (what === 'read') return files.read(at(step.name)).then(bytes => Buffer.from(bytes).toString('hex'))
    if (what === 'remove') return files.remove(at(step.name))
    return what === 'list' ? files.list(at(step.name), step.recurse!) : files.entries(at(step.name))
  }
  // The folder itself is no file; on a disk it may not be there yet, and a file could be made of it.
  if (['write', 'move'].includes(what) && (step.name === '' || step.to === '')) return undefined
  const answer = await ask().catch(({ status, type }: { status?: number; type?: string }) => ({ status, type }))
  return JSON.parse(
    JSON.stringify(answer ?? null, (key, value: unknown) => (/modified|created/.test(key) ? 0 : value)).replaceAll(
      `"${home}/`,
      '"',
    ),
  )
}

async function removeEmpty(place: string): Promise<void> {
  const entries = await readdir(place, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeEmpty(path.join(place, entry.name))
  await rmdir(place).catch(() => {})
}

describe('which versions stay', () => {
  const versions = (gaps: readonly number[], size = 1): Version[] =>
    gaps.map((_, i) => ({
      number: i + 1,
      saved: gaps.slice(0, i + 1).reduce((a, b) => a + b, 0),
      size,
      digest: `${i}`,
      nodes: 1,
    }))

  test('the bounds hold whatever there is, the current one stays, and no more goes than must', () => {
    const bounds = { versions: 8, newest: 3, bytes: 60 }
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(20)), { minLength: 1, maxLength: 40 }), fc.nat(), (given, at) => {
        const all = versions(given.map(([gap]) => gap)).map((version, i) => ({ ...version, size: given[i][1] }))
        const current = all[at % all.length].number
        const gone = surplus(all, current, bounds)
        const left = all.filter(({ number }) => !gone.includes(number))
        const bytes = left.reduce((sum, { size }) => sum + size, 0)
        expect(left.map(({ number }) => number)).toContain(current)
        expect(left.length <= 8 && (bytes <= 60 || left.length === 1)).toBe(true)
        const last = all.find(({ number }) => number === gone.at(-1))
        if (last) expect(left.length + 1 > 8 || bytes + last.size > 60).toBe(true)
      }),
    )
  })

  test('of older ones the one that was replaced soonest goes first', () => {
    expect(surplus(versions([1, 100, 1, 99, 100]), 5, { versions: 3, newest: 1, bytes: 99 })).toEqual([2, 3])
    expect(surplus(versions([1, 100, 1, 99, 100]), 2, { versions: 3, newest: 1, bytes: 99 })).toEqual([3, 1])
  })

  test('an hour of saves every ten seconds leaves what was there yesterday and the week before', () => {
    let stored: Version[] = []
    const add = (saved: number) => {
      stored.push({ number: stored.length ? stored.at(-1)!.number + 1 : 1, saved, size: 1, digest: '', nodes: 1 })
      const gone = surplus(stored, stored.at(-1)!.number)
      stored = stored.filter(({ number }) => !gone.includes(number))
    }
    for (const days of [0, 6, 7]) for (let i = 0; i < 3; i++) add(days * day + i * 3600_000)
    for (let i = 0; i < 360; i++) add(8 * day + i * 10_000)
    expect(stored).toHaveLength(50)
    expect(stored.slice(0, 9).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(stored.slice(-10).map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, i) => 360 + i))
  })
})
