import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { deflateSync, crc32 } from 'node:zlib'
import sharp from 'sharp'
import { readPngGraph } from '../workflows/png.ts'
import { connect, getJson, pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const post = (url: string, body?: string | FormData | Uint8Array<ArrayBuffer>, headers?: Record<string, string>) =>
  fetch(server.origin + url, { method: 'POST', body, headers })
const show = (value: unknown = 1) => ({ '1': { class_type: 'Show', inputs: { value } } })
const finished = async (prompt: object, extra: object = {}) => {
  const client = await connect(server)
  const { body } = await submit(server, prompt, { client_id: client.id, ...extra })
  await client.done(body.prompt_id)
  await client.close()
  return body.prompt_id
}

describe('prompt', () => {
  test('is read whatever its Content-Type says, bare and under /api', async () => {
    for (const type of ['application/json', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', undefined])
      for (const url of ['/prompt', '/api/prompt']) {
        const response = await post(url, JSON.stringify({ prompt: show() }), type ? { 'Content-Type': type } : undefined)
        expect(response.status).toBe(200)
        expect(await response.json()).toMatchObject({
          prompt_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          number: expect.any(Number),
          node_errors: {},
        })
      }
  })

  test('keeps a UUID the client chose, refuses other ids and a second use', async () => {
    const prompt_id = '01234567-89ab-4def-8123-456789abcdef'
    expect((await submit(server, show(), { prompt_id })).body.prompt_id).toBe(prompt_id)
    expect((await submit(server, show(), { prompt_id })).body.error.type).toBe('invalid_prompt_id')
    expect((await submit(server, show(), { prompt_id: 'mine' })).body.error.type).toBe('invalid_prompt_id')
  })

  test.each([
    ['nothing', undefined, 'no_prompt'],
    ['an empty graph', {}, 'prompt_no_outputs'],
    ['a graph that is no object', [1, 2], 'invalid_prompt'],
    ['a node that is no object', { '1': 5 }, 'invalid_prompt'],
    ['a node without a class', { '1': { inputs: {} } }, 'missing_node_type'],
    ['an unknown node', { '3': { class_type: 'KSampler', inputs: {} } }, 'missing_node_type'],
    ['a class named like something of JavaScript', { '3': { class_type: 'constructor', inputs: {} } }, 'missing_node_type'],
    ['no output node', { '1': { class_type: 'Constant', inputs: { value: 1 } } }, 'prompt_no_outputs'],
    ['a workflow file', { nodes: [], links: [], version: 0.4 }, 'invalid_prompt'],
  ])('%s is refused in the words of ComfyUI', async (_, prompt, type) => {
    const { status, body } = await submit(server, prompt)
    expect([status, body.error.type]).toEqual([400, type])
    expect(typeof body.error.details).toBe('string')
    expect(body.node_errors).toEqual(expect.any(Object))
  })

  test('every fault is told at once, per node: cycle, missing link, wrong type, huge and non-numeric value', async () => {
    const { status, body } = await submit(server, {
      a: { class_type: 'Add', inputs: { a: ['b', 0], b: 1 } },
      b: { class_type: 'Add', inputs: { a: ['a', 0], b: 1 } },
      c: { class_type: 'Show', inputs: { value: ['a', 0] } },
      d: { class_type: 'Show', inputs: { value: ['nowhere', 0] } },
      e: { class_type: 'Show', inputs: { value: 1e300 } },
      f: { class_type: 'Show', inputs: { value: 'much' } },
      g: { class_type: 'SaveImage', inputs: { images: ['h', 0], prefix: 'x' } },
      h: { class_type: 'Constant', inputs: { value: 1 } },
      i: { class_type: 'SaveImage', inputs: { prefix: 'x' } },
    })
    expect([status, body.error.type]).toEqual([400, 'prompt_outputs_failed_validation'])
    const types = Object.fromEntries(
      Object.entries(body.node_errors).map(([id, { errors }]) => [id, errors.map(error => error.type)]),
    )
    expect(types).toMatchObject({
      a: ['dependency_cycle'],
      b: ['dependency_cycle'],
      e: ['value_bigger_than_max'],
      f: ['invalid_input_type'],
      g: ['return_type_mismatch'],
      i: ['required_input_missing'],
    })
    expect(types.d).toHaveLength(1)
  })

  test('a good output runs although another is bad', async () => {
    const { status, body } = await submit(server, { good: show()['1'], bad: show('x')['1'] })
    expect([status, Object.keys(body.node_errors)]).toEqual([200, ['bad']])
    await finished(show(2))
    const history = (await getJson(server, `/history/${body.prompt_id}`)) as Record<string, { outputs: object }>
    expect(history[body.prompt_id].outputs).toEqual({ good: { text: ['1'] } })
  })

  test('only the asked outputs run', async () => {
    const prompt = { a: show(1)['1'], b: show(2)['1'] }
    const id = await finished(prompt, { partial_execution_targets: ['b'] })
    expect(((await getJson(server, `/history/${id}`)) as Record<string, { outputs: object }>)[id].outputs).toEqual({
      b: { text: ['2'] },
    })
    expect((await submit(server, prompt, { partial_execution_targets: [] })).body.error.type).toBe('prompt_no_outputs')
  })

  test('keys of paid services that a page sends along are nowhere to be found again', async () => {
    const id = await finished(show(), { extra_data: { api_key_comfy_org: 'SECRET', extra_pnginfo: { workflow: { id: 'w' } } } })
    const text = JSON.stringify(await getJson(server, '/history')) + JSON.stringify(await getJson(server, `/api/jobs/${id}`))
    expect(text).toContain('"id":"w"')
    expect(text).not.toContain('SECRET')
  })
})

describe('hostile bodies', () => {
  const deep = (depth: number) => `{"prompt":${'['.repeat(depth)}${']'.repeat(depth)}}`
  test.each([
    ['no JSON', '{"prompt":', 400],
    ['NaN', '{"prompt":NaN}', 400],
    ['a string', '"prompt"', 400],
    ['null', 'null', 400],
    ['depth 65', deep(65), 400],
    ['depth 10,000', deep(10_000), 400],
    ['depth 1,000,000', deep(1_000_000), 400],
    ['__proto__', '{"prompt":{"__proto__":{"polluted":1}}}', 400],
    ['__proto__ in disguise', '{"prompt":{"\\u005f_proto__":{"polluted":1}}}', 400],
    ['constructor', '{"prompt":{"constructor":{"prototype":{"polluted":1}}}}', 400],
    ['broken UTF-8', Uint8Array.from([0x22, 0xff, 0xfe, 0x22]), 400],
    ['9 MB', `{"a":"${'x'.repeat(9 << 20)}"}`, 413],
  ])('%s is refused at once, and the server goes on', async (_, body, status) => {
    for (const url of ['/prompt', '/queue', '/history', '/settings']) {
      const began = Date.now()
      const response = await post(url, body)
      const answer = await response.text()
      // `null` and depth say nothing against clearing a queue of nothing, but nothing may come of them.
      if (url === '/prompt' || status === 413) expect(response.status).toBe(status)
      expect(response.status).toBeLessThan(500)
      expect(answer).not.toContain('at ')
      expect(Date.now() - began).toBeLessThan(2000)
    }
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200)
  })

  test('a compressed body is refused, so that none can swell', async () => {
    expect((await post('/prompt', Uint8Array.from(deflateSync('{}')), { 'Content-Encoding': 'deflate' })).status).toBe(415)
  })
})

describe('history', () => {
  test('is oldest first; max_items gives the newest, offset counts from the oldest', async () => {
    await post('/history', JSON.stringify({ clear: true }))
    const ids: string[] = []
    for (let i = 0; i < 4; i++) ids.push(await finished(show(100 + i)))
    const keys = async (query: string) => Object.keys((await getJson(server, `/history${query}`)) as object)
    expect(await keys('')).toEqual(ids)
    expect(await keys('?max_items=2')).toEqual(ids.slice(2))
    expect(await keys('?max_items=2&offset=1')).toEqual(ids.slice(1, 3))
    expect(await keys('?offset=3')).toEqual(ids.slice(3))
    expect(await keys('?offset=9')).toEqual([])
    const deleted = await post('/history', JSON.stringify({ delete: [ids[0]] }))
    expect([deleted.status, await deleted.text()]).toEqual([200, ''])
    expect(await keys('')).toEqual(ids.slice(1))
    expect(await getJson(server, '/history/nope')).toEqual({})
  })

  test('the jobs list has the same jobs, newest first, with what ComfyUI needs to show them', async () => {
    const id = await finished(show(55))
    const { jobs, pagination } = (await getJson(server, '/api/jobs?status=completed&limit=1')) as {
      jobs: object[]
      pagination: object
    }
    expect(jobs).toEqual([
      expect.objectContaining({ id, status: 'completed', create_time: expect.any(Number), outputs_count: 0 }),
    ])
    expect(pagination).toMatchObject({ offset: 0, limit: 1 })
    expect((await fetch(`${server.origin}/api/jobs/nope`)).status).toBe(404)
    expect((await fetch(`${server.origin}/api/jobs?limit=0`)).status).toBe(400)
    expect(await (await post('/api/jobs/nope/cancel')).json()).toEqual({ cancelled: false })
  })
})

describe('pictures', () => {
  test('an upload keeps its name for the same bytes and gets another for others; the node list offers it', async () => {
    const [one, two] = [await pngOf(4, 3), await pngOf(4, 3)]
    const send = async (bytes: Uint8Array, fields?: Record<string, string>) =>
      (await post('/upload/image', uploadForm(bytes, 'a.png', fields))).json()
    expect(await send(one)).toEqual({ name: 'a.png', subfolder: '', type: 'input' })
    expect(await send(one)).toMatchObject({ name: 'a.png' })
    expect(await send(two)).toMatchObject({ name: 'a (1).png' })
    expect(await send(two)).toMatchObject({ name: 'a (1).png' })
    expect(await send(two, { overwrite: 'true' })).toMatchObject({ name: 'a.png' })
    expect(await send(one, { subfolder: 'faces' })).toEqual({ name: 'a.png', subfolder: 'faces', type: 'input' })
    const info = (await getJson(server, '/object_info/LoadImage')) as {
      LoadImage: { input: { required: { image: [string[], object] } } }
    }
    expect(info.LoadImage.input.required.image[0]).toEqual(expect.arrayContaining(['a.png', 'a (1).png', 'faces/a.png']))
  })

  test('what is read, saved and viewed is the same picture, and the saved file carries its graph', async () => {
    const bytes = await pngOf(5, 7)
    await post('/upload/image', uploadForm(bytes, 'round.png'))
    const prompt = {
      '1': { class_type: 'LoadImage', inputs: { image: 'round.png' } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: 'trip/%width%x' } },
    }
    const workflow = { id: 'w', nodes: [], links: [], title: 'é' }
    const id = await finished(prompt, { extra_data: { extra_pnginfo: { workflow } } })
    const history = (await getJson(server, `/history/${id}`)) as Record<string, { outputs: Record<string, { images: object[] }> }>
    expect(history[id].outputs['2'].images).toEqual([{ filename: '5x_00001_.png', subfolder: 'trip', type: 'output' }])
    const view = await fetch(`${server.origin}/api/view?filename=5x_00001_.png&subfolder=trip&type=output&rand=0.3`)
    expect(view.headers.get('content-type')).toBe('image/png')
    expect(view.headers.get('x-content-type-options')).toBe('nosniff')
    expect(view.headers.get('content-security-policy')).toContain('sandbox')
    const saved = Buffer.from(await view.arrayBuffer())
    expect((await sharp(saved).raw().toBuffer()).equals(await sharp(bytes).raw().toBuffer())).toBe(true)
    expect(readPngGraph(saved)).toEqual({ prompt, workflow })
    await finished({ ...prompt, '2': { ...prompt['2'], inputs: { ...prompt['2'].inputs, prefix: 'trip/5x' } } })
    expect(await readdir(path.join(server.data, 'output/trip'))).toEqual(['5x_00001_.png', '5x_00002_.png'])
  })

  test('a changed input file is a changed input, though its name is the same', async () => {
    const prompt = {
      '1': { class_type: 'LoadImage', inputs: { image: 'same.png' } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: 'same' } },
    }
    await post('/upload/image', uploadForm(await pngOf(2, 2), 'same.png'))
    await finished(prompt)
    const before = server.counts.LoadImage
    await finished(prompt)
    expect(server.counts.LoadImage).toBe(before)
    await post('/upload/image', uploadForm(await pngOf(2, 2), 'same.png', { overwrite: '1' }))
    await finished(prompt)
    expect(server.counts.LoadImage).toBe(before + 1)
  })

  test('view gives smaller forms and channels when asked', async () => {
    const rgba = await sharp({ create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } } })
      .png()
      .toBuffer()
    await post('/upload/image', uploadForm(rgba, 'alpha.png'))
    const view = (query: string) => fetch(`${server.origin}/view?type=input&filename=alpha.png${query}`)
    expect((await view('&preview=webp;50')).headers.get('content-type')).toBe('image/webp')
    expect((await view('&preview=jpeg;50')).headers.get('content-type')).toBe('image/jpeg')
    const channels = async (query: string) =>
      (await sharp(Buffer.from(await (await view(query)).arrayBuffer())).metadata()).channels
    expect([await channels(''), await channels('&channel=rgb'), await channels('&channel=a')]).toEqual([4, 3, 1])
    expect((await view(' [input]')).status).toBe(200)
    for (const query of ['?filename=', '?filename=a.png&type=elsewhere'])
      expect((await fetch(`${server.origin}/view${query}`)).status).toBe(400)
    expect((await fetch(`${server.origin}/view?filename=none.png`)).status).toBe(404)
  })

  test('a file that could run in a browser is downloaded, never shown', async () => {
    for (const name of ['x.html', 'x.svg', 'x.js', 'x.xhtml', 'x.xml', 'x', 'x.pdf', 'x.png.html']) {
      await writeFile(path.join(server.data, 'output', name), '<script>alert(1)</script>')
      const { headers } = await fetch(`${server.origin}/view?filename=${name}`)
      expect(headers.get('content-type')).toBe('application/octet-stream')
      expect(headers.get('content-disposition')).toMatch(/^attachment/)
    }
  })

  /** A PNG of one colour, 1 bit a pixel, of any size: a few hundred kB for 2,500,000,000 pixels. */
  function bomb(size: number): Buffer {
    const chunk = (type: string, data: Buffer) => {
      const body = Buffer.concat([Buffer.from(type), data])
      const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
      length.writeUInt32BE(data.length)
      check.writeUInt32BE(crc32(body))
      return Buffer.concat([length, body, check])
    }
    const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    header.writeUInt32BE(size, 0)
    header.writeUInt32BE(size, 4)
    const pixels = deflateSync(Buffer.alloc(1000))
    return Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', header),
      chunk('IDAT', pixels),
      chunk('IEND', Buffer.alloc(0)),
    ])
  }

  test('bombs, broken files and other formats are refused with a reason, and nothing of them is kept', async () => {
    const png = await pngOf(64, 64)
    const jpeg = await sharp(png).jpeg().toBuffer()
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>'
    const before = await readdir(path.join(server.data, 'input'))
    for (const [name, bytes, status, reason] of [
      ['bomb.png', bomb(50_000), 413, /million pixels/],
      ['cut.png', png.subarray(0, png.length / 2), 400, /damaged or cut off/],
      ['cut.jpg', jpeg.subarray(0, jpeg.length / 2), 400, /damaged or cut off/],
      ['text.png', Buffer.from('hello'), 415, /not a PNG, JPEG or WebP/],
      ['empty.png', Buffer.alloc(0), 400, /is empty/],
      ['drawing.svg', Buffer.from(svg), 415, /not a PNG, JPEG or WebP/],
      [
        'moving.gif',
        Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64'),
        415,
        /not a PNG, JPEG or WebP/,
      ],
    ] as [string, Buffer, number, RegExp][]) {
      const response = await post('/upload/image', uploadForm(bytes, name))
      const { error } = (await response.json()) as { error: { message: string } }
      expect([name, response.status]).toEqual([name, status])
      expect(error.message).toMatch(reason)
    }
    expect(await readdir(path.join(server.data, 'input'))).toEqual(before)
  })

  test('malformed uploads are refused: no file, two files, too many fields, no boundary, a name that climbs', async () => {
    const png = await pngOf(2, 2)
    const two = uploadForm(png, 'a.png')
    two.append('image', new Blob([Uint8Array.from(png)]), 'b.png')
    const many = uploadForm(png, 'a.png', Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, 'x'])))
    const raw = (body: string, type: string) => post('/upload/image', body, { 'Content-Type': type })
    const answers = [
      await post('/upload/image', new FormData()),
      await post('/upload/image'),
      await post('/upload/image', two),
      await post('/upload/image', many),
      await raw('--x\r\n', 'multipart/form-data'),
      await raw(
        '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc',
        'multipart/form-data; boundary=x',
      ),
      await post('/upload/image', uploadForm(png, 'a.png', { type: 'elsewhere' })),
      await post('/upload/image', uploadForm(png, '..')),
    ]
    expect(answers.map(answer => answer.status)).toEqual(answers.map(() => 400))
  })
})

