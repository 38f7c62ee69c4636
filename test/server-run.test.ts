import { connect, getJson, submit, testServer, type Heard, type TestServer } from './server-parts.ts'

let server: TestServer
beforeEach(async () => void (server = await testServer()))
afterEach(() => server.clean())

const sum = (a: number, b: number) => ({
  '1': { class_type: 'Constant', inputs: { value: a } },
  '2': { class_type: 'Constant', inputs: { value: b } },
  '3': { class_type: 'Add', inputs: { a: ['1', 0], b: ['2', 0] } },
  '4': { class_type: 'Show', inputs: { value: ['3', 0] } },
})
const stepping = (count: number, wait = 0, size = 8) => ({
  s: { class_type: 'Steps', inputs: { count, wait, size } },
  t: { class_type: 'Show', inputs: { value: ['s', 0] } },
})

/** A message in a word or two, to compare whole sequences by eye. */
const brief = (heard: Heard): string => {
  if (heard.type === 'executing') return `executing ${heard.data.node}`
  if (heard.type === 'executed') return `executed ${heard.data.node}`
  if (heard.type === 'status') return `status ${heard.data.status.exec_info.queue_remaining}`
  if (heard.type === 'execution_cached') return `cached ${heard.data.nodes.join('')}`
  return heard.type
}

test('a job is told in the order of ComfyUI, and its history is there before it is said to be over', async () => {
  const client = await connect(server)
  const { body } = await submit(server, sum(2, 3), { client_id: client.id })
  await client.done(body.prompt_id)
  const history = (await getJson(server, `/history/${body.prompt_id}`)) as Record<
    string,
    { outputs: object; status: { completed: boolean } }
  >
  expect(history[body.prompt_id].outputs).toEqual({ '4': { text: ['5'] } })
  expect(history[body.prompt_id].status.completed).toBe(true)
  const told = client.heard.map(brief).slice(client.heard.findIndex(one => one.type === 'execution_start') - 1)
  const node = (id: number) => ['progress_state', `executing ${id}`, ...(id === 4 ? ['executed 4'] : []), 'progress_state']
  expect(told).toEqual([
    'status 1',
    'execution_start',
    'cached ',
    ...node(1),
    ...node(2),
    ...node(3),
    ...node(4),
    'execution_success',
    'status 0',
    'executing null',
  ])
  await client.close()
})

test('a second run of the same graph runs nothing; a changed value runs only what depends on it', async () => {
  const client = await connect(server)
  const first = await submit(server, sum(2, 3), { client_id: client.id })
  await client.done(first.body.prompt_id)
  client.heard.length = 0
  const again = await submit(server, sum(2, 3), { client_id: client.id })
  await client.done(again.body.prompt_id)
  expect(client.heard.map(brief)).toEqual([
    'status 1',
    'status 1',
    'execution_start',
    'cached 1234',
    'executed 4',
    'execution_success',
    'status 0',
    'executing null',
  ])
  client.heard.length = 0
  const changed = await submit(server, sum(2, 4), { client_id: client.id })
  await client.done(changed.body.prompt_id)
  expect(client.heard.map(brief).filter(text => text.startsWith('executing '))).toEqual([
    'executing 2',
    'executing 3',
    'executing 4',
    'executing null',
  ])
  expect(server.counts).toEqual({ Constant: 3, Add: 2, Show: 2 })
  await client.close()
})

test('an idle client gets one preview frame for every step, in order, and s of every step', async () => {
  const client = await connect(server)
  const { body } = await submit(server, stepping(60), { client_id: client.id })
  await client.done(body.prompt_id)
  const frames = client.heard.filter(one => one.type === 'frame')
  expect(frames).toHaveLength(60)
  expect(client.heard.filter(one => one.type === 'patronus.activations')).toHaveLength(60)
  expect(client.heard.filter(one => one.type === 'progress')).toHaveLength(60)
  const { data } = frames[0]
  expect(data.readUInt32BE(0)).toBe(4)
  const length = data.readUInt32BE(4)
  expect(JSON.parse(data.subarray(8, 8 + length).toString())).toMatchObject({
    node_id: 's',
    prompt_id: body.prompt_id,
    image_type: 'image/png',
  })
  expect(data.subarray(8 + length, 12 + length).toString('latin1')).toBe('\x89PNG')
  await client.close()
})

