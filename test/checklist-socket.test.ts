import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket } from 'ws'
import { createSockets, type Greeting } from '../server/socket.ts'
import { connect, getJson, submit, testServer, type Heard, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.2: the checklist of ComfyUI's WebSocket protocol, one line a test, in its words. */

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const show = (value: unknown = 1) => ({ class_type: 'Show', inputs: { value } })
let size = 1
/** Takes count · wait ms, and is new every time: none of its nodes was run before. */
const slow = (count: number, wait: number) => ({
  a: { class_type: 'Steps', inputs: { count, wait, size: ++size } },
  b: { class_type: 'Add', inputs: { a: ['a', 0], b: size } },
  c: show(['b', 0]),
})
const frames = (heard: readonly Heard[]) => heard.flatMap(one => (one.type === 'frame' ? [one.data.readUInt32BE(0)] : []))
const types = (heard: readonly Heard[]) => heard.map(({ type }) => type)
const post = (url: string, body: object = {}) => fetch(server.origin + url, { method: 'POST', body: JSON.stringify(body) })
const begun = (id: string) => (one: Heard) => one.type === 'progress' && one.data.prompt_id === id
const endOf = (id: string) => (one: Heard) => one.type === 'executing' && one.data.node === null && one.data.prompt_id === id

describe('the first frame is status with sid', () => {
  test('sid echoes clientId; an absent or empty clientId is made up, a new one each time', async () => {
    const named = await connect(server, { id: 'my-own-name' })
    const [one, two] = [await connect(server), await connect(server)]
    expect(named.heard[0]).toMatchObject({ type: 'status', data: { sid: 'my-own-name', status: { exec_info: {} } } })
    expect(named.heard[0]).toHaveProperty('data.status.exec_info.queue_remaining', expect.any(Number))
    expect(one.id).toMatch(/^[0-9a-f]{32}$/)
    expect(two.id).not.toBe(one.id)
    for (const client of [named, one, two]) await client.close()
  })

  test('it stays the first when the queue takes its time to answer; what is said meanwhile follows in order', async () => {
    let answer: (remaining: number) => void = () => {}
    const greeting: Greeting = { queueRemaining: () => new Promise(resolve => (answer = resolve)), resume: () => undefined, features: {} } // prettier-ignore
    const sockets = createSockets(greeting)
    const http = createServer().on('upgrade', sockets.accept).listen(0, '127.0.0.1')
    await new Promise(resolve => http.once('listening', resolve))
    const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws?clientId=early`)
    const heard: string[] = []
    socket.on('message', (data: Buffer) => heard.push((JSON.parse(data.toString()) as Heard).type))
    await new Promise(resolve => socket.once('open', resolve))
    socket.send(JSON.stringify({ type: 'feature_flags', data: {} }))
    sockets.send({ type: 'execution_start', data: { prompt_id: 'p', timestamp: 1 } }, 'early')
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(heard).toEqual([])
    answer(3)
    while (heard.length < 3) await new Promise(resolve => setTimeout(resolve, 5))
    expect(heard[0]).toBe('status')
    expect(heard.slice(1).sort()).toEqual(['execution_start', 'feature_flags'])
    sockets.close()
    http.close()
  })

  test('a queue that cannot be read costs one connection, not the server', async () => {
    const greeting: Greeting = { queueRemaining: () => Promise.reject(new Error('no disk')), resume: () => undefined, features: {} } // prettier-ignore
    const sockets = createSockets(greeting)
    const http = createServer().on('upgrade', sockets.accept).listen(0, '127.0.0.1')
    await new Promise(resolve => http.once('listening', resolve))
    const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`)
    expect(await new Promise(resolve => socket.once('close', resolve))).toBe(1011)
    sockets.close()
    http.close()
  })
})

