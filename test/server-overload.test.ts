import { mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, getJson, submit, testServer, type Submitted } from './server-parts.ts'

const sum = (a: number) => ({
  a: { class_type: 'Add', inputs: { a, b: 1 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
})
const long = {
  a: { class_type: 'Steps', inputs: { count: 10_000, wait: 10, size: 8 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
}

type Answer = { status: number; retry: string | null; body: Submitted }

/** So many different graphs, all posted before the first answer. */
const flood = (server: { origin: string }, count: number): Promise<Answer[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const response = await fetch(`${server.origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: sum(i) }) })
      const body = (await response.json()) as Submitted
      return { status: response.status, retry: response.headers.get('retry-after'), body }
    }),
  )

async function historyOf(server: { origin: string }, count: number): Promise<[string, { outputs: object }][]> {
  for (let tries = 0; tries < 600; tries++) {
    const entries = Object.entries(await getJson(server, '/history')) as [string, { outputs: object }][]
    if (entries.length >= count) return entries
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`fewer than ${count} jobs ended`)
}

test('bar 22: of 500 prompts at once each is taken, run once and in the order of its number', async () => {
  const server = await testServer()
  const answers = await flood(server, 500)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  const ran = (await historyOf(server, 500)).map(([id]) => id)
  const numbered = answers.map(({ body }) => body).sort((a, b) => a.number - b.number)
  expect(ran).toEqual(numbered.map(({ prompt_id }) => prompt_id))
  expect(server.counts.Add).toBe(500)
  await server.clean()
})

test('beyond what may wait a graph is refused with 429 and Retry-After; none that was acknowledged is lost, none other runs', async () => {
  const server = await testServer({ queueLimit: 50 })
  const client = await connect(server)
  const first = await submit(server, long, { client_id: client.id })
  await client.until(one => one.type === 'frame')
  const answers = await flood(server, 120)
  const taken = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status !== 200)
  expect(taken).toHaveLength(50)
  expect(refused.map(({ status, retry, body }) => [status, retry, body.error.type])).toEqual(
    Array(70).fill([429, '10', 'queue_full']),
  )
  await fetch(`${server.origin}/interrupt`, { method: 'POST' })
  const ran = (await historyOf(server, 51)).map(([id]) => id)
  expect(new Set(ran)).toEqual(new Set([first.body.prompt_id, ...taken.map(({ body }) => body.prompt_id)]))
  expect(server.counts.Add).toBe(50)
  await client.close()
  await server.clean()
})

test('beyond the bytes that may wait a graph is refused, too, and after a restart what waits still counts', async () => {
  const text = 'x'.repeat(100_000)
  const post = async (server: { origin: string }, i: number) => {
    const extra_data = { extra_pnginfo: { workflow: { text } } }
    const body = JSON.stringify({ prompt: sum(i), extra_data })
    const response = await fetch(`${server.origin}/prompt`, { method: 'POST', body })
    return [response.status, response.headers.get('retry-after'), ((await response.json()) as Submitted).error?.type]
  }
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-room-'))
  const options = { data, queueSizeLimit: 1 << 20 }
  const server = await testServer(options)
  await submit(server, long)
  while (!server.counts.Steps) await sleep(5)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post(server, i)))
  expect(answers.filter(([status]) => status === 200)).toHaveLength(10)
  expect(answers.filter(([status]) => status !== 200)).toEqual(Array(10).fill([429, '10', 'queue_full']))
  await server.close()

  const next = await testServer(options)
  while (!next.counts.Steps) await sleep(5)
  expect(await post(next, 20)).toEqual([429, '10', 'queue_full'])
  await fetch(`${next.origin}/queue`, { method: 'POST', body: '{"clear":true}' })
  expect(await post(next, 21)).toEqual([200, null, undefined])
  await next.clean()
})

test('only so many ended jobs are remembered as the server was told', async () => {
  const server = await testServer({ historyCapacity: 3 })
  const client = await connect(server)
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    const { body } = await submit(server, sum(i), { client_id: client.id })
    await client.done(body.prompt_id)
    ids.push(body.prompt_id)
  }
  expect(Object.keys(await getJson(server, '/history'))).toEqual(ids.slice(2))
  await client.close()
  await server.clean()
})
