import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { openStorage, type Storage } from '../server/storage.ts'
import { claimOf, entryOf, jobOf } from './state-parts.ts'

/** Laws of queue and store, wherever they live. */

let data: string
beforeEach(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-state-'))
})
afterEach(() => rm(data, { recursive: true, force: true }))

const open = (inMemory: boolean, historyCapacity?: number, room = {}) =>
  openStorage({ data, inMemory, historyCapacity, ...room, tell: () => {} })
const ids = (jobs: readonly { promptId: string }[]) => jobs.map(({ promptId }) => promptId)
const takeAll = async ({ queue }: Storage, count: number) => {
  const taken: string[] = []
  for (let i = 0; i < count; i++) taken.push((await queue.take())!.promptId)
  return taken
}

describe.each([
  ['in memory', true],
  ['in a database', false],
])('%s', (_, inMemory) => {
  let storage: Storage
  beforeEach(async () => {
    storage = await open(inMemory, 5)
  })
  afterEach(() => storage.close())

  test('jobs run by number, those of one number as they came; fractions and numbers below 0 count', async () => {
    for (const [id, number] of [['a', 1], ['b', 1], ['c', 0.5], ['d', -3], ['e', 1e300]] as const) await storage.queue.add(jobOf(id, number)) // prettier-ignore
    expect(await takeAll(storage, 5)).toEqual(['d', 'c', 'a', 'b', 'e'])
  })

  test('a job is the same after it waited, whatever is in it', async () => {
    const job = jobOf('a', 2, {
      clientId: 'me',
      extraData: { create_time: 1, text: 'ü\u0000"\u2028', deep: { list: [1, null] } },
    })
    await storage.queue.add(job)
    expect(await storage.queue.pending()).toEqual([job])
    expect(await storage.queue.take()).toEqual(job)
  })

  test('who waits for a job gets it when it comes, and nothing once the queue is closed', async () => {
    const first = storage.queue.take()
    await storage.queue.add(jobOf('a'))
    expect((await first)!.promptId).toBe('a')
    const second = storage.queue.take()
    storage.queue.close()
    expect(await second).toBeUndefined()
  })

  test('an id that waits or runs is refused, alone among many that come at once', async () => {
    const added = await Promise.allSettled(['a', 'b', 'a', 'c'].map(id => storage.queue.add(jobOf(id))))
    expect(added.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(added[2]).toMatchObject({
      reason: { type: 'invalid_prompt_id', message: expect.stringContaining('a was used before') },
    })
    await storage.queue.take()
    await expect(storage.queue.add(jobOf('a'))).rejects.toThrow('used before')
    expect(ids(await storage.queue.pending()).sort()).toEqual(['b', 'c'])
  })

  test('no more bytes wait than may: of many that come at once exactly those fit, and what is begun or taken out makes room', async () => {
    await storage.close()
    const filled = (id: string) => jobOf(id, 0, { extraData: { text: 'ü'.repeat(500) } })
    const bytes = Buffer.byteLength(JSON.stringify(filled('a')))
    storage = await open(inMemory, 5, { queueSizeLimit: 3 * bytes })
    const add = (...names: string[]) =>
      Promise.allSettled(names.map(id => storage.queue.add(filled(id)))).then(all =>
        all.map(({ status }) => status === 'fulfilled'),
      )
    expect(await add('a', 'b', 'c', 'd', 'e')).toEqual([true, true, true, false, false])
    await expect(storage.queue.checkRoom()).rejects.toMatchObject({ type: 'queue_full', status: 429 })
    expect(await storage.queue.take()).toMatchObject({ promptId: 'a' })
    expect(await add('f', 'g')).toEqual([true, false])
    // What is put back was acknowledged: it waits again, over the limit.
    await storage.queue.release('a')
    expect(await storage.queue.count()).toEqual({ pending: 4, running: 0 })
    await storage.queue.remove(['a', 'b'])
    expect(await add('h', 'i')).toEqual([true, false])
    // An id that is there takes no room.
    await storage.queue.remove(['h'])
    expect(await add('c', 'j')).toEqual([false, true])
    await expect(storage.queue.add(jobOf('k', 0, { extraData: { text: 'x'.repeat(4 * bytes) } }))).rejects.toMatchObject({
      type: 'graph_too_large',
      status: 413,
    })
  })

  test('a job counts as running until it is finished, and is told as there or not there', async () => {
    for (const id of ['a', 'b']) await storage.queue.add(jobOf(id))
    await storage.queue.take()
    expect(await storage.queue.count()).toEqual({ pending: 1, running: 1 })
    expect([ids(await storage.queue.running()), await storage.queue.has('a'), await storage.queue.has('z')]).toEqual([
      ['a'],
      true,
      false,
    ])
    await storage.queue.finish('a', entryOf(jobOf('a')))
    expect([await storage.queue.count(), await storage.queue.has('a')]).toEqual([{ pending: 1, running: 0 }, false])
    expect(await storage.store.get('a')).toEqual(entryOf(jobOf('a')))
  })

  test('a job that is put back is the next one again', async () => {
    for (const id of ['a', 'b', 'c']) await storage.queue.add(jobOf(id))
    await storage.queue.take()
    await storage.queue.release('a')
    expect(await takeAll(storage, 3)).toEqual(['a', 'b', 'c'])
  })

  test('only what waits can be taken out', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await storage.queue.add(jobOf(id))
    await storage.queue.take()
    expect(ids(await storage.queue.remove(['a', 'c', 'none']))).toEqual(['c'])
    expect(ids(await storage.queue.remove())).toEqual(['b', 'd'])
    expect(await storage.queue.count()).toEqual({ pending: 0, running: 1 })
  })

  test('history keeps the first word on a job, oldest first, and no more than its capacity', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await storage.store.add(entryOf(jobOf(id)))
    await storage.store.add(entryOf(jobOf('f'), 'failed'))
    const all = await storage.store.page()
    expect(ids(all.map(({ job }) => job))).toEqual(['b', 'c', 'd', 'e', 'f'])
    expect(all.at(-1)!.status.completed).toBe(true)
  })

  test.each([
    [undefined, undefined, 'bcdef'],
    [2, undefined, 'ef'],
    [2, 0, 'bc'],
    [2, 4, 'f'],
    [undefined, 3, 'ef'],
    [0, undefined, ''],
    [-1, undefined, ''],
    [2, -1, 'ef'],
    [2, 9, ''],
  ])('a page of max_items %s with offset %s', async (maxItems, offset, expected) => {
    for (const id of 'bcdef') await storage.store.add(entryOf(jobOf(id)))
    expect(ids((await storage.store.page(maxItems, offset)).map(({ job }) => job)).join('')).toBe(expected)
  })

  test('ended jobs are found by state and workflow, sorted by time or duration, with how many there are', async () => {
    const withWorkflow = (id: string, number: number, workflow: string) =>
      jobOf(id, number, { extraData: { create_time: number, extra_pnginfo: { workflow: { id: workflow } } } })
    await storage.store.add(entryOf(withWorkflow('a', 3, 'w'), 'completed', 30))
    await storage.store.add(entryOf(withWorkflow('b', 1, 'w'), 'failed', 10))
    await storage.store.add(entryOf(withWorkflow('c', 2, 'v'), 'cancelled', 20))
    const found = async (query: Partial<Parameters<typeof storage.store.find>[0]>) => {
      const { entries, total } = await storage.store.find({ limit: 10, ...query })
      return [ids(entries.map(({ job }) => job)).join(''), total]
    }
    expect(await found({})).toEqual(['acb', 3])
    expect(await found({ ascending: true })).toEqual(['bca', 3])
    expect(await found({ by: 'duration', limit: 1, offset: 1 })).toEqual(['c', 3])
    expect(await found({ states: ['failed', 'cancelled', 'pending'] })).toEqual(['cb', 2])
    expect(await found({ states: [] })).toEqual(['', 0])
    expect(await found({ workflowId: 'w', ascending: true })).toEqual(['ba', 2])
  })

  test('settings are set together and read as they were', async () => {
    await storage.store.settings.set({ a: { deep: [1, null] }, b: 'text', 'Comfy.x"': false })
    await storage.store.settings.set({ b: null })
    expect(await storage.store.settings.all()).toEqual({ a: { deep: [1, null] }, b: null, 'Comfy.x"': false })
  })

  test('a change of names that fails changes nothing', async () => {
    await storage.store.names.change('x', () => 'one')
    expect(await storage.store.names.change('x', text => `${text} two`)).toBe('one two')
    const failing = () => storage.store.names.change('x', () => { throw new Error('no') }) // prettier-ignore
    await expect(failing()).rejects.toThrow('no')
    expect([await storage.store.names.get('x'), await storage.store.names.get('y')]).toEqual(['one two', undefined])
  })

  describe('names of pictures', () => {
    const claim = (...args: Parameters<typeof claimOf>) => storage.store.outputs.claim(claimOf(...args))
    beforeEach(async () => {
      for (const id of ['a', 'b']) await storage.queue.add(jobOf(id))
      for (let i = 0; i < 2; i++) await storage.queue.take()
    })

    test('count on from what lies in the folder, and say their place in the batch', async () => {
      expect(await claim('a', { count: 2, from: 7 })).toEqual(['out_00007_.png', 'out_00008_.png'])
      expect(await claim('b', { stem: 'x%batch_num%y', count: 2 })).toEqual(['x0y_00001_.png', 'x1y_00002_.png'])
    })

    test('a job that runs again gets the same ones, however the folder looks by then, and new ones for what is new', async () => {
      const first = await claim('a', { count: 2 })
      expect(await claim('a', { count: 2, from: 3 })).toEqual(first)
      expect(await claim('a', { count: 3, from: 3 })).toEqual([...first, 'out_00003_.png'])
      expect(await claim('a', { position: 1, from: 9 })).toEqual([first[1]])
    })

    test('two jobs and two nodes never get one name, though no picture lies there yet', async () => {
      const all = [await claim('a'), await claim('b'), await claim('a', { node: '10' }), await claim('b', { position: 1 })]
      expect(new Set(all.flat()).size).toBe(4)
      expect(await claim('b', { node: '11', subfolder: 'other' })).toEqual(['out_00001_.png'])
    })

    test('a name is free again when its job has ended and its picture is gone; it then belongs to the next job', async () => {
      await claim('a')
      await storage.queue.finish('a', entryOf(jobOf('a')))
      expect(await claim('b', { from: 1 })).toEqual(['out_00001_.png'])
      expect([await storage.store.outputs.of('a'), await storage.store.outputs.of('b')]).toEqual([
        [],
        [{ promptId: 'b', node: '9', type: 'output', subfolder: '', filename: 'out_00001_.png' }],
      ])
    })

    test('what is forgotten of a job is forgotten of its pictures', async () => {
      await claim('a')
      await storage.queue.finish('a', entryOf(jobOf('a')))
      await claim('b', { from: 2 })
      await storage.store.clear()
      expect([await storage.store.outputs.of('a'), (await storage.store.outputs.of('b')).length]).toEqual([[], 1])
    })
  })
})
