import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFiles } from '../server/files.ts'
import { createMemoryQueue, type JobQueue } from '../server/queue.ts'
import { createRuns } from '../server/runs.ts'
import type { Sockets } from '../server/socket.ts'
import { createMemoryStore } from '../server/store.ts'
import { createWorker } from '../server/worker.ts'
import { arithmetic, connect, getJson, pngOf, submit, testServer, workerParts, type TestServer } from './server-parts.ts'
import { jobOf } from './state-parts.ts'

/** A server that is stopped and started again over the same folder. */

let data: string
let server: TestServer
beforeEach(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-restart-'))
  server = await testServer({ data })
})
afterEach(() => server.clean())
const restart = async () => {
  await server.close()
  server = await testServer({ data })
}

const steps = (count: number, wait: number) => ({
  1: { class_type: 'Steps', inputs: { count, wait, size: 8 } },
  2: { class_type: 'Show', inputs: { value: ['1', 0] } },
})
type Queue = { queue_running: unknown[][]; queue_pending: unknown[][] }
const ended = async (id: string) => {
  for (let tries = 0; tries < 400; tries++) {
    const history = (await getJson(server, `/history/${id}`)) as Record<string, { status: { completed: boolean } }>
    if (history[id]) return history[id]
    await sleep(25)
  }
  throw new Error(`job ${id} never ended`)
}

test('a stop puts the running job off: its client hears of no end, and the next server runs it under the same id', async () => {
  const client = await connect(server)
  const { body } = await submit(server, steps(40, 25), { client_id: client.id })
  await client.until(one => one.type === 'progress')
  await restart()
  expect(client.heard.map(({ type }) => type)).not.toContain('execution_interrupted')
  expect(client.heard.filter(one => one.type === 'executing' && one.data.node === null)).toEqual([])
  expect((await ended(body.prompt_id)).status.completed).toBe(true)
  expect(server.counts).toEqual({ Steps: 1, Show: 1 })
})

test('the queue is the same after a restart: order, numbers, front, and what comes next', async () => {
  const slow = await submit(server, steps(200, 25))
  const [a, b] = [await submit(server, steps(1, 0)), await submit(server, steps(2, 0))]
  const front = await submit(server, steps(3, 0), { front: true })
  const before = (await getJson(server, '/queue')) as Queue
  expect(before.queue_pending.map(([number]) => number)).toEqual([-3, 1, 2])
  await restart()
  const after = (await getJson(server, '/queue')) as Queue
  const all = ({ queue_running, queue_pending }: Queue) =>
    [...queue_running, ...queue_pending].sort(([x], [y]) => Number(x) - Number(y))
  expect(all(after)).toEqual(all(before))
  expect((await submit(server, steps(4, 0))).body.number).toBe(4)
  await fetch(`${server.origin}/interrupt`, { method: 'POST', body: JSON.stringify({ prompt_id: slow.body.prompt_id }) })
  for (const { body } of [front, a, b]) expect((await ended(body.prompt_id)).status.completed).toBe(true)
})

test('what ended is told the same by the next server; ids that were used stay used', async () => {
  const { body } = await submit(server, steps(1, 0))
  await ended(body.prompt_id)
  const asked = ['/history', `/history/${body.prompt_id}`, '/jobs', `/jobs/${body.prompt_id}`]
  const before = await Promise.all(asked.map(route => getJson(server, route)))
  await restart()
  expect(await Promise.all(asked.map(route => getJson(server, route)))).toEqual(before)
  expect((await submit(server, steps(1, 0), { prompt_id: body.prompt_id })).status).toBe(400)
})

test('a job that saved pictures before the stop saves them again under their names, and nobody else gets those', async () => {
  await writeFile(path.join(data, 'input/a.png'), await pngOf(8, 8))
  const graph = (wait: number) => ({
    1: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: 'kept' } },
    ...Object.fromEntries(Object.entries(steps(30, wait)).map(([id, node]) => [`9${id}`, { ...node, inputs: id === '2' ? { value: ['91', 0] } : node.inputs }])), // prettier-ignore
  })
  const { body } = await submit(server, graph(40))
  while (!(await readdir(path.join(data, 'output'))).length) await sleep(10)
  await server.close()
  // As if its picture had not been written to the end: the name is its own all the same.
  await rm(path.join(data, 'output/kept_00001_.png'))
  server = await testServer({ data })
  const other = await submit(server, { ...graph(0), 2: { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: 'kept' } } }, { front: true }) // prettier-ignore
  const images = async (id: string) =>
    (await ended(id)) as unknown as { outputs: Record<string, { images: { filename: string }[] }> }
  expect((await images(body.prompt_id)).outputs['2'].images).toMatchObject([{ filename: 'kept_00001_.png' }])
  await ended(other.body.prompt_id)
  expect((await readdir(path.join(data, 'output'))).filter(name => name.startsWith('.'))).toEqual([])
})