test('a client that did not announce type 4 gets type 1 frames, and no other', async () => {
  const client = await connect(server, { metadata: false })
  const { body } = await submit(server, stepping(4), { client_id: client.id })
  await client.done(body.prompt_id)
  const kinds = client.heard.flatMap(one => (one.type === 'frame' ? [one.data.readUInt32BE(0)] : []))
  expect(kinds).toEqual([1, 1, 1, 1])
  await client.close()
})

test('a cancel stops a long node between two steps, and the next job runs', async () => {
  const client = await connect(server)
  const { body } = await submit(server, stepping(100_000, 5), { client_id: client.id })
  await client.until(one => one.type === 'progress' && one.data.value >= 3)
  const asked = Date.now()
  const response = await fetch(`${server.origin}/interrupt`, { method: 'POST', headers: { 'Content-Type': 'application/json' } })
  expect([response.status, await response.text()]).toEqual([200, ''])
  const heard = await client.until(one => one.type === 'execution_interrupted')
  expect(Date.now() - asked).toBeLessThan(1000)
  expect(heard).toMatchObject({ data: { prompt_id: body.prompt_id, node_id: 's', node_type: 'Steps', executed: [] } })
  await client.done(body.prompt_id)
  const history = (await getJson(server, '/history')) as Record<string, { status: { status_str: string; completed: boolean } }>
  expect(history[body.prompt_id].status).toMatchObject({ status_str: 'error', completed: false })
  const next = await submit(server, sum(1, 1), { client_id: client.id })
  await client.done(next.body.prompt_id)
  expect(client.heard.some(one => one.type === 'execution_success' && one.data.prompt_id === next.body.prompt_id)).toBe(true)
  await client.close()
})

test('an interrupt for another job leaves the running one alone', async () => {
  const client = await connect(server)
  const { body } = await submit(server, stepping(20, 5), { client_id: client.id })
  await client.until(one => one.type === 'progress')
  await fetch(`${server.origin}/interrupt`, {
    method: 'POST',
    body: JSON.stringify({ prompt_id: 'f0000000-0000-4000-8000-000000000000' }),
  })
  await client.done(body.prompt_id)
  expect(client.heard.some(one => one.type === 'execution_success')).toBe(true)
  await client.close()
})

test('a cancel stops a graph of many quick nodes that never pause', async () => {
  const client = await connect(server)
  const length = 4000
  const chain: Record<string, object> = {
    '0': { class_type: 'Constant', inputs: { value: 1 } },
    end: { class_type: 'Show', inputs: { value: [String(length), 0] } },
  }
  for (let i = 1; i <= length; i++) chain[i] = { class_type: 'Add', inputs: { a: [String(i - 1), 0], b: 1 } }
  const { body } = await submit(server, chain, { client_id: client.id })
  await client.until(one => one.type === 'executing' && one.data.node === '50')
  await fetch(`${server.origin}/interrupt`, { method: 'POST' })
  await client.done(body.prompt_id)
  expect(client.heard.some(one => one.type === 'execution_interrupted')).toBe(true)
  expect(server.counts.Add).toBeLessThan(length)
  await client.close()
})

test('a client hears of its own jobs only, but every client hears how long the queue is', async () => {
  const [mine, other] = [await connect(server), await connect(server)]
  const { body } = await submit(server, stepping(3), { client_id: mine.id })
  await mine.done(body.prompt_id)
  await other.until(one => one.type === 'status' && one.data.status.exec_info.queue_remaining === 1)
  expect(other.heard.filter(one => one.type !== 'status' && one.type !== 'feature_flags')).toEqual([])
  await Promise.all([mine.close(), other.close()])
})

test('a client that leaves in the middle of a run costs nobody anything: the job ends, the next one runs', async () => {
  const leaving = await connect(server)
  const { body } = await submit(server, stepping(10, 10), { client_id: leaving.id })
  await leaving.until(one => one.type === 'frame')
  leaving.socket.terminate()
  const staying = await connect(server)
  const next = await submit(server, sum(1, 2), { client_id: staying.id })
  await staying.done(next.body.prompt_id)
  const history = (await getJson(server, '/history')) as Record<string, { status: { status_str: string } }>
  expect(history[body.prompt_id].status.status_str).toBe('success')
  await staying.close()
})

