import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { catalogOf } from '../nodes/index.ts'
import { defineNode } from '../nodes/node.ts'
import type { NodeInfo } from '../workflows/graph.ts'
import { isBuilt, start } from './cli-process.ts'
import { promptOf, type Short } from './executor-parts.ts'
import { connect, getJson, submit, testServer, type TestClient, type TestServer } from './server-parts.ts'

/** Expands to a sampler. */
const paints = defineNode({
  type: 'ConformPaints',
  title: 'Paints',
  category: 'test',
  help: 'Expands to a sampler.',
  inputs: { steps: { type: 'INT', default: 2, min: 1, max: 9, help: 'Steps.' } },
  outputs: { image: { type: 'IMAGE', help: 'The picture.' } },
  run: async ({ steps }) => ({
    expand: {
      graph: { inner: { class_type: 'ConformSampler', inputs: { steps, ms: 0, size: 4, seed: 0 } } },
      outputs: { image: ['inner', 0] },
    },
  }),
})
const catalog = new Map([...catalogOf({ conformance: true }), [paints.type, paints] as const])

let server: TestServer
let client: TestClient
beforeEach(async () => {
  server = await testServer({ catalog })
  client = await connect(server)
})
afterEach(async () => {
  await client.close()
  await server.clean()
})

type History = Record<
  string,
  { outputs: Record<string, object>; meta: Record<string, object>; status: { status_str: string; messages: [string, object][] } }
>

async function run(graph: Short) {
  client.heard.length = 0
  const { body } = await submit(server, promptOf(graph), { client_id: client.id })
  await client.done(body.prompt_id)
  const history = (await getJson(server, `/history/${body.prompt_id}`)) as History
  return { heard: [...client.heard], history: history[body.prompt_id] }
}
const errorsOf = async (graph: Short) => (await submit(server, promptOf(graph))).body

