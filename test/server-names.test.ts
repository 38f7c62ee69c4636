import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { limits, parseNames, serialise, type NamesFile } from '../analysis/naming.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { loadPatronus } from '../engine/load.ts'
import { catalog } from '../nodes/index.ts'
import type { Ui } from '../nodes/node.ts'
import type { CheckpointDetails } from '../server/protocol.ts'
import { serve, type RunningServer } from '../server/serve.ts'
import { createWorker } from '../server/worker.ts'
import { connect, pngOf, submit, workerParts } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** Names of prototypes at a listening server, with the real nodes over a tiny checkpoint. */

let data: string
let server: RunningServer & { origin: string }
let id: string
/** How often weights were read. */
let loads = 0

beforeAll(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-names-'))
  await mkdir(path.join(data, 'checkpoints'))
  await mkdir(path.join(data, 'input'))
  await writeFile(path.join(data, 'input/face.png'), await pngOf(16, 16))
  id = await writeCheckpoint(path.join(data, 'checkpoints/tiny.safetensors'), tinyCheckpoint())
  await writeCheckpoint(path.join(data, 'checkpoints/other.safetensors'), tinyCheckpoint({ seed: 2, prototypes: 2 }))
  await open()
})
afterAll(async () => {
  await server.close()
  await rm(data, { recursive: true, force: true })
})

async function open(): Promise<void> {
  const running = await serve(
    catalog,
    ({ files, keeper }) =>
      createWorker(workerParts({ catalog, files, keeper, load: file => (loads++, loadPatronus(file, { device: 'tfjs-cpu' })) })),
    { port: 0, data, checkpoints: [path.join(data, 'checkpoints')], workflows: path.join(data, 'none'), editor: data },
  )
  server = { ...running, origin: `http://127.0.0.1:${running.port}` }
}

const url = (checkpoint = 'tiny') => `${server.origin}/patronus/checkpoints/${checkpoint}.safetensors`
const get = async <T = NamesFile>(address = `${url()}/names`): Promise<T> => (await fetch(address)).json() as Promise<T>
const send = async (method: 'PUT' | 'PATCH', body: unknown, address = `${url()}/names`) => {
  const response = await fetch(address, { method, body: typeof body === 'string' ? body : JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as NamesFile & { error: { type: string; message: string } } }
}

const graph = {
  '1': { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'tiny.safetensors' } },
  '2': { class_type: 'LoadImage', inputs: { image: 'face.png' } },
  '3': { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['2', 0] } },
  '4': {
    class_type: 'PatronusEditPrototype',
    inputs: { model: ['1', 0], activations: ['3', 0], prototype: 2, mode: 'maximum', value: 0 },
  },
  '5': { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed: 1, count: 1 } },
  '6': {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['1', 0], activations: ['4', 0], noise: ['5', 0], steps: 1, eta: 0, seed: 0, watch_every: 0 },
  },
  '7': { class_type: 'PreviewImage', inputs: { images: ['6', 0] } },
}

/** Runs the graph; gives what Encode's table and Edit's text call prototype 2, and which nodes came from the cache. */
async function run(): Promise<{ table: unknown; text: string; cached: string[] }> {
  const client = await connect(server)
  const { body } = await submit(server, graph, { client_id: client.id })
  await client.done(body.prompt_id)
  const history = await get<Record<string, { outputs: Record<string, Ui> }>>(`${server.origin}/history/${body.prompt_id}`)
  const { outputs } = history[body.prompt_id]
  const cached = client.heard.flatMap(one => (one.type === 'execution_cached' ? one.data.nodes : []))
  await client.close()
  const row = outputs['3'].tables![0].rows.find(([prototype]) => prototype === 2)!
  return { table: row[1], text: outputs['4'].text![0], cached }
}

test('a checkpoint without names answers with a file of none, and its own names stay in what it says of itself', async () => {
  expect(await get()).toEqual({ format: 'patronus-names', version: 1, checkpoint: id, checkpointName: 'tiny', names: {} })
  expect((await get<CheckpointDetails>(url())).info.names).toEqual({ '1': 'corner' })
})