describe('feature_flags are answered only when they are the first message; type 4 only then', () => {
  const run = async (say: (socket: WebSocket) => void) => {
    const client = await connect(server, { metadata: false })
    say(client.socket)
    const { body } = await submit(server, slow(3, 20), { client_id: client.id })
    await client.done(body.prompt_id)
    await client.close()
    return client.heard
  }
  const flags = (supports: unknown) => JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: supports } })

  test('first', async () => {
    const heard = await run(socket => socket.send(flags(true)))
    expect(heard.filter(({ type }) => type === 'feature_flags')).toEqual([
      { type: 'feature_flags', data: { supports_preview_metadata: true, max_upload_size: expect.any(Number) } },
    ])
    expect(new Set(frames(heard))).toEqual(new Set([4]))
  })
  test.each<[string, (socket: WebSocket) => void]>([
    ['never', () => {}],
    ['second', socket => (socket.send('hello'), socket.send(flags(true)))],
    ['second after bytes', socket => (socket.send(Buffer.from([1, 2])), socket.send(flags(true)))],
    ['in bytes', socket => socket.send(Buffer.from(flags(true)))],
  ])('%s', async (_, say) => {
    const heard = await run(say)
    expect(types(heard)).not.toContain('feature_flags')
    expect(new Set(frames(heard))).toEqual(new Set([1]))
  })
  test.each([
    ['without the support', flags(false)],
    ['with what is no flag', flags('yes')],
    ['with no flags at all', '{"type":"feature_flags"}'],
    ['with nonsense for flags', '{"type":"feature_flags","data":[1]}'],
  ])('first, but %s', async (_, said) => {
    const heard = await run(socket => socket.send(said))
    expect(types(heard)).toContain('feature_flags')
    expect(new Set(frames(heard))).toEqual(new Set([1]))
  })
})

test('reconnect with the same id: the new socket gets later events after the old one closes', async () => {
  const old = await connect(server, { id: 'comes-back' })
  const { body } = await submit(server, slow(60, 10), { client_id: 'comes-back' })
  await old.until(begun(body.prompt_id))
  const back = await connect(server, { id: 'comes-back' })
  await old.close()
  // It learns at once where its job is.
  await back.until(one => one.type === 'executing' && one.data.node === 'a')
  await back.until(one => one.type === 'progress_state' && one.data.nodes.a?.state === 'running')
  await back.done(body.prompt_id)
  const told = types(back.heard)
  expect(told[0]).toBe('status')
  for (const type of ['progress', 'frame', 'executed', 'execution_success']) expect(told).toContain(type)
  await back.close()
})

test('two clients: no cross-talk except status; an interruption of a job that nobody follows is told to all', async () => {
  const [one, two] = [await connect(server), await connect(server)]
  const first = (await submit(server, slow(5, 5), { client_id: one.id })).body.prompt_id
  await one.done(first)
  expect(new Set(types(two.heard))).toEqual(new Set(['status', 'feature_flags']))
  const nobodys = (await submit(server, slow(1000, 5))).body.prompt_id
  while (((await getJson(server, '/queue')) as { queue_running: unknown[][] }).queue_running[0]?.[1] !== nobodys)
    await new Promise(resolve => setTimeout(resolve, 10))
  await post('/interrupt')
  const fits = (heard: Heard) => heard.type === 'execution_interrupted' && heard.data.prompt_id === nobodys
  await Promise.all([one.until(fits), two.until(fits)])
  await Promise.all([one.close(), two.close()])
})

test('everybody hears of the queue when a job comes, when it begins and when it is over, without a sid', async () => {
  const watcher = await connect(server)
  const client = await connect(server)
  const { body } = await submit(server, slow(1, 5), { client_id: client.id })
  await client.done(body.prompt_id)
  await watcher.until(one => one.type === 'status' && watcher.heard.filter(({ type }) => type === 'status').length === 4)
  const told = watcher.heard.flatMap(one => (one.type === 'status' ? [one.data] : [])).slice(1)
  expect(told).toEqual([1, 1, 0].map(queue_remaining => ({ status: { exec_info: { queue_remaining } } })))
  await Promise.all([watcher.close(), client.close()])
})