test.each(['asc', 'desc'])(
  'the pages of the list of jobs, put together, are the list, also while jobs wait (%s)',
  async order => {
    for (let i = 1; i <= 4; i++) await ended((await submit(server, steps(i, 0))).body.prompt_id)
    for (const number of [1, 2, 3]) await submit(server, steps(500, 10 + number))
    type Page = { jobs: { id: string }[]; pagination: { total: number; has_more: boolean } }
    const page = async (limit: number, offset: number) =>
      (await getJson(server, `/jobs?sort_order=${order}&limit=${limit}&offset=${offset}`)) as Page
    const whole = await page(100, 0)
    expect([whole.jobs.length, whole.pagination]).toMatchObject([7, { total: 7, has_more: false }])
    for (const limit of [1, 2, 3, 5]) {
      const pages: Page[] = []
      do pages.push(await page(limit, limit * pages.length))
      while (pages.at(-1)!.pagination.has_more)
      expect(pages.flatMap(({ jobs }) => jobs.map(({ id }) => id))).toEqual(whole.jobs.map(({ id }) => id))
    }
  },
)

describe('the running job when the server stops', () => {
  const make = (changed: (queue: JobQueue) => JobQueue = queue => queue) => {
    const store = createMemoryStore()
    const queue = changed(createMemoryQueue(store))
    const roots = { input: [], output: [], temp: [], user: [], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] } // prettier-ignore
    const runner = createWorker(workerParts({ catalog: arithmetic(), files: createFiles(roots) }))
    const nobody = { send: () => {}, sendIfIdle: () => {}, preview: () => {} } as unknown as Sockets
    const runs = createRuns({ queue, runner, sockets: () => nobody, log: () => {}, warn: () => {} })
    return { store, queue, runs }
  }
  const begin = async (count: number, wait: number) => {
    const { store, queue, runs } = make()
    await runs.submit(jobOf('a', 0, { prompt: steps(count, wait), outputs: ['2'] }))
    await runs.submit(jobOf('b', 1, { prompt: steps(1, 0), outputs: ['2'] }))
    while ((await queue.count()).running === 0) await sleep(1)
    await sleep(30)
    return { store, queue, runs }
  }
  const ids = (jobs: readonly { promptId: string }[]) => jobs.map(({ promptId }) => promptId)

  test('may end within the grace it is given, and nothing is taken after it', async () => {
    const { store, queue, runs } = await begin(20, 10)
    await runs.close({ grace: 20_000 })
    expect((await store.get('a'))!.status.completed).toBe(true)
    expect(ids(await queue.pending())).toEqual(['b'])
  })

  test('goes back to its place when the grace is over', async () => {
    const { store, queue, runs } = await begin(10_000, 10)
    await runs.close({ grace: 50 })
    expect([await store.get('a'), ids(await queue.pending())]).toEqual([undefined, ['a', 'b']])
  })

  test('ends even if that is asked while it is taken and not yet run', async () => {
    let go: () => void = () => {}
    const held = new Promise<void>(resolve => (go = resolve))
    // Before a job is run everybody is told how many there are, which takes its time.
    const { store, runs, queue } = make(queue => ({
      ...queue,
      count: async () => {
        if ((await queue.running()).length > 0) await held
        return queue.count()
      },
    }))
    await runs.submit(jobOf('a', 0, { prompt: steps(10_000, 10), outputs: ['2'] }))
    do await sleep(1)
    while ((await queue.running()).length === 0)
    expect(await runs.interrupt('a')).toBe(true)
    go()
    while (!(await store.get('a'))) await sleep(5)
    expect((await store.get('a'))!.status).toMatchObject({ status_str: 'error', completed: false })
    await runs.close()
  })

  test('is told as interrupted when somebody asked for that, stop or no stop', async () => {
    const { store, queue, runs } = await begin(10_000, 10)
    const closing = runs.close({ grace: 20_000 })
    await runs.interrupt('a')
    await closing
    expect((await store.get('a'))!.status).toMatchObject({ completed: false, messages: expect.arrayContaining([['execution_interrupted', expect.anything()]]) }) // prettier-ignore
    expect(ids(await queue.pending())).toEqual(['b'])
  })
})
