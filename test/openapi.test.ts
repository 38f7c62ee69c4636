import { randomUUID } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Express } from 'express'
import { pino } from 'pino'
import { WebSocket } from 'ws'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalog } from '../nodes/index.ts'
import { createApp, type AppOptions, type Parts } from '../server/app.ts'
import { openApi, operations } from '../server/openapi/document.ts'
import { pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const root = path.join(__dirname, '..')

/** Routes that the description leaves out, and why. */
const notDescribed: Readonly<Record<string, string>> = {
  'OPTIONS /{*any}': 'the empty answer to every preflight',
}

describe('the description', () => {
  test('has every route that the server registers, and no other', () => {
    const registered = new Set(routesOf(createApp(anyParts, anyOptions)))
    const described = new Set(Object.keys(operations).filter(route => route !== 'GET /ws'))
    const missing = [...registered].filter(route => !described.has(route) && !(route in notDescribed))
    const gone = [...described].filter(route => !registered.has(route))
    // A route that is missing here wants a line in server/openapi/{run,files,info,patronus}.ts, or in `notDescribed` above.
    expect({ missing, gone }).toEqual({ missing: [], gone: [] })
  })

  test('names each operation once, and every shape it speaks of', () => {
    const ids = Object.values(operations).map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)])
    const text = JSON.stringify(openApi('1'))
    const { components } = JSON.parse(text) as { components: Record<string, Record<string, unknown>> }
    const references = [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)].map(([, kind, name]) => [kind, name])
    expect(references.length).toBeGreaterThan(50)
    expect(references.filter(([kind, name]) => !(name in (components[kind] ?? {})))).toEqual([])
  })

  test('of nodes fits the real catalog', () => {
    const answer = JSON.parse(JSON.stringify(describeCatalog(catalog, { checkpoints: ['a.safetensors'] }))) as unknown
    expect(faults('ObjectInfo', answer)).toEqual([])
    expect(faults('ObjectInfo', { ...(answer as object), Odd: { name: 'Odd' } })).not.toEqual([])
  })
})

