import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { connect, getJson, pngOf, submit, testServer, uploadForm, type Fault, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.1: the checklist of ComfyUI's HTTP protocol, one line a test, in its words. */

let server: TestServer
beforeAll(async () => {
  server = await testServer()
  await mkdir(path.join(server.data, 'shipped'), { recursive: true })
  const workflow = { last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {}, extra: {}, version: 0.4 }
  await writeFile(path.join(server.data, 'shipped/edit-it.json'), JSON.stringify(workflow))
})
afterAll(() => server.clean())

const at = (url: string, init?: RequestInit) => fetch(server.origin + url, init)
const post = (url: string, body?: unknown, headers?: Record<string, string>) =>
  at(url, { method: 'POST', body: body === undefined || body instanceof FormData ? body : JSON.stringify(body), headers })
const show = (value: unknown = 1) => ({ class_type: 'Show', inputs: { value } })
const steps = (count: number, wait: number, value = Math.random()) => ({
  a: { class_type: 'Steps', inputs: { count, wait, size: 1 } },
  b: { class_type: 'Add', inputs: { a: ['a', 0], b: value } },
  c: show(['b', 0]),
})
const ended = async (prompt: object, more: object = {}) => {
  const client = await connect(server)
  const { body } = await submit(server, prompt, { client_id: client.id, ...more })
  await client.done(body.prompt_id)
  await client.close()
  return body.prompt_id
}
type History = Record<string, { prompt: [number, string, Record<string, { inputs: object }>, object, string[]]; outputs: object }>
const historyOf = async (id: string) => ((await getJson(server, `/history/${id}`)) as History)[id]

test('every route answers bare and under /api with identical bodies', async () => {
  await ended({ a: show('7') })
  await post('/upload/image', uploadForm(await pngOf(2, 2), 'both.png'))
  const routes = [
    ...['/prompt', '/queue', '/history', '/history/nope', '/object_info', '/object_info/Show', '/object_info/Nope', '/features'],
    ...['/embeddings', '/models', '/models/checkpoints', '/models/loras', '/experiment/models', '/experiment/models/checkpoints'],
    ...['/view_metadata/checkpoints?filename=x.safetensors', '/extensions', '/workflow_templates', '/i18n', '/global_subgraphs'],
    ...['/workflow_templates/patronus/edit-it.json', '/node_replacements', '/users', '/settings', '/settings/unknown'],
    ...['/userdata?dir=workflows', '/v2/userdata?path=workflows', '/userdata/none.json', '/view?filename=both.png&type=input'],
    ...['/jobs', '/jobs/nope', '/internal/files/input', '/internal/folder_paths'],
  ]
  for (const route of routes) {
    const [bare, prefixed] = await Promise.all([at(route), at(`/api${route}`)])
    expect([route, prefixed.status, await prefixed.text()]).toEqual([route, bare.status, await bare.text()])
    expect([route, bare.status]).toEqual([route, /nope$|none|loras|x\.safe/.test(route) && route !== '/history/nope' ? 404 : 200])
  }
})

test('POST /prompt with content types application/json, text/plain, application/x-www-form-urlencoded gives the same 200', async () => {
  for (const type of ['application/json', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded']) {
    const response = await post('/prompt', { prompt: { a: show() } }, { 'Content-Type': type })
    const body = (await response.json()) as object
    expect([response.status, Object.keys(body)]).toEqual([200, ['prompt_id', 'number', 'node_errors']])
  }
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

test('/object_info/Nope and /history/nope → 200 {}; /api/jobs/nope → 404 JSON', async () => {
  for (const url of ['/object_info/Nope', '/history/nope']) {
    const response = await at(url)
    expect([url, response.status, await response.json()]).toEqual([url, 200, {}])
  }
  const job = await at('/api/jobs/nope')
  expect([job.status, await job.json()]).toEqual([404, { error: 'Job not found' }])
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

test('/interrupt, /queue, /history POST, /free → 200 with content-length 0, with and without a body', async () => {
  for (const url of ['/interrupt', '/queue', '/history', '/free'])
    for (const [body, headers] of [[undefined], [undefined, { 'Content-Type': 'application/json' }], [{}]] as const) {
      const response = await post(url, body, headers)
      expect([url, response.status, response.headers.get('content-length'), await response.text()]).toEqual([url, 200, '0', ''])
    }
})

describe('/view', () => {
  beforeAll(async () => {
    const picture = sharp({ create: { width: 8, height: 4, channels: 4, background: { r: 9, g: 99, b: 200, alpha: 0.5 } } })
    await post('/upload/image', uploadForm(await picture.png().toBuffer(), 'seen.png'))
    await writeFile(path.join(server.data, 'output/page.html'), '<script>1</script>')
  })
  const view = (query: string, init?: RequestInit) => at(`/view?type=input&filename=${query}`, init)

  test('traversal → 400 or 403', async () => {
    const names = ['', '/etc/passwd', '../seen.png', 'a/../../seen.png', '..%2fseen.png', '%2e%2e%2fseen.png']
    for (const name of names) expect([400, 403]).toContain((await view(name)).status)
    expect((await at('/view?filename=seen.png&type=elsewhere')).status).toBe(400)
    for (const subfolder of ['..', '../..', '/etc', 'a/../..'])
      expect([400, 403]).toContain((await view(`seen.png&subfolder=${subfolder}`)).status)
  })

  test('preview=webp;90 gives WebP, preview=jpeg;75 JPEG, an unknown format WebP', async () => {
    for (const [query, format] of [
      ['webp;90', 'webp'],
      ['jpeg;75', 'jpeg'],
      ['tiff;1', 'webp'],
      ['jpeg;75&channel=a', 'webp'],
    ]) {
      const response = await view(`seen.png&preview=${query}`)
      const { format: found } = await sharp(Buffer.from(await response.arrayBuffer())).metadata()
      expect([query, response.headers.get('content-type'), found]).toEqual([query, `image/${format}`, format])
    }
  })

  test('channel=a is the opacity alone, channel=rgb the colours alone, channel=rgba the file as it is', async () => {
    const bytes = async (query: string) => Buffer.from(await (await view(`seen.png${query}`)).arrayBuffer())
    expect([
      ...(
        await sharp(await bytes('&channel=a'))
          .raw()
          .toBuffer()
      ).subarray(0, 2),
    ]).toEqual([128, 128])
    expect([
      ...(
        await sharp(await bytes('&channel=rgb'))
          .raw()
          .toBuffer()
      ).subarray(0, 3),
    ]).toEqual([9, 99, 200])
    expect((await bytes('&channel=rgba')).equals(await bytes(''))).toBe(true)
  })

  test('HTML comes as an octet-stream to be saved', async () => {
    const response = await at('/view?filename=page.html')
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('ETag, Range and HEAD are those of a file', async () => {
    const whole = await view('seen.png')
    const bytes = Buffer.from(await whole.arrayBuffer())
    const etag = whole.headers.get('etag')!
    expect(etag).toMatch(/^(W\/)?"/)
    expect((await view('seen.png', { headers: { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' } })).status).toBe(304)
    const small = await view('seen.png&preview=webp;50', { headers: { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' } })
    expect([small.status, small.headers.get('etag') === etag]).toEqual([200, false])
    const part = await view('seen.png', { headers: { Range: 'bytes=1-3' } })
    expect([part.status, Buffer.from(await part.arrayBuffer()).toString()]).toEqual([206, 'PNG'])
    expect(part.headers.get('content-range')).toBe(`bytes 1-3/${bytes.length}`)
    expect((await view('seen.png', { headers: { Range: 'bytes=99999-' } })).status).toBe(416)
    const head = await view('seen.png', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(bytes.length), ''])
  })
})

test('/upload/image: the same bytes twice → the same name; others → a (1).png; overwrite; a subfolder that escapes → 400', async () => {
  const [one, two] = [await pngOf(3, 3), await pngOf(3, 3)]
  const send = async (bytes: Uint8Array, fields?: Record<string, string>) => {
    const response = await post('/upload/image', uploadForm(bytes, 'up.png', fields))
    return { status: response.status, ...((await response.json()) as object) }
  }
  expect(await send(one)).toEqual({ status: 200, name: 'up.png', subfolder: '', type: 'input' })
  expect(await send(one)).toMatchObject({ name: 'up.png' })
  expect(await send(two)).toMatchObject({ name: 'up (1).png' })
  expect(await send(two, { overwrite: '1' })).toMatchObject({ name: 'up.png' })
  expect((await readFile(path.join(server.data, 'input/up.png'))).equals(two)).toBe(true)
  expect(await send(one, { subfolder: 'a/b', type: 'temp' })).toMatchObject({ name: 'up.png', subfolder: 'a/b', type: 'temp' })
  for (const subfolder of ['..', '../x', '/tmp', 'a/../../x']) expect((await send(one, { subfolder })).status).toBe(400)
  expect((await send(one, { type: 'nowhere' })).status).toBe(400)
})

test('/userdata: encoded slash round trip, 409, 204, move, full_info, split; /settings/unknown → null', async () => {
  const text = '{"é":1}'
  const put = (query = '') => at(`/userdata/workflows%2Fsub%2Fmine.json${query}`, { method: 'POST', body: text })
  expect(await (await put()).json()).toBe('workflows/sub/mine.json')
  expect(await (await at('/userdata/workflows%2Fsub%2Fmine.json')).text()).toBe(text)
  expect((await put('?overwrite=false')).status).toBe(409)
  const info = { path: 'workflows/sub/mine.json', size: 8, modified: expect.any(Number), created: expect.any(Number) }
  expect(await (await put('?full_info=true&overwrite=true')).json()).toEqual(info)
  const list = (query: string) => getJson(server, `/userdata?dir=workflows&recurse=true${query}`)
  expect(await list('')).toEqual(['sub/mine.json'])
  expect(await list('&split=true')).toEqual([['sub/mine.json', 'sub', 'mine.json']])
  expect(await list('&full_info=true')).toEqual([{ ...info, path: 'sub/mine.json' }])
  expect(await getJson(server, '/v2/userdata?path=workflows')).toEqual([
    { name: 'sub', path: 'workflows/sub', type: 'directory' },
  ])
  const moved = await post('/userdata/workflows%2Fsub%2Fmine.json/move/workflows%2Fyours.json?overwrite=false')
  expect(await moved.json()).toBe('workflows/yours.json')
  expect((await at('/userdata/workflows%2Fsub%2Fmine.json')).status).toBe(404)
  expect((await at('/userdata/workflows%2Fyours.json', { method: 'DELETE' })).status).toBe(204)
  expect((await at('/userdata/workflows%2Fyours.json', { method: 'DELETE' })).status).toBe(404)
  expect((await at('/userdata')).status).toBe(400)
  const unknown = await at('/settings/unknown')
  expect([unknown.status, await unknown.text()]).toEqual([200, 'null'])
})

test('/system_stats has its texts, and numbers for every device even without a GPU', async () => {
  const { system, devices } = (await getJson(server, '/system_stats')) as Record<'system', Record<string, unknown>> & {
    devices: Record<string, unknown>[]
  }
  for (const key of ['os', 'comfyui_version', 'python_version', 'pytorch_version', 'required_frontend_version'])
    expect([key, typeof system[key]]).toEqual([key, 'string'])
  expect(devices.length).toBeGreaterThan(0)
  for (const device of devices)
    for (const key of ['index', 'vram_total', 'vram_free', 'torch_vram_total', 'torch_vram_free'])
      expect([key, typeof device[key]]).toEqual([key, 'number'])
})
