import { mkdir, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { readPngText, writePngGraph } from '../workflows/png.ts'
import { asking } from './asking.ts'
import { connect, getJson, pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** The routes that ComfyUI's own page asks beside running graphs (spec/comfyui.md 1.6, 1.9, 1.10). */

let server: TestServer
beforeAll(async () => {
  server = await testServer()
  await mkdir(path.join(server.data, 'checkpoints/mine'), { recursive: true })
  await writeCheckpoint(path.join(server.data, 'checkpoints/mine/tiny.safetensors'), tinyCheckpoint())
})
afterAll(() => server.clean())

const { at, post, ended } = asking(() => server)
const show = (value: number) => ({ a: { class_type: 'Show', inputs: { value } } })

describe('models', () => {
  test('checkpoints are listed with size and times, by name alone and never by where they lie', async () => {
    expect(await getJson(server, '/models')).toEqual(['checkpoints'])
    expect(await getJson(server, '/models/checkpoints')).toEqual(['mine/tiny.safetensors'])
    const [file, ...others] = (await getJson(server, '/experiment/models/checkpoints')) as Record<string, unknown>[]
    expect(others).toEqual([])
    expect(file).toEqual({ name: 'mine/tiny.safetensors', pathIndex: 0, modified: expect.any(Number), created: expect.any(Number), size: expect.any(Number) }) // prettier-ignore
    const texts = await Promise.all(['/experiment/models', '/internal/folder_paths'].map(async url => (await at(url)).text()))
    expect(texts.join()).not.toContain(server.data)
    expect((await at('/models/loras')).status).toBe(404)
    expect((await at('/experiment/models/loras')).status).toBe(404)
  })

  test('metadata of a checkpoint are the texts in its file; no other file gives any', async () => {
    const metadata = (await getJson(server, '/view_metadata/checkpoints?filename=mine/tiny.safetensors')) as { patronus: string }
    expect(metadata).toMatchObject({ format: 'patronus-nodes/1' })
    expect(JSON.parse(metadata.patronus)).toMatchObject({ name: tinyCheckpoint().info.name })
    await writeFile(path.join(server.data, 'checkpoints/notes.txt'), 'secret')
    await writeFile(path.join(server.data, 'checkpoints/broken.safetensors'), 'nonsense')
    for (const [query, status] of [
      ['checkpoints?filename=notes.txt', 404],
      ['checkpoints?filename=none.safetensors', 404],
      ['checkpoints?filename=../input/x.safetensors', 400],
      ['checkpoints?filename=broken.safetensors', 422],
      ['checkpoints', 404],
      ['loras?filename=x.safetensors', 404],
    ] as const) {
      const response = await at(`/view_metadata/${query}`)
      expect([query, response.status]).toEqual([query, status])
      expect(await response.text()).not.toContain(server.data)
    }
  })
})

test('shipped workflows are templates of ComfyUI, by name and whole', async () => {
  const workflow = { last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {}, extra: {}, version: 0.4 }
  await mkdir(path.join(server.data, 'shipped'), { recursive: true })
  await writeFile(path.join(server.data, 'shipped/edit-it.json'), JSON.stringify(workflow))
  expect(await getJson(server, '/api/workflow_templates')).toEqual({ patronus: ['edit-it'] })
  expect(await getJson(server, '/api/workflow_templates/patronus/edit-it.json')).toEqual(workflow)
  for (const none of ['patronus/none.json', 'patronus/edit-it.jpg', 'other/edit-it.json'])
    expect((await at(`/api/workflow_templates/${none}`)).status).toBe(404)
  expect(await getJson(server, '/templates/index.json')).toEqual([])
})

test('files of a folder are listed by name, the newest first', async () => {
  for (const [i, name] of ['old.png', 'new.png', '.hidden', 'older.png'].entries()) {
    await writeFile(path.join(server.data, 'input', name), 'x')
    await utimes(path.join(server.data, 'input', name), 100, [200, 300, 400, 100][i])
  }
  await mkdir(path.join(server.data, 'input/folder'))
  expect(await getJson(server, '/internal/files/input')).toEqual(['new.png', 'old.png', 'older.png'])
  expect((await at('/internal/files/user')).status).toBe(400)
})

describe('masks', () => {
  const upload = (bytes: Uint8Array, fields: Record<string, string>, name = 'mask.png') =>
    at('/upload/mask', { method: 'POST', body: uploadForm(bytes, name, fields) })
  const clear = () =>
    sharp({ create: { width: 6, height: 4, channels: 4, background: { r: 1, g: 2, b: 3, alpha: 0.25 } } })
      .png()
      .toBuffer()
  const reference = (more: object = {}) => JSON.stringify({ filename: 'whole.png', subfolder: 'sub', type: 'input', ...more })
  let original: Buffer
  beforeAll(async () => {
    original = Buffer.from(writePngGraph(await pngOf(6, 4), { prompt: show(1), workflow: { title: 'é' } }))
    await at('/upload/image', { method: 'POST', body: uploadForm(original, 'whole.png', { subfolder: 'sub' }) })
  })

  test.each(['original_ref', 'originalRef'])(
    'the picture keeps its colours and its graph and takes the opacity of the upload (%s)',
    async field => {
      const response = await upload(await clear(), { [field]: reference(), subfolder: 'clipspace' })
      const { name, ...place } = (await response.json()) as { name: string }
      expect(place).toEqual({ subfolder: 'clipspace', type: 'input' })
      const stored = await at(`/view?type=input&subfolder=clipspace&filename=${name}`)
      const bytes = Buffer.from(await stored.arrayBuffer())
      const colours = (source: Buffer) => sharp(source).removeAlpha().raw().toBuffer()
      expect((await colours(bytes)).equals(await colours(original))).toBe(true)
      const opacity = await sharp(bytes).extractChannel('alpha').raw().toBuffer()
      expect([...new Set(opacity)]).toEqual([64])
      expect([...readPngText(bytes)]).toEqual([...readPngText(original)])
    },
  )

  test('a picture that has an opacity of its own, and a grey one, take the new one', async () => {
    const grey = await sharp(Buffer.alloc(24, 77), { raw: { width: 6, height: 4, channels: 1 } })
      .png()
      .toBuffer()
    for (const [name, bytes] of [
      ['clear.png', await clear()],
      ['grey.png', grey],
    ] as const) {
      await at('/upload/image', { method: 'POST', body: uploadForm(bytes, name) })
      const response = await upload(await pngOf(6, 4), { original_ref: JSON.stringify({ filename: name, type: 'input' }) }, `m-${name}`) // prettier-ignore
      expect(response.status).toBe(200)
      const stored = Buffer.from(await (await at(`/view?type=input&filename=m-${name}`)).arrayBuffer())
      const { channels } = await sharp(stored).metadata()
      expect([name, channels]).toEqual([name, 4])
      expect([...new Set(await sharp(stored).extractChannel('alpha').raw().toBuffer())]).toEqual([255])
      const red = (await sharp(stored).extractChannel(0).raw().toBuffer())[0]
      expect([name, red]).toEqual([name, name === 'grey.png' ? 77 : 1])
    }
  })

  test.each<[string, Record<string, string>, number]>([
    ['no reference', {}, 400],
    ['a reference that is no JSON', { original_ref: '{' }, 400],
    ['one without a name', { original_ref: '{"type":"input"}' }, 400],
    ['one that climbs', { original_ref: JSON.stringify({ filename: '../../x.png', type: 'input' }) }, 400],
    ['one to nothing', { original_ref: JSON.stringify({ filename: 'none.png' }) }, 404],
    ['a folder that is none', { original_ref: JSON.stringify({ filename: 'whole.png', type: 'user' }) }, 400],
    ['a target that climbs', { original_ref: '', subfolder: '../up' }, 400],
  ])('%s is refused with a reason', async (_, fields, status) => {
    const sent = fields.original_ref === '' ? { ...fields, original_ref: reference() } : fields
    const response = await upload(await clear(), sent)
    const { error } = (await response.json()) as { error: { message: string } }
    expect([response.status, error.message.length > 10]).toEqual([status, true])
  })

  test('a mask of another size is refused, and says both sizes', async () => {
    const response = await upload(await pngOf(5, 4), { original_ref: reference() })
    expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(/5×4.*6×4/)])
  })
})