describe('a real server answers as described', () => {
  let server: TestServer
  let finished: string
  const seen: Record<string, Set<number>> = {}

  beforeAll(async () => {
    const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-openapi-'))
    await writeCheckpoint(path.join(data, 'tiny.safetensors'), tinyCheckpoint())
    server = await testServer({
      data,
      checkpoints: [path.join(root, 'checkpoints'), data],
      workflows: path.join(root, 'workflows'),
      register: path.join(root, 'editor/register/index.ts'),
    })
    const { body } = await submit(server, { 1: constant, 2: { class_type: 'Show', inputs: { value: ['1', 0] } } })
    finished = body.prompt_id
    while (!(finished in ((await (await fetch(`${server.origin}/history/${finished}`)).json()) as object)))
      await new Promise(resolve => setTimeout(resolve, 20))
  })
  afterAll(() => server.clean())

  const constant = { class_type: 'Constant', inputs: { value: 3 } }
  const get = (url: string) => fetch(server.origin + url)
  const send = (url: string, body: unknown, method = 'POST') =>
    fetch(server.origin + url, { method, body: body === undefined ? undefined : JSON.stringify(body) })
  const kept = (name: string) => send(`/userdata/workflows%2F${name}.json`, { nodes: [], links: [] })
  const upload = async () =>
    fetch(`${server.origin}/upload/image`, {
      method: 'POST',
      body: uploadForm(await pngOf(8, 8), 'a.png', { overwrite: 'true' }),
    })
  const names = { names: { 0: { name: 'glasses' } } }
  const tiny = '/patronus/checkpoints/tiny.safetensors'
  const drawn = '/patronus/checkpoints/avatars64.safetensors'

  /** Each operation, and the answers it gives here; what follows upon another call stands in the same line. */
  const requests: Readonly<Record<string, () => Promise<Response>[]>> = {
    getModelFiles: () => [get('/experiment/models/checkpoints'), get('/experiment/models/none')],
    getLog: () => [get('/internal/logs')],
    getLogEntries: () => [get('/internal/logs/raw')],
    followLog: () => [
      send('/internal/logs/subscribe', { clientId: 'me', enabled: false }, 'PATCH'),
      send('/internal/logs/subscribe', {}, 'PATCH'),
    ],
    getFolders: () => [get('/internal/folder_paths')],
    getNewestFiles: () => [get('/internal/files/output'), get('/internal/files/none')],
    listTemplates: () => [get('/workflow_templates')],
    getTemplate: () => [get('/workflow_templates/patronus/reconstruct.json'), get('/workflow_templates/none/a.json')],
    getCollection: () => [get('/templates/index.json')],
    getMetrics: () => [get('/metrics')],
    uploadMask: () => [
      upload().then(async () =>
        fetch(`${server.origin}/upload/mask`, {
          method: 'POST',
          body: uploadForm(await pngOf(8, 8), 'm.png', {
            original_ref: JSON.stringify({ filename: 'a.png', subfolder: '', type: 'input' }),
          }),
        }),
      ),
    ],
    getQueueLength: () => [get('/prompt')],
    submit: () => [
      send('/prompt', { prompt: { 1: { class_type: 'Show', inputs: { value: 1 } } } }),
      send('/prompt', { prompt: { 1: constant } }),
      send('/prompt', { prompt: { 1: { class_type: 'Show', inputs: { value: 'much' } } } }),
      send('/prompt', {}),
    ],
    getQueue: () => [
      send('/prompt', {
        prompt: {
          1: { class_type: 'Steps', inputs: { count: 20, wait: 10, size: 8 } },
          2: { class_type: 'Show', inputs: { value: ['1', 0] } },
        },
      }).then(() => get('/queue')),
    ],
    changeQueue: () => [send('/queue', { delete: ['none'] })],
    interrupt: () => [send('/interrupt', undefined)],
    getHistory: () => [get('/history'), get('/history?max_items=1')],
    getFinished: () => [get(`/history/${finished}`), get('/history/none')],
    changeHistory: () => [send('/history', { delete: ['none'] })],
    listJobs: () => [get('/jobs'), get('/jobs?limit=none')],
    getJob: () => [get(`/jobs/${finished}`), get('/jobs/none')],
    cancelJobs: () => [send('/jobs/cancel', { job_ids: [randomUUID()] }), send('/jobs/cancel', {})],
    cancelJob: () => [send('/jobs/none/cancel', undefined)],
    getPicture: () => [
      upload().then(() => get('/view?filename=a.png&type=input')),
      upload().then(() => get('/view?filename=a.png&type=input&preview=webp')),
      get('/view?filename=none.png'),
    ],
    upload: () => [upload(), send('/upload/image', {})],
    getUsers: () => [get('/users')],
    addUser: () => [send('/users', {})],
    saveUserFile: () => [send('/userdata/b.json?full_info=true', [1]), send('/userdata/c.json', [1])],
    listUserFiles: () => [get('/userdata?dir=.'), get('/userdata?dir=workflows'), get('/userdata')],
    listUserFolder: () => [send('/userdata/f.json', 1).then(() => get('/v2/userdata'))],
    getUserFile: () => [send('/userdata/f.json', 1).then(() => get('/userdata/f.json')), get('/userdata/none.json')],
    deleteUserFile: () => [
      send('/userdata/d.json', 1).then(() => send('/userdata/d.json', undefined, 'DELETE')),
      send('/userdata/none.json', undefined, 'DELETE'),
    ],
    moveUserFile: () => [
      send('/userdata/g.json', 1).then(() => send('/userdata/g.json/move/h.json', undefined)),
      send('/userdata/none.json/move/h.json', undefined),
    ],
    listSaved: () => [send('/userdata/workflows%2Fp.json', {}).then(() => get('/patronus/saved'))],
    forgetSaved: () => [
      kept('t').then(() => send('/patronus/saved/t.json', undefined, 'DELETE')),
      send('/patronus/saved/none', undefined, 'DELETE'),
    ],
    listVersions: () => [kept('q').then(() => get('/patronus/saved/q.json/versions')), get('/patronus/saved/none/versions')],
    getVersion: () => [
      kept('r').then(() => get('/patronus/saved/r.json/versions/1')),
      get('/patronus/saved/r.json/versions/9'),
      get('/patronus/saved/r.json/versions/first'),
    ],
    restoreVersion: () => [
      kept('s').then(() => send('/patronus/saved/s.json/versions/1/restore', undefined)),
      send('/patronus/saved/none/versions/1/restore', undefined),
    ],
    getSettings: () => [get('/settings')],
    changeSettings: () => [send('/settings', { 'Comfy.A': 1 })],
    getSetting: () => [get('/settings/Comfy.None')],
    changeSetting: () => [send('/settings/Comfy.A', 2)],
    describe: () => [get('/openapi.json'), get('/api/openapi.json')],
    getNodes: () => [get('/object_info')],
    getNode: () => [get('/object_info/Constant'), get('/object_info/None')],
    getFeatures: () => [get('/features')],
    getSystem: () => [get('/system_stats')],
    getExtensions: () => [get('/extensions')],
    getEmbeddings: () => [get('/embeddings')],
    getTranslations: () => [get('/i18n')],
    getSubgraphs: () => [get('/global_subgraphs')],
    getReplacements: () => [get('/node_replacements')],
    getModelFolders: () => [get('/models')],
    getModels: () => [get('/models/checkpoints'), get('/models/none')],
    getModelPaths: () => [get('/experiment/models')],
    getModelMetadata: () => [get('/view_metadata/checkpoints?filename=tiny.safetensors'), get('/view_metadata/none')],
    free: () => [send('/free', { free_memory: true })],
    isAlive: () => [get('/healthz')],
    isReady: () => [get('/readyz')],
    listWorkflows: () => [get('/patronus/workflows')],
    getWorkflow: () => [get('/patronus/workflows/reconstruct'), get('/patronus/workflows/none')],
    getPrompt: () => [get('/patronus/workflows/reconstruct/prompt'), get('/patronus/workflows/none/prompt')],
    listCheckpoints: () => [get('/patronus/checkpoints')],
    getCheckpoint: () => [get(tiny), get(drawn), get('/patronus/checkpoints/none')],
    getNames: () => [get(`${tiny}/names`)],
    replaceNames: () => [send(`${tiny}/names`, names, 'PUT'), send(`${tiny}/names`, { names: 7 }, 'PUT')],
    changeNames: () => [send(`${tiny}/names`, names, 'PATCH'), send(`${tiny}/names`, { names: 7 }, 'PATCH')],
    suggestNames: () => [get('/patronus/checkpoints/none/suggestions')],
    getAtlas: () => [get(`${drawn}/atlas`), get(`${tiny}/atlas`)],
    getAtlasPicture: () => [get(`${drawn}/atlas/0.png`), get(`${drawn}/atlas/none.png`)],
    getTile: () => [get(`${drawn}/tiles/0.png`), get(`${drawn}/tiles/99999.png`)],
    getRegister: () => [get('/patronus/register.js')],
    getDevice: () => [get('/patronus/device')],
  }

  test.each(Object.entries(operations).filter(([route]) => route !== 'GET /ws'))('%s', async (route, { id, answers }) => {
    // An operation without a line in `requests` is not checked against anything.
    expect(Object.keys(requests)).toContain(id)
    for (const response of await Promise.all(requests[id]())) {
      const { status } = response
      ;(seen[route] ??= new Set()).add(status)
      const answer = answers[status]
      expect({ route, status, described: Object.keys(answers) }).toMatchObject({
        described: expect.arrayContaining([String(status)]),
      })
      if (typeof answer === 'string')
        expect({ status, faults: faults(answer, await response.json()) }).toEqual({ status, faults: [] })
      else if ('nothing' in answer) expect(await response.text()).toBe('')
      else expect(answer).toContain(response.headers.get('content-type')?.split(';')[0])
    }
  })

  test('GET /ws', async () => {
    const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/ws?clientId=me`)
    const answer = await new Promise<{ statusCode?: number }>((resolve, reject) =>
      socket.once('upgrade', resolve).once('error', reject),
    )
    expect(Object.keys(operations['GET /ws'].answers)).toEqual([String(answer.statusCode)])
    socket.close()
  })

  test('and each operation with its success, but for those that have none here', () => {
    const failed = Object.entries(seen).flatMap(([route, all]) => ([...all].some(status => status < 300) ? [] : [route]))
    expect(failed).toEqual(['POST /users', 'GET /patronus/checkpoints/{name}/suggestions'])
  })
})

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajv.addSchema({ $id: 'https://patronus.example/openapi', ...(JSON.parse(JSON.stringify(openApi('1'))) as object) })

/** What is wrong with an answer, by the shape it should have; nothing when it fits. */
function faults(shape: string, answer: unknown): string[] {
  const validate = ajv.getSchema(`https://patronus.example/openapi#/components/schemas/${shape}`)
  if (!validate) throw new Error(`no shape ${shape}`)
  void validate(answer)
  return (validate.errors ?? []).slice(0, 5).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

/** Stands for whatever routes are made from: they only look at it when they are asked something. */
const anything = new Proxy(() => {}, { get: () => anything, apply: () => anything }) as never
const anyParts = {
  ...Object.fromEntries(
    ['runs', 'queue', 'store', 'files', 'disk', 'runner', 'checkpoints', 'logs'].map(name => [name, anything]),
  ),
  limits: { queue: 1, upload: 1 },
} as unknown as Parts
const known: Partial<AppOptions> = { guard: () => ({ ok: true }), editor: '.', log: pino({ level: 'silent' }), origins: [] }
/** Folders are left out where they may be; what is not known here is anything. */
const anyOptions = new Proxy(known, {
  get: (options, name) =>
    name in options ? options[name as keyof AppOptions] : /Root|register|extension/.test(String(name)) ? undefined : anything,
}) as AppOptions

type Layer = {
  readonly route?: { readonly path: string | string[]; readonly methods: Record<string, boolean> }
  readonly handle: { readonly stack?: Layer[] }
}

/** Everything that express would answer, as `METHOD /path/{name}`. */
function routesOf(app: Express): string[] {
  const walk = (layers: readonly Layer[]): string[] =>
    layers.flatMap(({ route, handle }) => {
      if (!route) return handle.stack ? walk(handle.stack) : []
      const paths = [route.path].flat().map(path => path.replace(/^\/api(?=\/)/, '').replace(/:(\w+)/g, '{$1}'))
      return paths.flatMap(path => Object.keys(route.methods).map(method => `${method.toUpperCase()} ${path}`))
    })
  return walk((app.router as unknown as { stack: Layer[] }).stack)
}