test('names given with PATCH add up, null forgets one, and PUT replaces them all', async () => {
  await send('PATCH', { names: { 2: { name: 'glasses', note: 'round ones', confidence: 0.8 } } })
  const { body } = await send('PATCH', { names: { 0: { name: 'hat' } } })
  expect(body.names).toEqual({ 0: { name: 'hat' }, 2: { name: 'glasses', note: 'round ones', confidence: 0.8 } })
  expect((await send('PATCH', { names: { 0: null } })).body.names).toEqual({ 2: body.names['2'] })
  expect((await send('PUT', { ...body, names: { 3: { name: 'beard' } } })).body.names).toEqual({ 3: { name: 'beard' } })
  expect(await get()).toEqual({ ...body, names: { 3: { name: 'beard' } } })
})

test('a name of a person goes before that of the checkpoint, which comes back when theirs is taken away', async () => {
  await send('PUT', { names: { 1: { name: 'edge' } } })
  expect((await get<CheckpointDetails>(url())).info.names).toEqual({ '1': 'edge' })
  // The header of the file stays what it was.
  const { patronus } = await get<{ patronus: string }>(`${server.origin}/view_metadata/checkpoints?filename=tiny.safetensors`)
  expect(JSON.parse(patronus)).toHaveProperty('names', { '1': 'corner' })
  await send('PATCH', { names: { 1: null } })
  expect((await get<CheckpointDetails>(url())).info.names).toEqual({ '1': 'corner' })
})

test('many changes at once are all kept, and what is asked for is a names file', async () => {
  await send('PUT', { names: {} })
  await Promise.all([0, 1, 2, 3].map(j => send('PATCH', { names: { [j]: { name: `n${j}` } } })))
  const now = await get()
  expect(Object.values(now.names).map(({ name }) => name)).toEqual(['n0', 'n1', 'n2', 'n3'])
  expect(parseNames(serialise(now))).toEqual(now)
})

test('names follow the weights: a copy of the file under another name has them, another checkpoint has not', async () => {
  await send('PUT', { names: { 3: { name: 'beard' } } })
  await writeFile(
    path.join(data, 'checkpoints/copy.safetensors'),
    await readFile(path.join(data, 'checkpoints/tiny.safetensors')),
  )
  expect((await get(`${url('copy')}/names`)).names).toEqual({ 3: { name: 'beard' } })
  expect((await get(`${url('other')}/names`)).names).toEqual({})
})

test('a file of another checkpoint is refused with 409, taken with force, and never beyond the last prototype', async () => {
  await send('PUT', { names: { 0: { name: 'a' }, 1: { name: 'b' } } })
  const exported = await get()
  const refused = await send('PATCH', exported, `${url('other')}/names`)
  expect([refused.status, refused.body.error.type]).toEqual([409, 'other_checkpoint'])
  expect(refused.body.error.message).toContain(id.slice(0, 12))
  const taken = await send('PUT', exported, `${url('other')}/names?force`)
  expect([taken.status, taken.body.names, taken.body.checkpoint === id]).toEqual([200, exported.names, false])
  const beyond = await send('PATCH', { ...exported, names: { 2: { name: 'c' } } }, `${url('other')}/names?force=true`)
  expect([beyond.status, beyond.body.error.message]).toEqual([
    400,
    expect.stringMatching(/prototype 2 does not exist: there are 2/),
  ])
})

test.each<[string, unknown, number]>([
  ['nothing', '', 400],
  ['no JSON', '{"names"', 400],
  ['a list', [], 400],
  ['names that are no object', { names: 5 }, 400],
  ['a name with a line end', { names: { 1: { name: 'a\nb' } } }, 400],
  ['a key of JavaScript', '{"names":{"__proto__":{"name":"x"}}}', 400],
  ['a note without end', { names: { 1: { name: 'a', note: 'x'.repeat(limits.note + 1) } } }, 400],
  ['more bytes than a body may have', JSON.stringify({ names: { 1: { name: 'x'.repeat(9 << 20) } } }), 413],
])('%s is refused and changes nothing', async (_, body, status) => {
  const before = await get()
  const answer = await send('PATCH', body)
  expect([answer.status, typeof answer.body.error.message]).toEqual([status, 'string'])
  expect(await get()).toEqual(before)
})