describe('jobs', () => {
  type Jobs = { jobs: Record<string, unknown>[]; pagination: object }
  const list = async (query = '') => (await getJson(server, `/api/jobs${query}`)) as Jobs
  /** What ComfyUI's page demands of every job, all at once. */
  const complete = { id: expect.any(String), status: expect.any(String), create_time: expect.any(Number), priority: expect.any(Number) } // prettier-ignore

  test('hold what the page demands, no null, and the fault of a failed one', async () => {
    await post('/history', { clear: true })
    const good = await ended(show(1), { extra_data: { extra_pnginfo: { workflow: { id: 'wf-1' } } } })
    const bad = await ended({ f: { class_type: 'Fail', inputs: { value: 1, how: 'error' } } })
    const { jobs, pagination } = await list()
    expect(jobs.map(({ id, status }) => [id, status])).toEqual([[bad, 'failed'], [good, 'completed']]) // prettier-ignore
    for (const job of jobs) {
      expect(job).toMatchObject({ ...complete, outputs_count: 0, previewable_outputs_count: 0 })
      expect(Object.values(job)).not.toContain(null)
    }
    expect(jobs[0].execution_error).toMatchObject({ node_id: 'f', node_type: 'Fail', exception_type: 'TypeError', traceback: expect.any(Array) }) // prettier-ignore
    expect(pagination).toEqual({ offset: 0, limit: 200, total: 2, has_more: false })
    expect((await list('?workflow_id=wf-1')).jobs.map(({ id }) => id)).toEqual([good])
    expect((await list('?status=failed,%20cancelled')).jobs.map(({ id }) => id)).toEqual([bad])
    expect((await list('?sort_by=created_at&sort_order=asc&limit=1')).jobs[0].id).toBe(good)
    expect((await list('?limit=1&offset=1')).pagination).toEqual({ offset: 1, limit: 1, total: 2, has_more: false })
  })

  test('whose history is spoilt do not empty the list', async () => {
    const { store } = await import('../server/store.ts').then(({ createMemoryStore }) => ({ store: createMemoryStore() }))
    const job = { number: NaN, promptId: 'odd', prompt: {}, extraData: { create_time: 'yesterday' }, outputs: [] }
    await store.add({ job, outputs: { a: null, b: { images: [{ filename: 7 }, null] } }, status: { status_str: 'error', completed: false, messages: [['execution_error', { node_id: 3 }]] } } as never) // prettier-ignore
    await store.add({ job: { ...job, promptId: 'odder', extraData: undefined }, outputs: undefined, status: undefined } as never)
    const { jobRoutes } = await import('../server/routes/jobs.ts')
    const { default: express } = await import('express')
    const app = express()
    const queue = { running: async () => [], pending: async () => [] }
    jobRoutes(app as never, { store, queue, runs: {} } as never)
    const http = app.listen(0)
    const { port } = http.address() as { port: number }
    const { jobs } = (await (await fetch(`http://127.0.0.1:${port}/jobs`)).json()) as Jobs
    http.close()
    expect(jobs.map(({ id }) => id)).toEqual(['odder', 'odd'])
    for (const found of jobs) {
      expect(found).toMatchObject({ ...complete, status: 'failed', outputs_count: 0 })
      expect(found).not.toHaveProperty('execution_error')
    }
  })

  test.each(['status=done', 'sort_by=name', 'sort_order=up', 'limit=0', 'limit=x', 'limit=1.5', 'offset=-1'])(
    '?%s is refused in a plain text that names it',
    async query => {
      const response = await at(`/api/jobs?${query}`)
      expect([response.status, await response.json()]).toEqual([400, { error: expect.stringContaining(query.split('=')[0]) }])
    },
  )

  test('are cancelled by id, one or many, and a second time changes nothing', async () => {
    const client = await connect(server)
    const slow = { a: { class_type: 'Steps', inputs: { count: 5000, wait: 5, size: 2 } }, b: { class_type: 'Show', inputs: { value: ['a', 0] } } } // prettier-ignore
    const running = (await submit(server, slow, { client_id: client.id })).body.prompt_id
    await client.until(one => one.type === 'progress' && one.data.prompt_id === running)
    const waiting = (await submit(server, show(3), { client_id: client.id })).body.prompt_id
    expect((await list('?status=pending')).jobs.map(({ id }) => id)).toEqual([waiting])
    expect((await list('?status=in_progress')).jobs.map(({ id }) => id)).toEqual([running])
    expect(await (await post('/api/jobs/cancel', { job_ids: [waiting, running] })).json()).toEqual({ cancelled: true })
    await client.done(running)
    expect(await (await post(`/api/jobs/${running}/cancel`)).json()).toEqual({ cancelled: false })
    expect((await list('?status=cancelled')).jobs.map(({ id }) => id)).toEqual([running])
    const refused = await post('/api/jobs/cancel', { job_ids: [waiting, 'nonsense'] })
    expect([refused.status, await refused.json()]).toEqual([400, { error: expect.any(String), invalid_ids: ['nonsense'] }])
    expect((await post('/api/jobs/cancel', {})).status).toBe(400)
    await client.close()
  })

  test('one job has its outputs, how it went, and the workflow that opens it again', async () => {
    const workflow = { id: 'w', nodes: [], links: [] }
    const id = await ended(show(77), { extra_data: { extra_pnginfo: { workflow } } })
    expect(await getJson(server, `/api/jobs/${id}`)).toMatchObject({
      id,
      status: 'completed',
      outputs: { a: { text: ['77'] } },
      execution_status: { status_str: 'success', completed: true },
      workflow: { prompt: show(77), extra_data: { extra_pnginfo: { workflow } } },
    })
  })
})

test('a compressed body is refused by the new routes, too', async () => {
  const body = Uint8Array.from(deflateSync('{}'))
  for (const [method, url] of [
    ['POST', '/api/jobs/cancel'],
    ['PATCH', '/internal/logs/subscribe'],
  ] as const)
    expect((await at(url, { method, body, headers: { 'Content-Encoding': 'deflate' } })).status).toBe(415)
})