test('a client that comes back under its name sees where its job is, and gets the rest, even after its old socket closed', async () => {
  const before = await connect(server, { id: 'painter' })
  const { body } = await submit(server, stepping(30, 20), { client_id: 'painter' })
  await before.until(one => one.type === 'frame')
  const after = await connect(server, { id: 'painter' })
  expect(after.id).toBe('painter')
  await before.close()
  await after.until(one => one.type === 'executing' && one.data.node === 's')
  await after.until(one => one.type === 'frame')
  await after.done(body.prompt_id)
  expect(after.heard.some(one => one.type === 'execution_success')).toBe(true)
  await after.close()
})

test('whatever a node throws becomes an execution_error that names node and inputs; paths of this machine are not in it', async () => {
  const client = await connect(server)
  for (const [how, message] of [
    ['error', '7 is not to my liking'],
    ['string', 'The node threw a plain string'],
    ['null', 'The node threw null'],
  ]) {
    client.heard.length = 0
    const { body } = await submit(
      server,
      { '1': { class_type: 'Constant', inputs: { value: 7 } }, f: { class_type: 'Fail', inputs: { value: ['1', 0], how } } },
      { client_id: client.id },
    )
    await client.done(body.prompt_id)
    const error = client.heard.find(one => one.type === 'execution_error')
    expect(error).toMatchObject({
      data: { node_id: 'f', node_type: 'Fail', exception_message: message, current_inputs: { value: [7], how: [how] } },
    })
    expect(JSON.stringify(error)).not.toContain(process.cwd())
    expect(client.heard.some(one => one.type === 'execution_success')).toBe(false)
  }
  await client.close()
})

test('waiting jobs run by number, front ones first; they can be deleted and cleared while the running one goes on', async () => {
  const client = await connect(server)
  const running = await submit(server, stepping(100, 10), { client_id: client.id })
  const second = await submit(server, sum(1, 2))
  const third = await submit(server, sum(3, 4))
  const front = await submit(server, sum(5, 6), { front: true })
  type Queue = { queue_running: [number, string][]; queue_pending: [number, string][] }
  const queue = (await getJson(server, '/api/queue')) as Queue
  expect(queue.queue_running.map(item => item[1])).toEqual([running.body.prompt_id])
  expect(queue.queue_pending.toSorted((a, b) => a[0] - b[0]).map(item => item[1])).toEqual(
    [front, second, third].map(one => one.body.prompt_id),
  )
  expect(queue.queue_pending[0]).toHaveLength(5)
  expect(await getJson(server, '/prompt')).toEqual({ exec_info: { queue_remaining: 4 } })
  await fetch(`${server.origin}/queue`, { method: 'POST', body: JSON.stringify({ delete: [second.body.prompt_id, 'unknown'] }) })
  expect(((await getJson(server, '/queue')) as Queue).queue_pending).toHaveLength(2)
  await fetch(`${server.origin}/queue`, { method: 'POST', body: JSON.stringify({ clear: true }) })
  expect(await getJson(server, '/prompt')).toEqual({ exec_info: { queue_remaining: 1 } })
  await fetch(`${server.origin}/api/jobs/${running.body.prompt_id}/cancel`, { method: 'POST' })
  await client.done(running.body.prompt_id)
  await client.close()
})

test('a client that does not read gets fewer frames, and the server keeps little for it', async () => {
  const slow = await connect(server)
  slow.socket.pause()
  const quick = await connect(server)
  // 150 frames of about 200 kB are far more than a socket's buffers take.
  const { body } = await submit(server, stepping(150, 0, 256), { client_id: slow.id })
  while (!((await getJson(server, `/history/${body.prompt_id}`)) as object as Record<string, unknown>)[body.prompt_id]) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  slow.socket.resume()
  await slow.done(body.prompt_id)
  const bytes = slow.heard.reduce((sum, one) => sum + (one.type === 'frame' ? one.data.length : 0), 0)
  // All that came was on its way while nobody read: 2 MB of ours, and at most about 10 MB in the buffers of the kernel.
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(14e6)
  // What must not be lost was not lost.
  expect(slow.heard.filter(one => one.type === 'progress')).toHaveLength(150)
  await Promise.all([slow.close(), quick.close()])
})