describe('what a page stores', () => {
  test('workflows: an encoded slash, no overwriting when asked, listing, moving, deleting', async () => {
    const file = '/userdata/workflows%2Fmine.json'
    expect(await getJson(server, '/userdata?dir=workflows&recurse=true&split=false&full_info=true')).toEqual([])
    expect(await (await post(file, '{"a":1}')).json()).toBe('workflows/mine.json')
    expect((await post(`${file}?overwrite=false`, '{}')).status).toBe(409)
    expect(await (await post(`${file}?full_info=true`, '{"a":2}')).json()).toMatchObject({
      path: 'workflows/mine.json',
      size: 7,
      modified: expect.any(Number),
    })
    expect(await getJson(server, file)).toEqual({ a: 2 })
    expect(await getJson(server, '/userdata?dir=workflows')).toEqual(['mine.json'])
    await post('/userdata/workflows%2Fsub%2Fdeep.json', '{}')
    expect(await getJson(server, '/userdata?dir=workflows&recurse=true&split=true')).toEqual([
      ['mine.json', 'mine.json'],
      ['sub/deep.json', 'sub', 'deep.json'],
    ])
    expect(await getJson(server, '/v2/userdata?path=workflows')).toMatchObject([
      { name: 'sub', type: 'directory' },
      { name: 'mine.json', type: 'file' },
    ])
    expect(await (await post(`${file}/move/workflows%2Fyours.json`)).json()).toBe('workflows/yours.json')
    expect((await fetch(server.origin + file)).status).toBe(404)
    expect((await fetch(`${server.origin}/userdata/workflows%2Fyours.json`, { method: 'DELETE' })).status).toBe(204)
  })

  test('settings: one, many, none; they outlive the server', async () => {
    expect(await getJson(server, '/settings/nothing')).toBeNull()
    expect((await post('/settings/Theme', '"dark"', { 'Content-Type': 'text/plain' })).status).toBe(200)
    await Promise.all(['a', 'b', 'c', 'd'].map(name => post('/settings', JSON.stringify({ [name]: name }))))
    expect(await getJson(server, '/api/settings')).toMatchObject({ Theme: 'dark', a: 'a', b: 'b', c: 'c', d: 'd' })
    expect((await fetch(`${server.origin}/userdata/..%2Fsettings.json`)).status).toBe(400)
  })
})

