import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { asking, show } from './asking.ts'
import { getJson, pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.1: the checklist of ComfyUI's HTTP protocol, one line a test, in its words. Graphs: checklist-prompt; pictures: checklist-view. */

let server: TestServer
beforeAll(async () => {
  server = await testServer()
  await mkdir(path.join(server.data, 'shipped'), { recursive: true })
  const workflow = { last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {}, extra: {}, version: 0.4 }
  await writeFile(path.join(server.data, 'shipped/edit-it.json'), JSON.stringify(workflow))
})
afterAll(() => server.clean())
const { at, post, ended } = asking(() => server)

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

test('/object_info/Nope and /history/nope → 200 {}; /api/jobs/nope → 404 JSON', async () => {
  for (const url of ['/object_info/Nope', '/history/nope']) {
    const response = await at(url)
    expect([url, response.status, await response.json()]).toEqual([url, 200, {}])
  }
  const job = await at('/api/jobs/nope')
  expect([job.status, await job.json()]).toEqual([404, { error: 'Job not found' }])
})

test('/interrupt, /queue, /history POST, /free → 200 with content-length 0, with and without a body', async () => {
  for (const url of ['/interrupt', '/queue', '/history', '/free'])
    for (const [body, headers] of [[undefined], [undefined, { 'Content-Type': 'application/json' }], [{}]] as const) {
      const response = await post(url, body, headers)
      expect([url, response.status, response.headers.get('content-length'), await response.text()]).toEqual([url, 200, '0', ''])
    }
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
  // One of those that hold without being set.
  expect(await getJson(server, '/settings/Comfy.TutorialCompleted')).toBe(true)
})

test('/interrupt stops nobody when the id in it is none that a job can have', async () => {
  const running = (await submit(server, { a: { class_type: 'Steps', inputs: { count: 2000, wait: 5, size: 1 } }, b: show(['a', 0]) })).body.prompt_id // prettier-ignore
  const isRunning = async () =>
    ((await getJson(server, '/queue')) as { queue_running: unknown[][] }).queue_running[0]?.[1] === running
  while (!(await isRunning())) await new Promise(resolve => setTimeout(resolve, 10))
  for (const prompt_id of [5, true, ['x'], 'nope']) await post('/interrupt', { prompt_id })
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(await isRunning()).toBe(true)
  await post('/interrupt', { prompt_id: '' })
  while (await isRunning()) await new Promise(resolve => setTimeout(resolve, 10))
})

test('a parameter of /jobs without a value is as if it were not there', async () => {
  expect((await at('/api/jobs?status=&workflow_id=&sort_by=&limit=')).status).toBe(200)
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
