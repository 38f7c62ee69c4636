import { mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { createLog } from '../server/log.ts'
import { connect, getJson, pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'

const steps = (count: number, wait: number) => ({
  a: { class_type: 'Steps', inputs: { count, wait, size: 8 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
})
const sum = (a: number) => ({
  a: { class_type: 'Add', inputs: { a, b: 1 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
})
const failing = { f: { class_type: 'Fail', inputs: { value: 1, how: 'error' } } }

/** A log that is kept, as the lines a person would read. */
function keptLog(level: string) {
  const lines: string[] = []
  const log = createLog(level, new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) }))
  return { log, lines, read: () => lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}

/** What runs, as /queue lists it: number, id, graph and so on. */
const runningOf = async (server: { origin: string }) =>
  ((await getJson(server, '/queue')) as { queue_running: unknown[][] }).queue_running

/** The samples of /metrics by name and labels. */
async function metricsOf(server: { origin: string }): Promise<Map<string, number>> {
  const response = await fetch(`${server.origin}/metrics`)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/plain; version=0/)])
  const lines = (await response.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

test('/readyz writes to the database once in five seconds, however often it is asked', async () => {
  const server = await testServer({ minimumFreeDisk: 0 })
  const db = new Database(path.join(server.data, 'state.db'), { readonly: true })
  const writes = () =>
    (db.prepare("SELECT value FROM counters WHERE name = 'check'").get() as { value: number } | undefined)?.value
  for (let i = 0; i < 10; i++)
    for (const { status } of await Promise.all(Array.from({ length: 10 }, () => fetch(`${server.origin}/readyz`))))
      expect(status).toBe(200)
  expect(writes()).toBe(1)
  await sleep(5100)
  expect((await fetch(`${server.origin}/readyz`)).status).toBe(200)
  expect(writes()).toBe(2)
  db.close()
  await server.clean()
}, 20_000)

describe('health', () => {
  let server: TestServer
  beforeAll(async () => (server = await testServer({ minimumFreeDisk: 0 })))
  afterAll(() => server.clean())

  test('/healthz says that the process answers, /readyz that it takes work; neither is under /api', async () => {
    const alive = await fetch(`${server.origin}/healthz`)
    expect([alive.status, await alive.json()]).toEqual([200, { ok: true, service: 'patronus-nodes' }])
    const ready = await fetch(`${server.origin}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }])
    for (const route of ['healthz', 'readyz', 'metrics']) expect((await fetch(`${server.origin}/api/${route}`)).status).toBe(404)
  })

  test('with less free disk than has to stay free it is alive and not ready, and says so', async () => {
    const other = await testServer({ minimumFreeDisk: 2 ** 60 })
    const ready = await fetch(`${other.origin}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, reasons: [expect.stringMatching(/^the disk is full: \d+ MiB are free, \d+ MiB have to/)] },
    ])
    expect((await fetch(`${other.origin}/healthz`)).status).toBe(200)
    await other.clean()
  })

  test('with a token, /healthz alone needs none', async () => {
    const other = await testServer({ token: 'sesame' })
    const statusOf = async (route: string, headers = {}) => (await fetch(other.origin + route, { headers })).status
    expect(await Promise.all(['/healthz', '/readyz', '/metrics', '/queue'].map(route => statusOf(route)))).toEqual([
      200, 401, 401, 401,
    ])
    expect(await statusOf('/metrics', { authorization: 'Bearer sesame' })).toBe(200)
    await other.clean()
  })
})

describe('metrics', () => {
  let server: TestServer
  beforeAll(async () => (server = await testServer()))
  afterAll(() => server.clean())

  test('count jobs by how they ended, their nodes by class, and what waits', async () => {
    const client = await connect(server)
    const before = await metricsOf(server)
    for (const graph of [sum(1), failing, steps(2, 30)])
      await client.done((await submit(server, graph, { client_id: client.id })).body.prompt_id)
    const long = await submit(server, steps(1000, 10), { client_id: client.id })
    const rest = await Promise.all([100, 101, 102].map(a => submit(server, sum(a), { client_id: client.id })))
    await client.until(one => one.type === 'executing' && one.data.prompt_id === long.body.prompt_id)
    const during = await metricsOf(server)
    expect([during.get('queue_depth{state="pending"}'), during.get('queue_depth{state="running"}')]).toEqual([3, 1])
    expect(during.get('ws_clients')).toBe(1)
    await fetch(`${server.origin}/interrupt`, { method: 'POST' })
    await client.done(long.body.prompt_id)
    for (const { body } of rest) await client.done(body.prompt_id)
    await client.close()

    const after = await metricsOf(server)
    const grew = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(['success', 'error', 'interrupted'].map(result => grew(`jobs_total{result="${result}"}`))).toEqual([5, 1, 1])
    expect([grew('job_duration_seconds_count'), grew('job_wait_seconds_count')]).toEqual([7, 7])
    expect(['Add', 'Show', 'Steps', 'Fail'].map(type => grew(`node_duration_seconds_count{class_type="${type}"}`))).toEqual([
      4, 5, 2, 1,
    ])
    // Two steps of 30 ms at least, and the begin of a thousand.
    expect(after.get('node_duration_seconds_sum{class_type="Steps"}')).toBeGreaterThan(0.06)
    expect(after.get('queue_depth{state="pending"}')).toBe(0)
    expect(after.get('nodejs_eventloop_lag_p99_seconds')).toBeDefined()
  })

  test('count what was refused, by reason, and never use an id, a path or an unknown name as a label', async () => {
    const before = await metricsOf(server)
    await fetch(`${server.origin}/queue`, { headers: { origin: 'https://evil.example' } })
    await fetch(`${server.origin}/view?filename=..%2Fsecret-name.png`)
    await fetch(`${server.origin}/prompt`, { method: 'POST', body: 'x'.repeat(9 << 20) })
    await fetch(`${server.origin}/upload/image`, { method: 'POST', body: uploadForm(Buffer.from('no picture'), 'a.png') })
    await submit(server, { a: { class_type: 'NoSuchNode', inputs: {} } })
    const after = await metricsOf(server)
    const grew = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(['origin', 'path', 'limit', 'host'].map(reason => grew(`requests_refused_total{reason="${reason}"}`))).toEqual([
      1, 1, 1, 0,
    ])
    expect(grew('uploads_rejected_total{reason="not_an_image"}')).toBe(1)
    expect([...after.keys()].join('\n')).not.toMatch(/secret-name|NoSuchNode|[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{32}/)
  })

  test('previews that a client is too slow for are counted', async () => {
    const other = await testServer({ socketLimits: { skipAbove: -1 } })
    const client = await connect(other)
    await client.done((await submit(other, steps(5, 20), { client_id: client.id })).body.prompt_id)
    expect((await metricsOf(other)).get('ws_dropped_previews_total')).toBe(5)
    // Asked again it is not added again.
    expect((await metricsOf(other)).get('ws_dropped_previews_total')).toBe(5)
    await client.close()
    await other.clean()
  })

  test('two servers in one process count for themselves', async () => {
    const other = await testServer()
    expect((await metricsOf(other)).get('jobs_total{result="success"}')).toBe(0)
    await other.clean()
  })
})

test('a request keeps its id, and one that is no plain short text is replaced', async () => {
  const { log, read } = keptLog('info')
  const server = await testServer({ log })
  const idFor = async (id: string) =>
    (await fetch(`${server.origin}/queue`, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
  expect(await idFor('abc-123')).toBe('abc-123')
  for (const bad of ['', 'a b', '{"a":1}', 'x'.repeat(129)]) expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/)
  expect(read().find(({ request_id }) => request_id === 'abc-123')).toMatchObject({ method: 'GET', path: '/queue', status: 200 })
  await server.clean()
})

test('the lines of a job name it and its client; nodes and the graph are there at debug alone', async () => {
  for (const level of ['info', 'debug']) {
    const { log, read } = keptLog(level)
    const server = await testServer({ log })
    const client = await connect(server, { id: 'me' })
    const { body } = await submit(
      server,
      { ...sum(4321), f: { class_type: 'Fail', inputs: { value: ['a', 0], how: 'error' } } },
      { client_id: client.id },
    )
    await client.done(body.prompt_id)
    await client.close()
    await server.clean()
    const mine = read().filter(({ prompt_id }) => prompt_id === body.prompt_id)
    expect(new Set(mine.map(({ client_id }) => client_id))).toEqual(new Set(['me']))
    expect(mine.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['job began', 'job failed', 'job ended']))
    const isDebug = level === 'debug'
    expect(mine.some(({ msg, node_id }) => msg === 'node ran' && node_id === 'a')).toBe(isDebug)
    expect(JSON.stringify(mine).includes('4321')).toBe(isDebug)
  }
})

test('bar 25: token, cookie and API keys are in no log, history, picture, metric or error that the server gives', async () => {
  const [token, key] = ['sesame-7f3a9', 'sk-11aa22bb']
  const { log, lines } = keptLog('debug')
  const server = await testServer({ token, log })
  const headers = { authorization: `Bearer ${token}` }
  const given: string[] = []
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(server.origin + url, { redirect: 'manual', ...init, headers: { ...headers, ...init.headers } })
    const bytes = Buffer.from(await response.arrayBuffer())
    given.push(bytes.toString('latin1'))
    return { status: response.status, bytes, json: () => JSON.parse(bytes.toString()) as { prompt_id: string } }
  }
  await ask('/upload/image', { method: 'POST', body: uploadForm(await pngOf(8, 8), 'a.png') })
  const graph = {
    i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    s: { class_type: 'SaveImage', inputs: { images: ['i', 0], prefix: 'kept' } },
    // No node asks for these; they are what a page of paid services would put in.
    c: { class_type: 'Show', inputs: { value: 1, api_key: key, token: key } },
    f: failing.f,
  }
  const extra_data = { auth_token_comfy_org: key, api_key_comfy_org: key, extra_pnginfo: { workflow: { id: 'w' } } }
  const { prompt_id } = (
    await ask('/prompt', { method: 'POST', body: JSON.stringify({ prompt: pick('i', 's'), extra_data }) })
  ).json()
  await ask('/prompt', { method: 'POST', body: JSON.stringify({ prompt: pick('c', 'f'), extra_data }) })
  for (let tries = 0; tries < 200 && !(await ask(`/history/${prompt_id}`)).bytes.includes('kept_'); tries++)
    await new Promise(resolve => setTimeout(resolve, 20))
  for (const route of ['/history', '/queue', '/jobs', `/jobs/${prompt_id}`, '/metrics', '/readyz', '/system_stats'])
    await ask(route)
  const picture = await ask('/view?filename=kept_00001_.png')
  expect([picture.status, picture.bytes.includes('prompt')]).toEqual([200, true])

  // Everything that goes wrong, with the secrets where they would be.
  const secretHeaders = { cookie: `patronus_token=${token}`, 'x-api-key': key, api_key: key }
  await ask(`/?token=${token}`, { headers: { authorization: '' } })
  await ask(`/no/such/thing?token=${token}&api_key=${key}`, { headers: secretHeaders })
  await ask('/prompt', { method: 'POST', body: `{"token": "${token}", `, headers: secretHeaders })
  await ask('/view?filename=nothing.png', { headers: secretHeaders })
  await ask('/queue', { headers: { authorization: `Bearer ${token}x` } })
  await ask(`/queue?token=${token}`, { headers: { origin: 'https://evil.example' } })
  await server.clean()

  // A line that somebody writes carelessly one day.
  const request = { headers: { authorization: `Bearer ${token}`, cookie: token }, token, api_key: key }
  log.error({ req: request, options: { token, nested: { api_key: key } }, token, apiKey: key }, 'careless')
  const read = (text: string) => [text.includes(token), text.includes(key)]
  expect(lines.join('')).toMatch(/careless/)
  expect(read(lines.join(''))).toEqual([false, false])
  // What a graph itself holds is its owner's and is given back to whoever may see the graph; nothing else is.
  const ownGraph = new RegExp(`"(?:api_key|token)":"${key}"`, 'g')
  expect(read(given.map(text => text.replace(ownGraph, '')).join('\n'))).toEqual([false, false])
  expect(picture.bytes.includes(key)).toBe(false)

  function pick(...ids: (keyof typeof graph)[]) {
    return Object.fromEntries(ids.map(id => [id, graph[id]]))
  }
})

test('a server that stops is alive, not ready, takes no graphs, lets the running one end, and closes sockets with 1001', async () => {
  const server = await testServer()
  const client = await connect(server)
  const { body } = await submit(server, steps(40, 20), { client_id: client.id })
  await client.until(one => one.type === 'executing' && one.data.node === 'a')
  await submit(server, sum(7), { client_id: client.id })
  const code = new Promise<number>(resolve => client.socket.once('close', resolve))
  const closed = server.close({ grace: 10_000 })
  const ready = await fetch(`${server.origin}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['the server is stopping'] }])
  expect((await fetch(`${server.origin}/healthz`)).status).toBe(200)
  for (const route of ['/prompt', '/api/prompt', '/PROMPT/']) {
    const refused = await fetch(server.origin + route, { method: 'POST', body: JSON.stringify({ prompt: sum(8) }) })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10'])
    expect(await refused.json()).toMatchObject({ error: { type: 'stopping' }, node_errors: {} })
  }
  await closed
  expect(await code).toBe(1001)
  const ends = client.heard.filter(one => /^execution_(success|error|interrupted)$/.test(one.type))
  expect(ends.map(one => [one.type, (one.data as { prompt_id: string }).prompt_id])).toEqual([
    ['execution_success', body.prompt_id],
  ])
  expect(server.counts.Add).toBeUndefined()
  await server.clean()
})

test('a graph that is not done when its time is up is put off: nobody is told that it ended, and the next start runs it', async () => {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-put-off-'))
  const server = await testServer({ data })
  const client = await connect(server)
  const { body } = await submit(server, steps(10_000, 10), { client_id: client.id })
  await client.until(one => one.type === 'frame')
  const asked = performance.now()
  await server.close({ grace: 300 })
  const took = performance.now() - asked
  expect(client.heard.some(one => /^execution_(success|error|interrupted)$/.test(one.type))).toBe(false)
  // Not before its time, and not at the end of the ten thousand steps, 100 s.
  expect([took > 290, took < 5000]).toEqual([true, true])
  const next = await testServer({ data })
  while ((await runningOf(next)).length === 0) await sleep(10)
  expect((await runningOf(next))[0][1]).toBe(body.prompt_id)
  await next.clean()
})