describe('what a client asks first', () => {
  test('answers to everything ComfyUI asks at its start', async () => {
    expect(await getJson(server, '/api/users')).toEqual({ storage: 'server', migrated: true })
    expect(await getJson(server, '/features')).toEqual({ supports_preview_metadata: true, max_upload_size: 104857600 })
    expect(await getJson(server, '/object_info/Nope')).toEqual({})
    expect(await getJson(server, '/object_info/constructor')).toEqual({})
    expect(await getJson(server, '/system_stats')).toMatchObject({
      system: { os: process.platform, argv: [] },
      devices: [{ type: 'cpu', index: 0 }],
    })
    for (const [url, body] of [
      ['/extensions', []],
      ['/embeddings', []],
      ['/i18n', {}],
      ['/global_subgraphs', {}],
      ['/models', ['checkpoints']],
      ['/models/checkpoints', []],
      ['/experiment/models', [{ name: 'checkpoints', folders: ['checkpoints'] }]],
      ['/patronus/checkpoints', []],
    ])
      expect(await getJson(server, `/api${url as string}`)).toEqual(body)
    for (const url of ['/free', '/interrupt', '/queue', '/history']) {
      const response = await post(url)
      expect([response.status, await response.text()]).toEqual([200, ''])
    }
    expect((await fetch(`${server.origin}/prompt`, { method: 'OPTIONS' })).status).toBe(200)
    expect((await fetch(`${server.origin}/no/such`)).status).toBe(404)
  })

  test('shipped workflows are listed with title and description, and given whole', async () => {
    const workflow = {
      last_node_id: 0,
      last_link_id: 0,
      nodes: [],
      links: [],
      groups: [],
      config: {},
      extra: { patronus: { title: 'Edit', description: 'Turns one up.' } },
      version: 0.4,
    }
    await mkdir(path.join(server.data, 'shipped'), { recursive: true })
    await writeFile(path.join(server.data, 'shipped/edit-it.json'), JSON.stringify(workflow))
    expect(await getJson(server, '/patronus/workflows')).toEqual([
      { name: 'edit-it', title: 'Edit', description: 'Turns one up.' },
    ])
    expect(await getJson(server, '/patronus/workflows/edit-it')).toEqual(workflow)
  })

  test('a checkpoint that is none is listed with what is wrong with it', async () => {
    await mkdir(path.join(server.data, 'checkpoints'), { recursive: true })
    await writeFile(path.join(server.data, 'checkpoints/broken.safetensors'), 'nonsense')
    expect(await getJson(server, '/patronus/checkpoints')).toEqual([
      { name: 'broken.safetensors', error: expect.stringMatching(/wanted/) },
    ])
    const response = await fetch(`${server.origin}/patronus/checkpoints/broken.safetensors`)
    expect(response.status).toBe(422)
    expect(await response.text()).not.toContain(server.data)
  })

  test('the picture of a prototype is its square of the strip beside the checkpoint', async () => {
    const strip = Buffer.from([1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3])
    await mkdir(path.join(server.data, 'checkpoints'), { recursive: true })
    await sharp(strip, { raw: { width: 6, height: 2, channels: 1 } })
      .png()
      .toFile(path.join(server.data, 'checkpoints/tiny.tiles.png'))
    await writeFile(path.join(server.data, 'checkpoints/tiny.safetensors'), 'weights')
    const tile = async (index: string) => fetch(`${server.origin}/patronus/checkpoints/tiny.safetensors/tiles/${index}`)
    const pixels = await sharp(Buffer.from(await (await tile('2.png')).arrayBuffer()))
      .toColourspace('b-w')
      .raw()
      .toBuffer()
    expect([...pixels]).toEqual([3, 3, 3, 3])
    for (const index of ['3.png', '-1.png', 'x', '2']) expect((await tile(index)).status).toBe(404)
    expect((await fetch(`${server.origin}/patronus/checkpoints/none/tiles/0.png`)).status).toBe(404)
    await rm(path.join(server.data, 'checkpoints/tiny.safetensors'))
  })

  test('the page: strict policy, hashed files kept for ever, the rest asked for each time', async () => {
    expect((await fetch(server.origin)).status).toBe(503)
    await mkdir(path.join(server.data, 'editor/assets'), { recursive: true })
    await writeFile(path.join(server.data, 'editor/index.html'), '<!doctype html><title>x</title>')
    await writeFile(path.join(server.data, 'editor/assets/main-abc123.js'), '1')
    const page = await fetch(server.origin)
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-cache'])
    const policy = page.headers.get('content-security-policy')
    expect(policy).toMatch(/default-src 'none'; script-src 'self';/)
    expect(policy).not.toContain('unsafe-eval')
    expect((await fetch(`${server.origin}/assets/main-abc123.js`)).headers.get('cache-control')).toContain('immutable')
  })
})

test('the port that is taken is said to be taken', async () => {
  await expect(testServer({ port: server.port })).rejects.toThrow(/is taken/)
})