describe('event order', () => {
  test('a run that succeeds', async () => {
    const client = await connect(server)
    const { body } = await submit(server, slow(2, 5), { client_id: client.id })
    await client.done(body.prompt_id)
    const told = client.heard.filter(({ type }) => !['frame', 'patronus.activations', 'feature_flags'].includes(type))
    const order = types(told)
    // The greeting; then the job is put into the queue, and taken out of it.
    expect(order.slice(0, 3)).toEqual(['status', 'status', 'status'])
    expect(order.slice(3, 6)).toEqual(['execution_start', 'execution_cached', 'progress_state'])
    expect(order.slice(-4)).toEqual(['progress_state', 'execution_success', 'status', 'executing'])
    // Each node: its bar begins, it is announced, it ends; an output node shows its result between the two.
    const one = (id: string) =>
      told.flatMap(heard => {
        if (heard.type === 'executing' && heard.data.node === id) return ['executing']
        if (heard.type === 'executed' && heard.data.node === id) return ['executed']
        const state = heard.type === 'progress_state' ? heard.data.nodes[id]?.state : undefined
        return state ? [state] : []
      })
    const distinct = (words: string[]) => words.filter((word, i) => word !== words[i - 1])
    expect(distinct(one('b'))).toEqual(['running', 'executing', 'finished'])
    expect(distinct(one('c'))).toEqual(['running', 'executing', 'executed', 'finished'])
    expect(told.at(-2)).toMatchObject({ data: { status: { exec_info: { queue_remaining: 0 } } } })
    await client.close()
  })

  test.each(['success', 'error', 'interrupted'] as const)(
    'executing{node:null} comes after /history/{id} is non-empty; after %s, too',
    async how => {
      const client = await connect(server)
      const prompt =
        how === 'error'
          ? { f: { class_type: 'Fail', inputs: { value: 1, how: 'error' } } }
          : slow(how === 'success' ? 1 : 1000, 5)
      const { prompt_id } = (await submit(server, prompt, { client_id: client.id })).body
      const found = new Promise<object>((resolve, reject) =>
        client.socket.on('message', (data: Buffer, isBinary) => {
          if (!isBinary && endOf(prompt_id)(JSON.parse(data.toString()) as Heard))
            getJson(server, `/history/${prompt_id}`).then(resolve, reject)
        }),
      )
      if (how === 'interrupted') {
        await client.until(begun(prompt_id))
        await post('/interrupt', { prompt_id })
      }
      expect(await found).toHaveProperty([prompt_id, 'status', 'status_str'], how === 'success' ? 'success' : 'error')
      expect(types(client.heard)).toContain(`execution_${how}`)
      if (how !== 'success') expect(types(client.heard)).not.toContain('execution_success')
      await client.close()
    },
  )

  test('a rerun of all that is cached: execution_cached lists all nodes, executed for output nodes only, no executing with a node', async () => {
    const client = await connect(server)
    const prompt = slow(2, 0)
    const run = async () => {
      const { body } = await submit(server, prompt, { client_id: client.id })
      await client.done(body.prompt_id)
      return body.prompt_id
    }
    await run()
    client.heard.splice(0)
    const again = await run()
    const cached = client.heard.find(({ type }) => type === 'execution_cached')
    expect(cached).toMatchObject({ data: { prompt_id: again, timestamp: expect.any(Number) } })
    expect(cached?.type === 'execution_cached' && [...cached.data.nodes].sort()).toEqual(['a', 'b', 'c'])
    expect(client.heard.flatMap(one => (one.type === 'executed' ? [one.data.node] : []))).toEqual(['c'])
    expect(client.heard.filter(one => one.type === 'executing' && one.data.node !== null)).toEqual([])
    expect(types(client.heard)).toContain('execution_success')
    await client.close()
  })
})

test('prompt_id is in every executing, and node and display_node in those of a node', async () => {
  const client = await connect(server)
  const { body } = await submit(server, slow(1, 0), { client_id: client.id })
  await client.done(body.prompt_id)
  const told = client.heard.flatMap(one => (one.type === 'executing' ? [one.data] : []))
  expect(told.map(({ node }) => node)).toEqual(['a', 'b', 'c', null])
  for (const data of told) {
    expect(data.prompt_id).toBe(body.prompt_id)
    if (data.node !== null) expect(data.display_node).toBe(data.node)
  }
  await client.close()
})

test.each(['http://evil.example', 'null', 'http://127.0.0.1:1', 'https://127.0.0.1.evil.example'])(
  'an upgrade with Origin %s → 403',
  async origin => {
    for (const route of ['/ws', '/api/ws']) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${route}`, { headers: { Origin: origin } })
      const status = await new Promise(resolve => {
        socket.once('unexpected-response', (_, response) => resolve(response.statusCode))
        socket.once('open', () => resolve('open'))
        socket.on('error', () => {})
      })
      expect([route, status]).toEqual([route, 403])
    }
  },
)
