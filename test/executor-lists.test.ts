import { createBench, dataOf, type Bench } from './executor-parts.ts'

let bench: Bench
beforeEach(async () => void (bench = await createBench()))
afterEach(() => bench.close())

describe('lists (spec/comfyui.md 3.4)', () => {
  test('a node runs once for every item of its longest list; a shorter list repeats its last item', async () => {
    const { texts, ran } = await bench.run({
      long: ['MakeList', { first: 1, count: 4 }],
      short: ['MakeList', { first: 10, count: 2 }],
      add: ['Add', { a: ['long', 0], b: ['short', 0] }],
      show: ['Show', { value: ['add', 0] }],
    })
    expect(texts.show).toEqual(['11', '13', '14', '15'])
    expect(bench.counts).toMatchObject({ ConformAdd: 4, ConformShow: 4 })
    expect(ran).toEqual(['long', 'short', 'add', 'show'])
  })

  test('a literal goes with every item', async () => {
    const { texts } = await bench.run({
      list: ['MakeList', { first: 0, count: 3 }],
      add: ['Add', { a: ['list', 0], b: 5 }],
      show: ['Show', { value: ['add', 0] }],
    })
    expect(texts.show).toEqual(['5', '6', '7'])
  })

  test('a node that takes lists runs once, with the whole list, and of a single value with a list of one', async () => {
    const { texts } = await bench.run({
      list: ['MakeList', { first: 1, count: 4 }],
      many: ['SumList', { numbers: ['list', 0] }],
      one: ['Float', { value: 7 }],
      single: ['SumList', { numbers: ['one', 0] }],
      a: ['Show', { value: ['many', 0] }],
      b: ['Show', { value: ['many', 1] }],
      c: ['Show', { value: ['single', 1] }],
    })
    expect([texts.a, texts.b, texts.c]).toEqual([['10'], ['4'], ['1']])
    expect(bench.counts.ConformSumList).toBe(2)
  })

  test('lists that come out of every item of a list are put one after the other', async () => {
    const { texts } = await bench.run({
      firsts: ['MakeList', { first: 1, count: 3 }],
      lists: ['MakeList', { first: ['firsts', 0], count: 2 }],
      show: ['Show', { value: ['lists', 0] }],
    })
    expect(texts.show).toEqual(['1', '2', '2', '3', '3', '4'])
  })

  test('for an empty list nothing runs, and what takes lists gets it', async () => {
    const { texts, status } = await bench.run({
      list: ['MakeList', { first: 1, count: 0 }],
      add: ['Add', { a: ['list', 0], b: 1 }],
      sum: ['SumList', { numbers: ['add', 0] }],
      show: ['Show', { value: ['sum', 0] }],
      none: ['Show', { value: ['add', 0] }],
    })
    expect([status, texts.show, texts.none]).toEqual(['success', ['0'], undefined])
    expect(bench.counts.ConformAdd).toBeUndefined()
  })

  test('an error tells all items of the inputs', async () => {
    const told = await bench.run({
      list: ['MakeList', { first: 1, count: 3 }],
      fail: ['Fail', { value: ['list', 0], message: 'no' }],
      show: ['Show', { value: ['fail', 0] }],
    })
    expect(dataOf(told, 'execution_error')).toMatchObject([
      { node_id: 'fail', exception_type: 'RangeError', current_inputs: { value: [1, 2, 3], message: ['no'] } },
    ])
  })

  test('a cancel is heard between two items', async () => {
    const told = await bench.run(
      {
        list: ['MakeList', { first: 0, count: 1000 }],
        add: ['Add', { a: ['list', 0], b: 1 }],
        show: ['Show', { value: ['add', 0] }],
      },
      { on: (message, cancel) => message.type === 'executing' && message.data.node === 'add' && setTimeout(cancel, 1) },
    )
    expect(told.status).toBe('interrupted')
    expect(bench.counts.ConformShow).toBeUndefined()
  })
})

describe('lazy inputs', () => {
  const choosing = (which: unknown) =>
    ({
      yes: ['Float', { value: 1 }],
      no: ['Float', { value: 2 }],
      switch: ['LazySwitch', { which, on_true: ['yes', 0], on_false: ['no', 0] }],
      show: ['Show', { value: ['switch', 0] }],
    }) as const

  test('what makes the value that is not chosen never runs, and the node is said to be executing twice', async () => {
    const { texts, ran } = await bench.run(choosing(true))
    expect(texts.show).toEqual(['1'])
    expect(ran).toEqual(['switch', 'yes', 'switch', 'show'])
    expect(bench.counts.ConformLazySwitch).toBe(1)
  })

  test('a choice that is computed is waited for, then decides', async () => {
    const { texts, ran } = await bench.run({ ...choosing(['which', 0]), which: ['Boolean', { value: false }] })
    expect(texts.show).toEqual(['2'])
    expect(ran).toEqual(['which', 'switch', 'no', 'switch', 'show'])
  })

  test('it is asked again with what it got, and may then want more, or no more', async () => {
    const product = (a: number) =>
      ({
        a: ['Float', { value: a }],
        b: ['Float', { value: 7 }],
        product: ['LazyProduct', { a: ['a', 0], b: ['b', 0] }],
        show: ['Show', { value: ['product', 0] }],
      }) as const
    expect((await bench.run(product(0))).ran).toEqual(['product', 'a', 'product', 'show'])
    const both = await bench.run(product(3))
    expect([both.ran, both.texts.show]).toEqual([['product', 'a', 'product', 'b', 'product', 'show'], ['21']])
  })

  test('of two that are alike and wait for the same, one runs and the other finds what it gave; no bar is left running', async () => {
    const told = await bench.run({
      ...choosing(true),
      twin: ['LazySwitch', { which: true, on_true: ['yes', 0], on_false: ['no', 0] }],
      shown: ['Show', { value: ['twin', 0] }],
    })
    expect([told.texts.show, told.texts.shown]).toEqual([['1'], ['1']])
    expect(told.ran).toEqual(expect.arrayContaining(['switch', 'twin']))
    expect(bench.counts.ConformLazySwitch).toBe(1)
    const bars = Object.entries(dataOf(told, 'progress_state').at(-1)!.nodes)
    expect(bars.filter(([, { state }]) => state !== 'finished')).toEqual([])
  })

  test('what is remembered already need not be asked for', async () => {
    await bench.run({ yes: ['Float', { value: 1 }], show: ['Show', { value: ['yes', 0] }] })
    const { ran, cached } = await bench.run(choosing(true))
    expect(cached).toEqual(['yes'])
    expect(ran).toEqual(['switch', 'show'])
  })

  test('the items of a list choose each for itself, and only what one of them wants is made', async () => {
    const { texts, ran } = await bench.run({
      list: ['MakeList', { first: 0, count: 3 }],
      b: ['Float', { value: 10 }],
      product: ['LazyProduct', { a: ['list', 0], b: ['b', 0] }],
      show: ['Show', { value: ['product', 0] }],
    })
    expect(texts.show).toEqual(['0', '10', '20'])
    expect(ran).toEqual(['product', 'list', 'product', 'b', 'product', 'show'])
  })

  test('a whole branch behind an input that is not wanted stays unrun, whatever it would do', async () => {
    const { status } = await bench.run({
      ...choosing(true),
      no: ['Fail', { message: 'must not run' }],
    })
    expect(status).toBe('success')
  })
})
