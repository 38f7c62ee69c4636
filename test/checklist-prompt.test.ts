import { asking, show } from './asking.ts'
import { connect, getJson, submit, testServer, type Fault, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.1: graphs, the queue and the history in ComfyUI's HTTP protocol, one line a test, in its words. */

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const { post, ended, historyOf } = asking(() => server)
const steps = (count: number, wait: number, value = Math.random()) => ({
  a: { class_type: 'Steps', inputs: { count, wait, size: 1 } },
  b: { class_type: 'Add', inputs: { a: ['a', 0], b: value } },
  c: show(['b', 0]),
})

test('POST /prompt with content types application/json, text/plain, application/x-www-form-urlencoded gives the same 200', async () => {
  for (const type of ['application/json', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded']) {
    const response = await post('/prompt', { prompt: { a: show() } }, { 'Content-Type': type })
    const body = (await response.json()) as object
    expect([response.status, Object.keys(body)]).toEqual([200, ['prompt_id', 'number', 'node_errors']])
  }
})

test('NaN and Infinity, as Python writes them, are no fault of the JSON; inside a text they stay', async () => {
  const body = `{"prompt": {"a": {"class_type": "Show", "inputs": {"value": 2}, "is_changed": [NaN, -Infinity]}}, "extra_data": {"note": "NaN \\"NaN"}}`
  const response = await post('/prompt', body)
  expect(response.status).toBe(200)
  const { prompt_id } = (await response.json()) as { prompt_id: string }
  await ended({ a: show() })
  expect((await historyOf(prompt_id)).prompt[3].note).toBe('NaN "NaN')
  expect((await post('/prompt', '{"prompt": NaNa}')).status).toBe(400)
})

test('POST /prompt {} → 400, error.type is no_prompt, node_errors an object', async () => {
  const response = await post('/prompt', {})
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({
    error: { type: 'no_prompt', message: 'No prompt provided', details: 'No prompt provided', extra_info: {} },
    node_errors: {},
  })
})

test('an unknown class → 400 with error.type missing_node_type; the message names the class, details the node', async () => {
  const { status, body } = await submit(server, { '3': { class_type: 'Nowhere', inputs: {} }, '4': show() })
  expect([status, body.error.type]).toEqual([400, 'missing_node_type'])
  expect(body.error.message).toContain('Nowhere')
  expect(body.error.details).toContain("Node ID '#3'")
})

test('no output node → 400 prompt_no_outputs; partial_execution_targets: [] → the same', async () => {
  const none = await submit(server, { a: { class_type: 'Constant', inputs: { value: 1 } } })
  const noneAsked = await submit(server, { a: show() }, { partial_execution_targets: [] })
  for (const { status, body } of [none, noneAsked]) {
    expect([status, body.error.type, body.error.message]).toEqual([400, 'prompt_no_outputs', 'Prompt has no outputs'])
    expect(body.node_errors).toEqual({})
  }
})

test('each per-node error type is reproduced, named by its node and its input', async () => {
  const { body } = await submit(server, {
    missing: { class_type: 'Show', inputs: {} },
    link: show(['missing']),
    type: { class_type: 'SaveImage', inputs: { images: ['constant', 0], prefix: 'x' } },
    constant: { class_type: 'Constant', inputs: { value: 1 } },
    word: show('much'),
    small: show(-1e10),
    big: show(1e10),
    list: { class_type: 'Fail', inputs: { value: 1, how: 'kindly' } },
    dangling: show(['nowhere', 0]),
  })
  const faults = Object.fromEntries(
    Object.entries(body.node_errors).map(([id, { errors }]) => [id, errors[0]] as [string, Fault]),
  )
  const told = Object.fromEntries(Object.entries(faults).map(([id, fault]) => [id, [fault.type, fault.extra_info.input_name]]))
  expect(told).toMatchObject({
    missing: ['required_input_missing', 'value'],
    link: ['bad_linked_input', 'value'],
    type: ['return_type_mismatch', 'images'],
    word: ['invalid_input_type', 'value'],
    small: ['value_smaller_than_min', 'value'],
    big: ['value_bigger_than_max', 'value'],
    list: ['value_not_in_list', 'how'],
  })
  expect(faults.missing.details).toContain('value')
  expect(faults.type.details).toContain('FLOAT')
  expect(faults.type.details).toContain('IMAGE')
  expect(faults.list.details).toContain('kindly')
  expect(faults.dangling.type).toMatch(/^exception_during_|^bad_linked_input$/)
  for (const [id, { details, message }] of Object.entries(faults))
    expect([id, typeof details, message.length > 0]).toEqual([id, 'string', true])
})

test('one good and one bad output → 200 with non-empty node_errors; the good one runs', async () => {
  const client = await connect(server)
  const { status, body } = await submit(server, { good: show(41), bad: show('x') }, { client_id: client.id })
  expect([status, Object.keys(body.node_errors)]).toEqual([200, ['bad']])
  await client.done(body.prompt_id)
  expect((await historyOf(body.prompt_id)).outputs).toEqual({ good: { text: ['41'] } })
  await client.close()
})

test('"3" for an INT is accepted and stored as 3; "x" → invalid_input_type', async () => {
  const prompt = { a: { class_type: 'Steps', inputs: { count: '3', wait: 0, size: 1 } }, b: show(['a', 0]) }
  const id = await ended(prompt)
  expect((await historyOf(id)).prompt[2].a.inputs).toMatchObject({ count: 3 })
  const refused = await submit(server, { a: { class_type: 'Steps', inputs: { ...prompt.a.inputs, count: 'x' } }, b: prompt.b })
  expect(refused.body.node_errors.a.errors[0].type).toBe('invalid_input_type')
})

test('min and max are inclusive; step is not enforced', async () => {
  const sized = (size: number) => ({ a: { class_type: 'Steps', inputs: { count: 1, wait: 0, size } }, b: show(['a', 0]) })
  expect((await submit(server, sized(1))).status).toBe(200)
  expect((await submit(server, sized(1024))).status).toBe(200)
  expect((await submit(server, sized(0))).body.node_errors.a.errors[0].type).toBe('value_smaller_than_min')
  expect((await submit(server, sized(1025))).body.node_errors.a.errors[0].type).toBe('value_bigger_than_max')
  expect((await submit(server, { a: show(0.123456789) })).status).toBe(200)
})

test('front:true overtakes; number is honoured; queue items are arrays of five; queue_remaining counts the running one', async () => {
  const client = await connect(server)
  const running = (await submit(server, steps(500, 5), { client_id: client.id })).body.prompt_id
  await client.until(one => one.type === 'executing' && one.data.prompt_id === running)
  const send = async (more: object) =>
    (await submit(server, { a: show(Math.random()) }, { client_id: client.id, ...more })).body.prompt_id
  const last = await send({ number: 1e6 })
  const plain = await send({})
  const first = await send({ number: -1e6 })
  const front = await send({ front: true })
  const queue = (await getJson(server, '/queue')) as Record<'queue_running' | 'queue_pending', unknown[][]>
  expect(queue.queue_pending.map(item => item.length)).toEqual([5, 5, 5, 5])
  expect(queue.queue_running.map(([, id]) => id)).toEqual([running])
  expect(await getJson(server, '/prompt')).toEqual({ exec_info: { queue_remaining: 5 } })
  await post('/interrupt', {})
  for (const id of [first, front, plain, last]) await client.done(id)
  const began = client.heard.flatMap(one => (one.type === 'execution_start' ? [one.data.prompt_id] : []))
  expect(began).toEqual([running, first, front, plain, last])
  await client.close()
})

test('a number may be a text; the counter moves only for jobs without a number', async () => {
  const number = async (more: object) => (await submit(server, { a: show() }, more)).body.number
  const before = await number({})
  expect(await number({ number: ' -2.5 ' })).toBe(-2.5)
  expect(await number({ number: 0 })).toBe(0)
  expect(await number({})).toBe(before + 1)
  expect(await number({ front: true })).toBe(-(before + 2))
  expect((await submit(server, { a: show() }, { number: 'soon' })).status).toBe(400)
})

test('extra_data comes back with client_id, create_time and where it was used, and without keys to paid services', async () => {
  const client = await connect(server)
  // The client may stand in there alone.
  const extra_data = { client_id: client.id, mine: [1], api_key_comfy_org: 'secret', auth_token_comfy_org: 'secret' }
  const response = await post('/prompt', { prompt: { a: show() }, extra_data }, { 'Comfy-Usage-Source': 'a test' })
  const { prompt_id } = (await response.json()) as { prompt_id: string }
  await client.done(prompt_id)
  await client.close()
  const { prompt } = await historyOf(prompt_id)
  expect(prompt[3]).toEqual({ client_id: client.id, mine: [1], create_time: expect.any(Number), comfy_usage_source: 'a test' })
})

describe('/history is oldest first, max_items gives the newest, and offset:', () => {
  const ids: string[] = []
  beforeAll(async () => {
    await post('/history', { clear: true })
    for (let i = 0; i < 5; i++) ids.push(await ended({ a: show(1000 + i) }))
  })
  const keys = async (query: string) => Object.keys((await getJson(server, `/history${query}`)) as object)
  test.each([
    ['gives other items for other offsets', '?max_items=2&offset=1', [1, 3]],
    ['beyond the length gives nothing', '?offset=99', [5, 5]],
    ['at the very length gives nothing', '?offset=5', [5, 5]],
    ['of zero is as if it were not there', '?offset=0', [0, 5]],
    ['without max_items skips from the beginning', '?offset=3', [3, 5]],
    ['with max_items is a window', '?max_items=3&offset=0', [0, 3]],
    ['near the end gives what remains', '?max_items=4&offset=4', [4, 5]],
    ['absent with max_items gives the newest', '?max_items=2', [3, 5]],
    ['absent without max_items gives all, oldest first', '', [0, 5]],
  ])('%s', async (_, query, [from, to]) => expect(await keys(query)).toEqual(ids.slice(from, to)))
})