describe('through a listening server', () => {
  test('object_info says which inputs are lazy, who takes lists and who gives them', async () => {
    const info = async (type: string) => ((await getJson(server, `/object_info/${type}`)) as Record<string, NodeInfo>)[type]
    expect((await info('ConformLazySwitch')).input.optional?.on_true[1]).toMatchObject({ lazy: true })
    expect((await info('ConformLazySwitch')).input.required?.which[1]).not.toHaveProperty('lazy')
    expect(await info('ConformMakeList')).toMatchObject({ output: ['FLOAT'], output_is_list: [true] })
    expect(await info('ConformSumList')).toMatchObject({ is_input_list: true, output_is_list: [false, false] })
    expect((await info('ConformAdd')).input.required?.a[0]).toBe('INT,FLOAT')
    expect((await info('ConformPass')).input.required?.value[0]).toBe('*')
  })

  test('a lazy node is announced again after what it wanted', async () => {
    const { heard } = await run({
      yes: ['Float', { value: 1 }],
      no: ['Float', { value: 2 }],
      switch: ['LazySwitch', { which: true, on_true: ['yes', 0], on_false: ['no', 0] }],
      show: ['Show', { value: ['switch', 0] }],
    })
    const executing = heard.flatMap(one => (one.type === 'executing' ? [one.data.node] : []))
    expect(executing).toEqual(['switch', 'yes', 'switch', 'show', null])
  })

  test('pictures of a node inside are shown on the node it came from, and say so', async () => {
    const { heard } = await run({ paint: ['Paints', { steps: 2 }], show: ['Show', { value: ['paint', 0] }] })
    const frames = heard.flatMap(one => (one.type === 'frame' ? [one.data] : []))
    expect(frames).toHaveLength(2)
    const said = JSON.parse(frames[0].subarray(8, 8 + frames[0].readUInt32BE(4)).toString()) as object
    const inner = { node_id: 'paint.0.0.inner', display_node_id: 'paint', parent_node_id: 'paint', real_node_id: 'paint' }
    expect(said).toMatchObject(inner)
  })

  test('the history names for every output of an inner node whose it is', async () => {
    const { history } = await run({ down: ['Countdown', { times: 2 }], show: ['Show', { value: ['down', 0] }] })
    expect(history.outputs).toMatchObject({ show: { text: ['2'] }, 'down.0.0.less.0.0.show': { text: ['1'] } })
    expect(history.meta['down.0.0.less.0.0.show']).toEqual({
      node_id: 'down.0.0.less.0.0.show',
      display_node: 'down',
      parent_node: 'down.0.0.less',
      real_node_id: 'down',
    })
    expect(history.meta.show).toMatchObject({ display_node: 'show', parent_node: null })
  })

  test('what was blocked is told, and is no error of the job', async () => {
    const { heard, history } = await run({
      block: ['Block', { value: 1, block: true, message: 'no way' }],
      stopped: ['Show', { value: ['block', 0] }],
      free: ['Show', { value: 2 }],
    })
    expect(heard.find(one => one.type === 'execution_error')).toMatchObject({
      data: { node_id: 'stopped', exception_type: 'ExecutionBlocked', exception_message: 'Execution Blocked: no way' },
    })
    expect(heard.some(one => one.type === 'execution_success')).toBe(true)
    expect(history).toMatchObject({ outputs: { free: { text: ['2'] } }, status: { status_str: 'success', completed: true } })
    expect(history.status.messages.map(([type]) => type)).not.toContain('execution_error')
  })

  test('a node can read what ComfyUI calls hidden inputs: its id, the graph, what is kept with pictures', async () => {
    const prompt = promptOf({
      h: ['Hidden'],
      id: ['Show', { value: ['h', 0] }],
      nodes: ['Show', { value: ['h', 1] }],
      info: ['Show', { value: ['h', 2] }],
    })
    const extra_data = { extra_pnginfo: { workflow: { id: 'w' } }, api_key_comfy_org: 'secret' }
    const { prompt_id } = (await submit(server, prompt, { client_id: client.id, extra_data })).body
    await client.done(prompt_id)
    expect(((await getJson(server, `/history/${prompt_id}`)) as History)[prompt_id].outputs).toEqual({
      ...{ id: { text: ['h'] }, nodes: { text: ['4'] }, info: { text: ['{"workflow":{"id":"w"}}'] } },
    })
  })

  test('an id of the graph that looks like one from an expansion is its own node', async () => {
    const { heard, history } = await run({ 'a.0.0.b': ['Show', { value: 1 }], a: ['Show', { value: 2 }] })
    expect(heard.flatMap(one => (one.type === 'executed' ? [one.data.display_node] : [])).toSorted()).toEqual(['a', 'a.0.0.b'])
    expect(history.meta['a.0.0.b']).toMatchObject({ display_node: 'a.0.0.b', parent_node: null })
  })
})

describe('links into inputs that a node does not declare', () => {
  const numbers: Short = { x: ['Float', { value: 2 }], y: ['Float', { value: 40 }] }
  const into = (type: string, inputs: Readonly<Record<string, unknown>>): Short => ({
    ...numbers,
    to: [type, inputs],
    show: ['Show', { value: ['to', 0] }],
  })

  test('reach one that takes them, under their names; literals and what others are given do not', async () => {
    const taken = await run({
      ...into('AddAll', { first: 1, more: ['x', 0], most: ['y', 0], literal: 1000 }),
      names: ['Show', { value: ['to', 1] }],
    })
    expect(taken.history.outputs).toMatchObject({ show: { text: ['43'] }, names: { text: ['first more most'] } })
    expect((await run(into('Add', { a: 1, b: 1, c: ['x', 0] }))).history.outputs).toMatchObject({ show: { text: ['2'] } })
    expect(await getJson(server, '/object_info/ConformAddAll')).toMatchObject({ ConformAddAll: { takes_undeclared: true } })
  })

  test('are part of what it is remembered by, and checked as others are', async () => {
    await run(into('AddAll', { first: 1, more: ['x', 0] }))
    expect((await run(into('AddAll', { first: 1, more: ['y', 0] }))).history.outputs).toMatchObject({ show: { text: ['41'] } })
    const { node_errors } = await errorsOf(into('AddAll', { first: 1, more: ['nowhere', 0], most: ['x'] }))
    expect(node_errors.to.errors.map(({ type }) => type)).toEqual(['exception_during_inner_validation', 'bad_linked_input'])
    const cycle = await errorsOf(into('AddAll', { first: 1, more: ['to', 0] }))
    expect(cycle.node_errors.to.errors[0].type).toBe('dependency_cycle')
  })
})

