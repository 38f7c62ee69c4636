import { defineNode, type Expansion } from '../nodes/node.ts'
import { createBench, dataOf, type Bench, type Short, type Told } from './executor-parts.ts'

/** Expands to whatever the test says. */
let expansion: Expansion = { graph: {}, outputs: {} }
const grows = defineNode({
  type: 'ConformGrows',
  title: 'Grows',
  category: 'test',
  help: 'Expands.',
  inputs: { value: { type: '*', help: 'Anything.' } },
  outputs: { value: { type: '*', help: 'Something.' } },
  run: async () => ({ expand: expansion }),
})

let bench: Bench
beforeEach(async () => void (bench = await createBench([grows])))
afterEach(() => bench.close())

const repeat = (times: number): Short => ({
  start: ['Float', { value: 10 }],
  repeat: ['RepeatAdd', { value: ['start', 0], amount: 2, times }],
  show: ['Show', { value: ['repeat', 0] }],
})

describe('expansion (spec/comfyui.md 3.4)', () => {
  test('a node gives what the graph it expanded to gives; the new nodes run under ids that tell whose they are', async () => {
    const told = await bench.run(repeat(3))
    expect(told.texts.show).toEqual(['16'])
    const children = ['repeat.0.0.add0', 'repeat.0.0.add1', 'repeat.0.0.add2']
    expect(told.ran).toEqual(['start', 'repeat', ...children, 'show'])
    expect(dataOf(told, 'executing').map(({ display_node }) => display_node)).toEqual([
      'start',
      'repeat',
      'repeat',
      'repeat',
      'repeat',
      'show',
    ])
    expect(dataOf(told, 'progress_state').at(-1)!.nodes['repeat.0.0.add1']).toMatchObject({
      ...{ node_id: 'repeat.0.0.add1', display_node_id: 'repeat', parent_node_id: 'repeat', real_node_id: 'repeat' },
      state: 'finished',
    })
  })

  test('a second run takes the whole of it from the cache; a part that is the same is found there, too', async () => {
    await bench.run(repeat(3))
    expect((await bench.run(repeat(3))).ran).toEqual([])
    const longer = await bench.run(repeat(5))
    expect(longer.texts.show).toEqual(['20'])
    expect(longer.ran).toEqual(['repeat', 'repeat.0.0.add3', 'repeat.0.0.add4', 'show'])
  })

  test('it may expand to itself; what the inner ones show is shown on the outermost', async () => {
    const told = await bench.run({ down: ['Countdown', { times: 3 }], show: ['Show', { value: ['down', 0] }] })
    expect(told.texts.show).toEqual(['3'])
    const inner = dataOf(told, 'executed').filter(({ node }) => node.startsWith('down.'))
    expect(inner.map(({ display_node, output }) => [display_node, output?.text?.[0]]).toSorted()).toEqual([
      ['down', '1'],
      ['down', '2'],
      ['down', '3'],
    ])
    expect(told.texts['down.0.0.less.0.0.show']).toEqual(['2'])
  })

  test('what its nodes show is told and kept when all of it comes from the cache, under the ids of the graph that asks', async () => {
    const down = (id: string): Short => ({ [id]: ['Countdown', { times: 3 }], show: ['Show', { value: [id, 0] }] })
    const shown = (told: Told) =>
      dataOf(told, 'executed').map(({ node, display_node, output }) => [node, display_node, output?.text?.[0]])
    const first = await bench.run(down('down'))
    const again = await bench.run(down('down'))
    expect([again.ran, again.texts]).toEqual([[], first.texts])
    expect(shown(again).toSorted()).toEqual(shown(first).toSorted())
    const renamed = await bench.run(down('other'))
    expect([renamed.ran, Object.keys(renamed.texts).length]).toEqual([[], 4])
    expect(shown(renamed)).toContainEqual(['other.0.0.less.0.0.show', 'other', '2'])
    expect(shown(renamed)).toHaveLength(4)
  })

  test('so it is of a part of it, and of a second node that is just like the first', async () => {
    await bench.run({ down: ['Countdown', { times: 2 }], show: ['Show', { value: ['down', 0] }] })
    const longer = await bench.run({
      one: ['Countdown', { times: 3 }],
      two: ['Countdown', { times: 3 }],
      show: ['Add', { a: ['one', 0], b: ['two', 0] }],
      end: ['Show', { value: ['show', 0] }],
    })
    for (const id of ['one', 'two'])
      expect(longer.texts).toMatchObject({
        [`${id}.0.0.show`]: ['3'],
        [`${id}.0.0.less.0.0.show`]: ['2'],
        [`${id}.0.0.less.0.0.less.0.0.show`]: ['1'],
      })
    const told = dataOf(longer, 'executed').map(({ node }) => node)
    expect(told.toSorted()).toEqual(Object.keys(longer.texts).toSorted())
  })

  test('every item of a list expands to a graph of its own', async () => {
    const told = await bench.run({
      list: ['MakeList', { first: 0, count: 3 }],
      repeat: ['RepeatAdd', { value: ['list', 0], amount: 1, times: ['times', 0] }],
      times: ['Int', { value: 2 }],
      show: ['Show', { value: ['repeat', 0] }],
    })
    expect(told.texts.show).toEqual(['2', '3', '4'])
    expect(told.ran).toContain('repeat.2.0.add1')
  })

  test('lists flow into and out of it', async () => {
    expansion = {
      graph: { list: { class_type: 'ConformMakeList', inputs: { first: 1, count: 2 } } },
      outputs: { value: ['list', 0] },
    }
    const told = await bench.run({ grow: ['Grows', { value: 1 }], show: ['Show', { value: ['grow', 0] }] })
    expect(told.texts.show).toEqual(['1', '2'])
  })

  test('one that waits for itself is an error of the node that expanded, at once', async () => {
    const told = await bench.run({ cycle: ['Cycle', { value: 1 }], show: ['Show', { value: ['cycle', 0] }] })
    expect(dataOf(told, 'execution_error')).toMatchObject([{ node_id: 'cycle', exception_type: 'DependencyCycleError' }])
    expect(dataOf(told, 'execution_error')[0].exception_message).toContain('cycle.0.0.add (ConformAdd)')
  })

  test('so is one that waits for what waits for it', async () => {
    expansion = {
      graph: { add: { class_type: 'ConformAdd', inputs: { a: ['after', 0], b: 1 } } },
      outputs: { value: ['add', 0] },
    }
    const told = await bench.run({
      grow: ['Grows', { value: 1 }],
      after: ['Add', { a: ['grow', 0], b: 1 }],
      show: ['Show', { value: ['after', 0] }],
    })
    expect(dataOf(told, 'execution_error')).toMatchObject([{ node_id: 'grow', exception_type: 'DependencyCycleError' }])
  })

  test('one that would never end is stopped and named', async () => {
    const deep = await bench.run({ down: ['Countdown', { times: 20_000 }], show: ['Show', { value: ['down', 0] }] })
    expect(dataOf(deep, 'execution_error')[0]).toMatchObject({ node_id: 'down', node_type: 'ConformCountdown' })
    expect(dataOf(deep, 'execution_error')[0].exception_message).toMatch(/goes on expanding/)
    const wide = await bench.run(repeat(20_000))
    expect(dataOf(wide, 'execution_error')[0].exception_message).toMatch(/goes on expanding/)
  })

  test.each<[string, Expansion, RegExp]>([
    [
      'a class that is not there',
      { graph: { a: { class_type: 'Nope', inputs: {} } }, outputs: { value: ['a', 0] } },
      /class "Nope"/,
    ],
    [
      'a missing input',
      { graph: { a: { class_type: 'ConformPass', inputs: {} } }, outputs: { value: ['a', 0] } },
      /input "value"/,
    ],
    ['a missing output', { graph: {}, outputs: {} }, /gives no "value"/],
    ['a link to nowhere', { graph: {}, outputs: { value: ['nowhere', 0] } }, /node nowhere, which is not there/],
    [
      'a slot that is not there',
      { graph: { a: { class_type: 'ConformPass', inputs: { value: 1 } } }, outputs: { value: ['a', 3] } },
      /output 3 of node grow\.0\.0\.a \(ConformPass\), which has 1/,
    ],
    [
      'a dotted name',
      { graph: { 'a.b': { class_type: 'ConformPass', inputs: { value: 1 } } }, outputs: { value: 1 } },
      /no dots/,
    ],
  ])('%s in it is told of the node that expanded', async (_, given, message) => {
    expansion = given
    const told = await bench.run({ grow: ['Grows', { value: 1 }], show: ['Show', { value: ['grow', 0] }] })
    expect(dataOf(told, 'execution_error')).toMatchObject([{ node_id: 'grow', node_type: 'ConformGrows' }])
    expect(dataOf(told, 'execution_error')[0].exception_message).toMatch(message)
  })

  test('a failure inside is told of the node in the graph, and says where inside', async () => {
    expansion = {
      graph: { fail: { class_type: 'ConformFail', inputs: { message: 'broken' } } },
      outputs: { value: ['fail', 0] },
    }
    const told = await bench.run({ grow: ['Grows', { value: 1 }], show: ['Show', { value: ['grow', 0] }] })
    expect(dataOf(told, 'execution_error')).toMatchObject([
      { node_id: 'grow', node_type: 'ConformGrows', exception_type: 'RangeError' },
    ])
    expect(dataOf(told, 'execution_error')[0].exception_message).toMatch(/^broken \(in node grow\.0\.0\.fail, ConformFail/)
  })

  test('values that no JSON could hold pass into it, and are never taken for one another', async () => {
    const grow = (image: string) => ({
      graph: { pass: { class_type: 'ConformPass', inputs: { value: { shape: [image], data: new Float32Array(4) } } } },
      outputs: { value: ['pass', 0] },
    })
    expansion = grow('a')
    const first = await bench.run({ grow: ['Grows', { value: 1 }], show: ['Show', { value: ['grow', 0] }] })
    expansion = grow('b')
    const second = await bench.run({ grow: ['Grows', { value: 2 }], show: ['Show', { value: ['grow', 0] }] })
    expect([first.texts.show, second.texts.show]).toEqual([['[a]'], ['[b]']])
  })
})

describe('blockers', () => {
  const blocking = (inputs: object): Short => ({
    one: ['Float', { value: 1 }],
    block: ['Block', { value: ['one', 0], block: true, message: '', ...inputs }],
    add: ['Add', { a: ['block', 0], b: 1 }],
    stopped: ['Show', { value: ['add', 0] }],
    free: ['Show', { value: ['one', 0] }],
  })

  test('everything behind a silent one is skipped, other branches run, and the run is a success', async () => {
    const told = await bench.run(blocking({}))
    expect([told.status, told.texts]).toEqual(['success', { free: ['1'] }])
    expect(bench.counts.ConformAdd).toBeUndefined()
    expect(dataOf(told, 'execution_error')).toEqual([])
  })

  test('one with a message is told once, of the first node it stops, and the run goes on', async () => {
    const told = await bench.run(blocking({ message: 'not today' }))
    expect([told.status, told.texts]).toEqual(['success', { free: ['1'] }])
    const [error, ...more] = dataOf(told, 'execution_error')
    expect(more).toEqual([])
    expect(error).toEqual({
      prompt_id: expect.any(String) as string,
      ...{ node_id: 'add', node_type: 'ConformAdd', executed: expect.any(Array) as string[] },
      ...{ exception_message: 'Execution Blocked: not today', exception_type: 'ExecutionBlocked' },
      ...{ traceback: [], current_inputs: [], current_outputs: [] },
    })
  })

  test('items of a list are blocked one by one', async () => {
    const { texts } = await bench.run({
      list: ['MakeList', { first: 1, count: 4 }],
      block: ['BlockAbove', { value: ['list', 0], bound: 2 }],
      add: ['Add', { a: ['block', 0], b: 10 }],
      show: ['Show', { value: ['add', 0] }],
    })
    expect(texts.show).toEqual(['11', '12'])
    expect(bench.counts.ConformAdd).toBe(2)
  })

  test('one blocked item stops a node that takes the whole list', async () => {
    const { texts } = await bench.run({
      list: ['MakeList', { first: 1, count: 4 }],
      block: ['BlockAbove', { value: ['list', 0], bound: 2 }],
      sum: ['SumList', { numbers: ['block', 0] }],
      show: ['Show', { value: ['sum', 0] }],
    })
    expect(texts.show).toBeUndefined()
    expect(bench.counts.ConformSumList).toBeUndefined()
  })

  test('one on the branch that a lazy switch does not take stops nothing', async () => {
    const { texts } = await bench.run({
      ...blocking({}),
      switch: ['LazySwitch', { which: false, on_true: ['block', 0], on_false: ['one', 0] }],
      show: ['Show', { value: ['switch', 0] }],
    })
    expect(texts.show).toEqual(['1'])
  })
})
