import { createHash } from 'node:crypto'
import { explain, parsePrompt, problems, signatureOf, type Prompt } from '../workflows/graph.ts'
import { walk } from '../workflows/order.ts'
import { exampleInfo as info, examplePrompt as good, withInputs } from './graph-example.ts'

const errorsOf = (prompt: Prompt, id: string) => problems(prompt, info).nodeErrors[id]?.errors ?? []

test('a graph without faults has no errors, and its output is a root', () => {
  expect(problems(good, info)).toMatchObject({ roots: ['3'], nodeErrors: {} })
  expect(problems(good, info).error).toBeUndefined()
})

describe("each fault has ComfyUI's type, message, details and extra_info (spec/comfyui.md 1.2)", () => {
  const config = (type: string, name: string) => {
    const { required = {}, optional = {} } = info[type].input
    return required[name] ?? optional[name]
  }
  const cases: [string, Prompt, string, object][] = [
    [
      'missing input',
      withInputs('2', { image: undefined }),
      '2',
      {
        type: 'required_input_missing',
        message: 'Required input is missing',
        details: 'image',
        extra_info: { input_name: 'image' },
      },
    ],
    [
      'link of three entries',
      withInputs('2', { image: ['1', 0, 0] }),
      '2',
      {
        type: 'bad_linked_input',
        message: 'Bad linked input, must be a length-2 list of [node_id, slot_index]',
        details: 'image',
        extra_info: { input_name: 'image', input_config: config('Change', 'image'), received_value: ['1', 0, 0] },
      },
    ],
    [
      'wrong type of link',
      withInputs('2', { image: ['1', 1] }),
      '2',
      {
        type: 'return_type_mismatch',
        message: 'Return type mismatch between linked nodes',
        details: 'image, received_type(ACTIVATIONS) mismatch input_type(IMAGE)',
        extra_info: { input_name: 'image', received_type: 'ACTIVATIONS', linked_node: ['1', 1] },
      },
    ],
    [
      'a word for a number',
      withInputs('1', { seed: 'x' }),
      '1',
      {
        type: 'invalid_input_type',
        message: 'Failed to convert an input value to a INT value',
        details: "seed, x, invalid literal for int() with base 10: 'x'",
        extra_info: { received_value: 'x', exception_message: "invalid literal for int() with base 10: 'x'" },
      },
    ],
    [
      'too small',
      withInputs('2', { amount: 0 }),
      '2',
      {
        type: 'value_smaller_than_min',
        message: 'Value 0 smaller than min of 1',
        details: 'amount',
        extra_info: { input_name: 'amount', input_config: config('Change', 'amount'), received_value: 0 },
      },
    ],
    [
      'too big',
      withInputs('1', { strength: 1e300 }),
      '1',
      { type: 'value_bigger_than_max', message: 'Value 1e+300 bigger than max of 10.0', details: 'strength' },
    ],
    [
      'not in the list',
      withInputs('1', { method: 'euler' }),
      '1',
      { type: 'value_not_in_list', message: 'Value not in list', details: "method: 'euler' not in ['ddim', 'ddpm']" },
    ],
    [
      'link to nowhere at an output',
      withInputs('3', { images: ['7', 0] }),
      '3',
      {
        type: 'exception_during_validation',
        message: 'Exception when validating node',
        details: "'7'",
        extra_info: { exception_type: 'KeyError', traceback: [] },
      },
    ],
    [
      'link to nowhere further up',
      withInputs('2', { image: ['7', 0] }),
      '2',
      {
        type: 'exception_during_inner_validation',
        message: 'Exception when validating inner node',
        details: "'7'",
        extra_info: {
          input_name: 'image',
          exception_message: "'7'",
          exception_type: 'KeyError',
          traceback: [],
          linked_node: ['7', 0],
        },
      },
    ],
    [
      'link to an output that is not there',
      withInputs('2', { image: ['1', 9] }),
      '2',
      { type: 'exception_during_inner_validation', details: 'tuple index out of range' },
    ],
    ['literal for a socket', withInputs('3', { images: 'a.png' }), '3', { type: 'invalid_input_type' }],
  ]
  test.each(cases)('%s', (_, prompt, id, expected) => {
    const result = problems(prompt, info)
    expect(result.nodeErrors[id]?.errors).toHaveLength(1)
    expect(result.nodeErrors[id].errors[0]).toMatchObject(expected)
    expect(result.nodeErrors[id]).toMatchObject({ dependent_outputs: ['3'], class_type: prompt[id].class_type })
    expect(result).toMatchObject({
      roots: [],
      error: { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation' },
    })
    expect(Object.keys(result.nodeErrors)).toEqual([id])
    expect(explain(result.nodeErrors[id].errors[0]).length).toBeGreaterThan(10)
  })

  test('a long list is told by its length, without the config', () => {
    const options = Array.from({ length: 21 }, (_, i) => `o${i}`)
    const long = { ...info, Source: { ...info.Source, input: { required: { method: [options] as const } } } }
    expect(
      problems({ ...good, '1': { class_type: 'Source', inputs: { method: 'x' } } }, long).nodeErrors['1'].errors[0],
    ).toMatchObject({
      details: "method: 'x' not in (list of length 21)",
      extra_info: { input_config: null },
    })
  })
})

test('every fault of every reachable node is told at once; nodes that only depend on a bad one are not listed', () => {
  const prompt = withInputs(
    '2',
    { amount: 100, image: ['1', 0] },
    withInputs('1', { seed: 'x', strength: -1, method: undefined }),
  )
  const { nodeErrors } = problems(prompt, info)
  expect(nodeErrors['1'].errors.map(({ type }) => type)).toEqual([
    'invalid_input_type',
    'value_smaller_than_min',
    'required_input_missing',
  ])
  expect(nodeErrors['2'].errors.map(({ type }) => type)).toEqual(['value_bigger_than_max'])
  expect(nodeErrors['3']).toBeUndefined()
})

test("the top-level details are the failing outputs' own faults, and empty when the fault is only upstream", () => {
  expect(problems(withInputs('3', { images: undefined }), info).error?.details).toBe('Required input is missing: images')
  expect(problems(withInputs('1', { seed: 'x' }), info).error?.details).toBe('')
})

test('a good output runs beside a bad one', () => {
  const prompt = { ...good, '4': { class_type: 'Show', inputs: {} } }
  const result = problems(prompt, info)
  expect(result.roots).toEqual(['3'])
  expect(result.error).toBeUndefined()
  expect(result.nodeErrors).toMatchObject({ '4': { dependent_outputs: ['4'], errors: [{ type: 'required_input_missing' }] } })
})

test('nodes that no output needs are not checked', () => {
  expect(problems({ ...good, '9': { class_type: 'Change', inputs: {} } }, info).nodeErrors).toEqual({})
})

test('an unknown class refuses the whole graph and names class and node', () => {
  const { error, roots, nodeErrors } = problems({ ...good, '9': { class_type: 'toString', inputs: {} } }, info)
  expect(error).toMatchObject({
    type: 'missing_node_type',
    message: 'Cannot execute because node toString does not exist.',
    details: "Node ID '#9'",
    extra_info: { node_id: '9', class_type: 'toString' },
  })
  expect(roots).toEqual([])
  expect(Object.keys(nodeErrors)).toEqual(['9'])
})

test('without an output, and with partial targets that are none, there is nothing to run', () => {
  const { '3': _, ...rest } = good
  expect(problems(rest, info).error).toMatchObject({ type: 'prompt_no_outputs', message: 'Prompt has no outputs', details: '' })
  expect(problems(good, info, { targets: [] }).error?.type).toBe('prompt_no_outputs')
  expect(problems(good, info, { targets: ['1'] }).error?.type).toBe('prompt_no_outputs')
  expect(problems(good, info, { targets: ['3'] }).roots).toEqual(['3'])
})

test('a cycle marks each of its nodes with the way around, and leaves other outputs alone', () => {
  const loop = withInputs(
    '2',
    { other: ['5', 0] },
    { ...good, '5': { class_type: 'Change', inputs: { image: ['2', 0], amount: 1 } } },
  )
  const prompt = {
    ...loop,
    '8': { class_type: 'Source', inputs: good['1'].inputs },
    '9': { class_type: 'Show', inputs: { images: ['8', 0] } },
  }
  const { nodeErrors, roots } = problems(prompt, info)
  expect(roots).toEqual(['9'])
  expect(nodeErrors['2'].errors).toMatchObject([{ type: 'dependency_cycle', details: '2 (Change) -> 5 (Change) -> 2 (Change)' }])
  expect(nodeErrors['5'].errors).toMatchObject([
    { type: 'dependency_cycle', extra_info: { node_id: '5', cycle_nodes: ['5', '2'] } },
  ])
  expect(walk(prompt, ['3']).cycles).toEqual([['5', '2']])
})

test('a node that feeds itself is a cycle', () => {
  expect(errorsOf(withInputs('2', { image: ['2', 0] }), '2')).toMatchObject([
    { type: 'dependency_cycle', details: '2 (Change) -> 2 (Change)' },
  ])
})

test('a chain of five thousand nodes is checked and ordered without running out of stack', () => {
  const chain: Record<string, Prompt[string]> = { n0: { class_type: 'Source', inputs: good['1'].inputs } }
  for (let i = 1; i < 5000; i++) chain[`n${i}`] = { class_type: 'Change', inputs: { image: [`n${i - 1}`, 0], amount: 1 } }
  chain.end = { class_type: 'Show', inputs: { images: ['n4999', 0] } }
  expect(problems(chain, info).roots).toEqual(['end'])
  expect(walk(chain, ['end']).order).toHaveLength(5001)
})

describe('literals are converted as ComfyUI does, in a new graph', () => {
  const run = (inputs: Record<string, unknown>) => problems(withInputs('1', inputs), info).prompt['1'].inputs
  test.each<[Record<string, unknown>, Record<string, unknown>]>([
    [{ seed: '3' }, { seed: 3 }],
    [{ seed: ' +1_000 ' }, { seed: 1000 }],
    [{ seed: 3.7 }, { seed: 3 }],
    [{ seed: true }, { seed: 1 }],
    [{ strength: '2.5e-1' }, { strength: 0.25 }],
    [{ note: 7 }, { note: '7' }],
    [{ loud: 'false' }, { loud: true }],
    [{ loud: '' }, { loud: false }],
    [{ method: { __value__: 'ddpm' } }, { method: 'ddpm' }],
  ])('%j becomes %j', (given, wanted) => expect(run(given)).toMatchObject(wanted))

  test('the graph that came in is not changed', () => {
    const prompt = withInputs('1', { seed: '3' })
    const before = JSON.stringify(prompt)
    problems(prompt, info)
    expect(JSON.stringify(prompt)).toBe(before)
  })

  test('optional widgets left out take their default; undeclared inputs are left out', () => {
    expect(run({ toString: 1, upload: 'image' })).toEqual({ seed: 5, strength: 2, method: 'ddim', note: 'hello', loud: false })
  })

  test.each([NaN, Infinity, 'nan', '-inf', '1e999', '0x10', '3.7', '', null, {}])('%p is no INT', value => {
    expect(errorsOf(withInputs('1', { seed: value }), '1')).toMatchObject([{ type: 'invalid_input_type' }])
  })

  test.each([NaN, Infinity, 'nan', 'infinity', '1e999', 'one', '', null, {}])('%p is no FLOAT', value => {
    expect(errorsOf(withInputs('1', { strength: value }), '1')).toMatchObject([{ type: 'invalid_input_type' }])
  })

  test('minimum and maximum are inside the range', () => {
    expect(problems(withInputs('1', { strength: 0 }), info).roots).toEqual(['3'])
    expect(problems(withInputs('1', { strength: 10 }), info).roots).toEqual(['3'])
  })
})

test('an upload combo takes listed files, annotated ones, and those the server finds; others fail its own check', () => {
  const prompt = (image: unknown): Prompt => ({
    '1': { class_type: 'Load', inputs: { image } },
    '2': { class_type: 'Show', inputs: { images: ['1', 0] } },
  })
  expect(problems(prompt('a.png'), info).roots).toEqual(['2'])
  expect(problems(prompt('a.png [input]'), info).roots).toEqual(['2'])
  expect(problems(prompt('sub/c.png'), info, { isFile: name => name === 'sub/c.png' }).roots).toEqual(['2'])
  expect(problems(prompt('c.png'), info).nodeErrors['1'].errors).toMatchObject([
    {
      type: 'custom_validation_failed',
      message: 'Custom validation failed for node',
      details: 'image - Invalid image file: c.png',
      extra_info: { input_name: 'image' },
    },
  ])
})

test('run order holds the ancestors of the roots only, each after what it reads from', () => {
  const prompt = { ...good, '9': { class_type: 'Source', inputs: {} } }
  expect(walk(prompt, ['3']).order).toEqual(['1', '2', '3'])
})

describe('signatures', () => {
  const signatures = (prompt: Prompt, roots: readonly string[], prints?: Map<string, string>) => {
    const found = new Map<string, string>()
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    for (const id of walk(prompt, roots).order)
      found.set(
        id,
        signatureOf(prompt[id], { fingerprint: prints?.get(id) }, from => found.get(from), hash),
      )
    return found
  }
  const of = (prompt: Prompt, id = '3', roots = ['3'], prints?: Map<string, string>) => signatures(prompt, roots, prints).get(id)

  test('do not depend on ids, titles or the order of inputs', () => {
    const renamed = parsePrompt({
      c: { class_type: 'Show', inputs: { images: ['b', 0] }, _meta: { title: 'x' } },
      b: { class_type: 'Change', inputs: { amount: 3, image: ['a', 0] } },
      a: { class_type: 'Source', inputs: { method: 'ddim', strength: 2, seed: 5 } },
    })
    expect(of(renamed, 'c', ['c'])).toBe(of(good))
  })

  test('change for a node and all after it, and for nothing before it, when one input changes', () => {
    const before = signatures(good, ['3'])
    const after = signatures(withInputs('2', { amount: 4 }), ['3'])
    expect(after.get('1')).toBe(before.get('1'))
    expect(after.get('2')).not.toBe(before.get('2'))
    expect(after.get('3')).not.toBe(before.get('3'))
  })

  test('change with the fingerprint of a file and with the slot that is read', () => {
    expect(of(good, '3', ['3'], new Map([['1', 'other bytes']]))).not.toBe(of(good))
    expect(of(withInputs('2', { image: ['1', 1] }))).not.toBe(of(good))
  })
})