describe('pictures of other folders', () => {
  const image = ['Image', { size: 3, red: 1, green: 0, blue: 0 }] as const
  const loading = (name: string) => ({
    load: { class_type: 'LoadImage', inputs: { image: name } },
    show: { class_type: 'ConformShow', inputs: { value: ['load', 0] } },
  })

  test('are loaded as "name [output]"; one that is not there, or leads out, is refused before anything runs', async () => {
    const saved = await submit(server, { ...promptOf({ i: image }), s: { class_type: 'SaveImage', inputs: { images: ['i', 0], filename_prefix: 'sub/kept' } } }, { client_id: client.id }) // prettier-ignore
    await client.done(saved.body.prompt_id)
    const { status, body } = await submit(server, loading('sub/kept_00001_.png [output]'), { client_id: client.id })
    expect(status).toBe(200)
    await client.done(body.prompt_id)
    const history = (await getJson(server, `/history/${body.prompt_id}`)) as History
    expect(history[body.prompt_id].outputs).toEqual({ show: { text: ['[1,3,3,3]'] } })
    for (const name of ['sub/kept_00001_.png [temp]', 'none.png [output]', '../sub/kept_00001_.png [output]']) {
      const { node_errors } = (await submit(server, loading(name))).body
      expect(node_errors.load.errors).toMatchObject([{ type: 'custom_validation_failed', extra_info: { input_name: 'image' } }])
    }
  })
})

describe("a node's own check of its values (VALIDATE_INPUTS)", () => {
  const checked = (inputs: object): Short => ({ v: ['Validated', { b: 1, ...inputs }], show: ['Show', { value: ['v', 0] }] })

  test.each([
    [
      { a: 3 },
      { type: 'custom_validation_failed', details: 'a - 3 is odd; give an even number', extra_info: { input_name: 'a' } },
    ],
    [
      { a: 3, how: 'false' },
      { type: 'custom_validation_failed', details: 'a', extra_info: { input_name: 'a' } },
    ],
    [
      { a: 3, how: 'throw' },
      { type: 'exception_during_validation', details: '3 could not be checked' },
    ],
  ])('%j is refused before anything runs', async (inputs, fault) => {
    const { error, node_errors } = await errorsOf(checked(inputs))
    expect(error.type).toBe('prompt_outputs_failed_validation')
    expect(node_errors).toMatchObject({ v: { errors: [fault], dependent_outputs: ['show'], class_type: 'ConformValidated' } })
  })

  test('range is its own affair for the inputs it names, and only for those', async () => {
    expect((await errorsOf(checked({ a: 12 }))).node_errors).toEqual({})
    expect((await errorsOf(checked({ a: 2, b: 12 }))).node_errors.v.errors).toMatchObject([{ type: 'value_bigger_than_max' }])
  })

  test('it sees values as they will be run, and not those that come over links', async () => {
    expect((await errorsOf(checked({ a: '3' }))).node_errors.v.errors).toMatchObject([{ type: 'custom_validation_failed' }])
    const { heard } = await run({ i: ['Int', { value: 3 }], ...checked({ a: ['i', 0] }) })
    expect(heard.find(one => one.type === 'executed')).toMatchObject({ data: { output: { text: ['4'] } } })
  })

  test('good outputs run beside it', async () => {
    const { status, body } = await submit(server, promptOf({ ...checked({ a: 3 }), other: ['Show', { value: 1 }] }))
    expect([status, Object.keys(body.node_errors)]).toEqual([200, ['v']])
  })
})