test('what is no checkpoint has no names: 404, whatever the path says', async () => {
  for (const name of ['none.safetensors', '..%2F..%2Fuser%2Fnames%2Fx'])
    expect((await fetch(`${server.origin}/patronus/checkpoints/${name}/names`)).status).toBeGreaterThanOrEqual(400)
  expect((await send('PATCH', { names: {} }, `${url('none')}/names`)).status).toBe(404)
})

test('a new name reaches the next run, without loading the weights again; a note changes nothing that was computed', async () => {
  await send('PUT', { names: {} })
  expect(await run()).toMatchObject({ table: null, text: expect.stringMatching(/^prototype 2: /), cached: [] })
  expect(loads).toBe(1)
  await send('PATCH', { names: { 2: { name: 'glasses' } } })
  expect(await run()).toMatchObject({ table: 'glasses', text: expect.stringMatching(/^prototype 2 glasses: /), cached: ['2'] })
  await send('PATCH', { names: { 2: { name: 'glasses', note: 'sure now', confidence: 1 } } })
  expect((await run()).cached).toHaveLength(7)
  expect(loads).toBe(1)
})

test('the names of before find the results of before', async () => {
  await send('PUT', { names: {} })
  expect(await run()).toMatchObject({ table: null, cached: expect.arrayContaining(['1', '3', '4', '6', '7']) })
})

test('unloading the models unloads every name of them: the next run computes with networks that are there', async () => {
  await send('PATCH', { names: { 2: { name: 'glasses' } } })
  await fetch(`${server.origin}/free`, { method: 'POST', body: JSON.stringify({ unload_models: true }) })
  expect(await run()).toMatchObject({ table: 'glasses' })
  expect(loads).toBe(2)
})

test('names outlive the server', async () => {
  await send('PUT', { names: { 3: { name: 'beard', note: 'and chin' } } })
  await server.close()
  await open()
  expect((await get()).names).toEqual({ 3: { name: 'beard', note: 'and chin' } })
})

describe('names files from before there was a database', () => {
  const file = (id: string, ending = '') => path.join(data, `user/names/${id}.json${ending}`)
  const restartWith = async (files: Record<string, string>) => {
    await server.close()
    await mkdir(path.join(data, 'user/names'), { recursive: true })
    for (const [id, text] of Object.entries(files)) await writeFile(file(id), text)
    await open()
  }
  const old = { checkpoint: 'o'.repeat(64), checkpointName: 'old', names: { 1: { name: 'from a file', note: 'kept' } } }

  test('they are taken over at the start, where nothing newer is known, and lie on beside it', async () => {
    const another = await writeCheckpoint(path.join(data, 'checkpoints/another.safetensors'), tinyCheckpoint({ seed: 4 }))
    await send('PUT', { names: { 3: { name: 'beard' } } })
    const texts = Object.fromEntries([id, another].map(checkpoint => [checkpoint, serialise({ ...old, checkpoint })]))
    await restartWith(texts)
    expect((await get(`${url('another')}/names`)).names).toEqual(old.names)
    expect((await get()).names).toEqual({ 3: { name: 'beard' } })
    for (const checkpoint of [id, another]) expect(await readFile(file(checkpoint, '.imported'), 'utf8')).toBe(texts[checkpoint])
    expect((await readdir(path.join(data, 'user/names'))).sort()).toEqual(
      [`${another}.json.imported`, `${id}.json.imported`].sort(),
    )
  })

  test('one that a hand has spoilt stays and is named where names are asked for; the checkpoint is usable, and PUT mends it', async () => {
    const spoilt = await writeCheckpoint(path.join(data, 'checkpoints/spoilt.safetensors'), tinyCheckpoint({ seed: 5 }))
    await restartWith({ [spoilt]: '{"format": "patronus-names"' })
    const answer = await send('PATCH', { names: { 0: { name: 'x' } } }, `${url('spoilt')}/names`)
    expect([answer.status, answer.body.error.message]).toEqual([422, expect.stringContaining(`names/${spoilt}.json`)])
    expect((await get<CheckpointDetails>(url('spoilt'))).info.names).toEqual({ '1': 'corner' })
    expect((await send('PUT', { names: { 0: { name: 'x' } } }, `${url('spoilt')}/names`)).status).toBe(200)
    expect((await get(`${url('spoilt')}/names`)).names).toEqual({ 0: { name: 'x' } })
    expect(await readFile(file(spoilt), 'utf8')).toBe('{"format": "patronus-names"')
  })
})
