import { createBench, dataOf, type Bench, type Short } from './executor-parts.ts'

let bench: Bench
beforeEach(async () => void (bench = await createBench()))
afterEach(() => bench.close())

describe('what is remembered (spec/comfyui.md 3.3)', () => {
  const printed = (how: string): Short => ({
    print: ['Fingerprint', { value: 1, how }],
    add: ['Add', { a: ['print', 0], b: 1 }],
    show: ['Show', { value: ['add', 0] }],
  })

  test.each(['nan', 'throw'])('a fingerprint that is %s has its node and all after it run every time', async how => {
    await bench.run(printed(how))
    expect((await bench.run(printed(how))).ran).toEqual(['print', 'add', 'show'])
  })

  test('a fingerprint that stays the same has nothing run again; the output node tells what it told', async () => {
    await bench.run(printed('same'))
    const again = await bench.run(printed('same'))
    expect([again.ran, again.cached.toSorted()]).toEqual([[], ['add', 'print', 'show']])
    expect(dataOf(again, 'executed')).toMatchObject([{ node: 'show', display_node: 'show', output: { text: ['2'] } }])
  })

  test('two nodes that are the same run once, unless the class says that each is its own', async () => {
    const told = await bench.run({
      a: ['Float', { value: 3 }],
      b: ['Float', { value: 3 }],
      sum: ['Add', { a: ['a', 0], b: ['b', 0] }],
      x: ['OwnId'],
      y: ['OwnId'],
      both: ['Concat', { a: ['x', 0], b: ['y', 0] }],
      show: ['Show', { value: ['sum', 0] }],
      ids: ['Show', { value: ['both', 0] }],
    })
    expect([told.texts.show, told.texts.ids]).toEqual([['6'], ['xy']])
    expect(bench.counts).toMatchObject({ ConformFloat: 1, ConformOwnId: 2 })
  })

  test('an interrupted run is taken up where it stopped: what was done is not done again', async () => {
    const graph: Short = {
      seed: ['Int', { value: 1 }],
      a: ['Show', { value: ['seed', 0] }],
      long: ['Sampler', { steps: 1000, ms: 5, size: 4, seed: ['seed', 0] }],
      b: ['Show', { value: ['long', 0] }],
    }
    const first = await bench.run(graph, { on: ({ type }, cancel) => type === 'progress' && cancel() })
    expect(first.status).toBe('interrupted')
    expect(dataOf(first, 'execution_interrupted')).toMatchObject([{ node_id: 'long', node_type: 'ConformSampler' }])
    const second = await bench.run(graph, { on: ({ type }, cancel) => type === 'progress' && cancel() })
    expect(second.cached.toSorted()).toEqual(['a', 'seed'])
    expect(second.ran).toEqual(['long'])
  })

  test('a node that failed is not remembered, those before it are', async () => {
    const graph: Short = {
      one: ['Float', { value: 1 }],
      fail: ['Fail', { value: ['one', 0], message: 'no' }],
      show: ['Show', { value: ['fail', 0] }],
    }
    await bench.run(graph)
    const again = await bench.run(graph)
    expect([again.status, again.ran]).toEqual(['error', ['fail']])
    expect(dataOf(again, 'execution_error')).toMatchObject([
      { node_id: 'fail', exception_message: 'no', executed: [], current_outputs: ['one'] },
    ])
  })
})

describe('order', () => {
  test('what shows something runs as soon as it can, before what only feeds others', async () => {
    const { ran } = await bench.run({
      a: ['Float', { value: 1 }],
      b: ['Add', { a: ['a', 0], b: 1 }],
      c: ['Add', { a: ['b', 0], b: 1 }],
      late: ['Show', { value: ['c', 0] }],
      early: ['Show', { value: ['a', 0] }],
    })
    expect(ran).toEqual(['a', 'early', 'b', 'c', 'late'])
  })

  test('only the outputs asked for run, with what they need', async () => {
    const graph: Short = {
      a: ['Float', { value: 1 }],
      b: ['Float', { value: 2 }],
      x: ['Show', { value: ['a', 0] }],
      y: ['Show', { value: ['b', 0] }],
    }
    expect((await bench.run(graph, { targets: ['y'] })).ran).toEqual(['b', 'y'])
  })
})

describe('nodes that only wait', () => {
  const sleeping = (count: number, ms: number): Short => ({
    ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, ['Sleep', { value: i, ms }] as const])),
    ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, ['Show', { value: [`s${i}`, 0] }] as const])),
  })

  test('wait together: three of 400 ms take less than two would one after the other', async () => {
    const began = performance.now()
    const { texts } = await bench.run(sleeping(3, 400))
    expect(performance.now() - began).toBeLessThan(800)
    expect([texts.t0, texts.t1, texts.t2]).toEqual([['0'], ['1'], ['2']])
  })

  test('the items of a list wait together, too', async () => {
    const began = performance.now()
    const { texts } = await bench.run({
      list: ['MakeList', { first: 0, count: 5 }],
      sleep: ['Sleep', { value: ['list', 0], ms: 300 }],
      show: ['Show', { value: ['sleep', 0] }],
    })
    expect(performance.now() - began).toBeLessThan(900)
    expect(texts.show).toEqual(['0', '1', '2', '3', '4'])
  })

  test('others run meanwhile', async () => {
    const { messages } = await bench.run({
      sleep: ['Sleep', { value: 1, ms: 300 }],
      late: ['Show', { value: ['sleep', 0] }],
      a: ['Float', { value: 1 }],
      early: ['Show', { value: ['a', 0] }],
    })
    const shown = messages.flatMap(one => (one.type === 'executed' ? [one.data.node] : []))
    expect(shown).toEqual(['early', 'late'])
  })

  test('a failure meanwhile is told at once and ends their waiting; a cancel does, too', async () => {
    const began = performance.now()
    const failed = await bench.run({
      ...sleeping(2, 20_000),
      fail: ['Fail', { message: 'no' }],
      show: ['Show', { value: ['fail', 0] }],
    })
    expect([failed.status, dataOf(failed, 'execution_error').map(({ node_id }) => node_id)]).toEqual(['error', ['fail']])
    const cancelled = await bench.run(sleeping(2, 20_000), {
      on: (message, cancel) => message.type === 'executing' && message.data.node === 's1' && setTimeout(cancel, 20),
    })
    expect([cancelled.status, dataOf(cancelled, 'execution_interrupted')]).toMatchObject(['interrupted', [{}]])
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