describe('types of links', () => {
  const into = (from: Short[string], to: string, input: string, more: object = {}): Short => ({
    from,
    to: [to, { [input]: ['from', 0], ...more }],
    show: ['Show', { value: ['to', 0] }],
  })

  test('a union takes each of its types, and tells both where it takes neither', async () => {
    expect((await errorsOf(into(['Int', { value: 1 }], 'Add', 'a', { b: 1 }))).node_errors).toEqual({})
    expect((await errorsOf(into(['String', { value: '1' }], 'Add', 'a', { b: 1 }))).node_errors.to.errors).toMatchObject([
      {
        type: 'return_type_mismatch',
        details: 'a, received_type(STRING) mismatch input_type(INT,FLOAT)',
        extra_info: { received_type: 'STRING', linked_node: ['from', 0] },
      },
    ])
  })

  test('a wildcard takes and feeds everything', async () => {
    const image = ['Image', { size: 2, red: 1, green: 0, blue: 0 }] as const
    expect((await run({ ...into(image, 'Pass', 'value') })).history.outputs).toEqual({ show: { text: ['[1,2,2,3]'] } })
    expect(
      (await errorsOf({ p: ['Pass', { value: 1 }], ...into(['Pass', { value: 2 }], 'Add', 'a', { b: 1 }) })).node_errors,
    ).toEqual({})
  })

  test('a literal for a union must be of one of its types; for a wildcard it may be anything but what looks like a link', async () => {
    const add = (a: unknown): Short => ({ add: ['Add', { a, b: 1 }], show: ['Show', { value: ['add', 0] }] })
    expect((await run(add(1.5))).history.outputs).toEqual({ show: { text: ['2.5'] } })
    expect((await errorsOf(add('1'))).node_errors.add.errors).toMatchObject([{ type: 'invalid_input_type' }])
    expect((await run({ show: ['Show', { value: { __value__: [1, 2, 3] } }] })).history.outputs).toEqual({
      show: { text: ['[1,2,3]'] },
    })
    const linkLike = await errorsOf({ show: ['Show', { value: { __value__: ['show', 0] } }] })
    expect(linkLike.node_errors.show.errors).toMatchObject([{ type: 'invalid_input_type' }])
  })

  test('an error lists twenty options, and of more only how many', async () => {
    const choice = async (inputs: object) =>
      (await errorsOf({ c: ['Choice', { few: 'one', ...inputs }], show: ['Show', { value: ['c', 0] }] })).node_errors.c.errors
    expect(await choice({ few: 'four' })).toMatchObject([{ details: "few: 'four' not in ['one', 'two', 'three']" }])
    expect(await choice({ many: 'x' })).toMatchObject([
      { details: "many: 'x' not in (list of length 30)", extra_info: { input_config: null, received_value: 'x' } },
    ])
  })
})

test('nobody has the conformance nodes who did not ask for them', () => {
  expect([...catalogOf().keys()].filter(type => type.startsWith('Conform'))).toEqual([])
})

const whenBuilt = isBuilt ? test : test.skip
whenBuilt('patronus serve --conformance-nodes has them in the server and in its worker process', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-conform-'))
  const process = start(folder, ['serve', '--port', '0', '--device', 'cpu', '--conformance-nodes'])
  try {
    while (!process.said().includes('is at')) await new Promise(resolve => setTimeout(resolve, 50))
    const { origin, port } = new URL(/is at (http:\S+)/.exec(process.said())![1])
    const far = await connect({ port: Number(port) })
    const graph = promptOf({ repeat: ['RepeatAdd', { value: 1, amount: 2, times: 3 }], show: ['Show', { value: ['repeat', 0] }] })
    const { body } = await submit({ origin }, graph, { client_id: far.id })
    await far.done(body.prompt_id)
    expect(far.heard.filter(one => one.type === 'executed')).toMatchObject([{ data: { node: 'show', output: { text: ['7'] } } }])
    // Though the worker's messages travel several at a time.
    const begins = far.heard.findIndex(one => one.type === 'progress_state' && one.data.nodes.show?.state === 'running')
    expect(begins).toBeGreaterThan(0)
    expect(begins).toBeLessThan(far.heard.findIndex(one => one.type === 'executing' && one.data.node === 'show'))
    await far.close()
  } finally {
    process.signal('SIGINT')
    await process.ended
    await rm(folder, { recursive: true, force: true })
  }
})
