import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { graphKind, GraphError, parsePrompt, parseWorkflow, problems, toPrompt } from '../workflows/graph.ts'
import { asciiJson, readPngGraph, readPngText, writePngGraph } from '../workflows/png.ts'
import { exampleInfo as info, examplePrompt as good } from './graph-example.ts'

/** Graphs as they come from files: read, refused, converted, and carried in pictures. */

/** Source 1 → Change 2 → Show 3 as an editor saves it. */
const saved = (change: Record<number, object> = {}, more: object = {}) => ({
  last_node_id: 3,
  last_link_id: 2,
  nodes: [
    { id: 1, type: 'Source', pos: [0, 0], size: [200, 100], flags: {}, order: 0, mode: 0, properties: {}, inputs: [], outputs: [{ name: 'image', type: 'IMAGE', links: [1] }, { name: 's', type: 'ACTIVATIONS', links: [] }], widgets_values: [5, 'randomize', 2, 'ddpm'] },
    { id: 2, type: 'Change', pos: [300, 0], size: [200, 100], flags: {}, order: 1, mode: 0, properties: {}, inputs: [{ name: 'image', type: 'IMAGE', link: 1 }, { name: 'other', type: 'IMAGE', link: null }], outputs: [{ name: 'image', type: 'IMAGE', links: [2] }], widgets_values: [3] },
    { id: 3, type: 'Show', title: 'Result', pos: [600, 0], size: [200, 100], flags: {}, order: 2, mode: 0, properties: {}, inputs: [{ name: 'images', type: 'IMAGE', link: 2 }], outputs: [], widgets_values: [] },
  ].map(node => ({ ...node, ...change[node.id] })),
  links: [
    [1, 1, 0, 2, 0, 'IMAGE'],
    [2, 2, 0, 3, 0, 'IMAGE'],
  ],
  groups: [],
  config: {},
  extra: {},
  version: 0.4,
  ...more,
}) // prettier-ignore
const convert = (workflow: unknown) => toPrompt(parseWorkflow(workflow), info)

describe('parsePrompt', () => {
  test('takes a graph and keeps classes, inputs and titles', () => {
    expect(
      parsePrompt({ 'a:1': { class_type: 'X', inputs: { n: [1, { deep: null }] }, _meta: { title: 'T', other: 1 } } }),
    ).toEqual({
      'a:1': { class_type: 'X', inputs: { n: [1, { deep: null }] }, _meta: { title: 'T' } },
    })
  })

  test.each<[string, unknown, string]>([
    ['nothing', null, 'got null'],
    ['an array', [], 'got an array'],
    ['a word', 'graph', 'got a value of type string'],
    ['a node that is a number', { '1': 5 }, 'Node "1" is not an object'],
    ['inputs that are a list', { '1': { class_type: 'X', inputs: [] } }, 'inputs of node "1" are not an object'],
    ['a saved workflow', saved(), 'This is a workflow file, not an API prompt'],
    ['a way into the prototype', JSON.parse('{"1":{"class_type":"X","inputs":{"__proto__":{"a":1}}}}'), 'forbidden key'],
    ['a constructor', { '1': { class_type: 'X', inputs: { a: { constructor: 1 } } } }, 'forbidden key'],
    [
      'too deep a nest',
      { '1': { class_type: 'X', inputs: { a: JSON.parse('['.repeat(50) + ']'.repeat(50)) } } },
      'nested too deeply',
    ],
    [
      'too many nodes',
      Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [i, { class_type: 'X' }])),
      '20001 nodes, at most 20000',
    ],
    [
      'too many inputs',
      { '1': { class_type: 'X', inputs: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i])) } },
      'Node "1" has too many inputs (1001, at most 1000)',
    ],
    ['an endless text', { '1': { class_type: 'X', inputs: { a: 'x'.repeat(1_000_001) } } }, 'A text is too long'],
    ['an endless class', { '1': { class_type: 'X'.repeat(500) } }, 'class_type of node "1" is too long'],
  ])('refuses %s', (_, value, message) => {
    expect(() => parsePrompt(value)).toThrow(GraphError)
    expect(() => parsePrompt(value)).toThrow(message)
  })

  test('a node without class_type is told as ComfyUI tells it', () => {
    try {
      parsePrompt({ '3': { inputs: {}, _meta: { title: 'Mine' } } })
      throw new Error('was taken')
    } catch (error) {
      expect((error as GraphError).problem).toEqual({
        type: 'missing_node_type',
        message: 'Cannot execute because a node is missing the class_type property.',
        details: "Node ID '#3'",
        extra_info: { node_id: '3', class_type: null, node_title: 'Mine' },
      })
    }
  })

  test('any JSON either becomes a graph that can be checked or a GraphError; nothing leaks into Object', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue({ maxDepth: 6 }), hostilePrompts), value => {
        let prompt
        try {
          prompt = parsePrompt(value)
        } catch (error) {
          expect(error).toBeInstanceOf(GraphError)
          return
        }
        const { roots, error } = problems(prompt, info)
        expect(roots.length > 0 || error !== undefined).toBe(true)
        expect(structuredClone(prompt)).toEqual(prompt) // plain data, no functions or accessors
      }),
      { numRuns: 500 },
    )
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

/** Graphs of known classes with any links and values: what validation must survive. */
const anyId = fc.constantFrom('1', '2', '3', '4', 'toString', '')
const anyInput = fc.oneof(
  fc.tuple(anyId, fc.oneof(fc.integer({ min: -1, max: 3 }), fc.constant('0'))),
  fc.jsonValue({ maxDepth: 2 }),
  fc.double(),
)
const hostilePrompts = fc.dictionary(
  anyId,
  fc.record({
    class_type: fc.constantFrom('Source', 'Change', 'Show', 'Load'),
    inputs: fc.dictionary(
      fc.constantFrom('image', 'images', 'other', 'seed', 'strength', 'method', 'amount', 'valueOf'),
      anyInput,
    ),
  }),
)

describe('parseWorkflow', () => {
  test.each<[string, unknown, string]>([
    ['an API prompt', good, 'API-format prompt'],
    [
      'an InvokeAI graph',
      { id: 'x', name: 'w', nodes: [], edges: [], exposedFields: [] },
      'looks like a graph of another program (InvokeAI',
    ],
    ['a chaiNNer chain', { version: '0.24', content: { nodes: [], edges: [] }, timestamp: '' }, 'looks like a chaiNNer chain'],
    ['a package.json', { name: 'x', version: '1.0.0' }, 'it has "name", "version"'],
    ['a list', [1], 'expected a JSON object, got an array'],
    ['markup as a type', saved({ 1: { type: '<img src=x onerror=alert(1)>' } }), 'types hold no < > &'],
    ['two nodes of one id', saved({ 1: { id: 2 } }), 'two nodes have the same id'],
    ['a node without id', saved({ 1: { id: null } }), 'node number 1 has no usable id'],
    ['a link of words', saved({}, { links: [['a', 1, 0, 2, 0, 'IMAGE']] }), 'link number 1 is not'],
    ['a prototype key', JSON.parse('{"nodes":[],"links":[],"extra":{"__proto__":{}}}'), 'forbidden key'],
    ['too many nodes', { nodes: Array(20_001).fill({}), links: [] }, '20001 nodes'],
  ])('refuses %s', (_, value, message) => {
    expect(() => parseWorkflow(value)).toThrow(GraphError)
    expect(() => parseWorkflow(value)).toThrow(message)
  })

  test('brings version-1 links, positions as index objects and missing fields into one form', () => {
    const links = [{ id: 1, origin_id: 1, origin_slot: 0, target_id: 2, target_slot: 0, type: 'IMAGE' }, [2, 2, 0, 3, 0, 'IMAGE']]
    const odd = parseWorkflow(
      saved({ 1: { pos: { 0: 7, 1: 8, 9: 1 }, size: { 0: 1, 1: 2 }, flags: undefined } }, { version: 1, links }),
    )
    expect(odd).toMatchObject({ version: 1, links: parseWorkflow(saved()).links })
    expect(odd.nodes[0]).toMatchObject({ pos: [7, 8], size: [1, 2], flags: {} })
  })

  test('forgets links to nodes that are not there, at both ends', () => {
    const workflow = parseWorkflow(saved({}, { links: [[1, 9, 0, 2, 0, 'IMAGE'], [2, 2, 0, 3, 0, 'IMAGE']] })) // prettier-ignore
    expect(workflow.links.map(([id]) => id)).toEqual([2])
    expect(workflow.nodes[1].inputs[0].link).toBeNull()
  })

  test.each(['Seed (rgthree)', 'Width/Height', 'LayerUtility: Color', '色 🔍', 'A+B | C'])(
    'takes the node type %s of another pack',
    type => {
      expect(parseWorkflow(saved({ 1: { type } })).nodes[0].type).toBe(type)
    },
  )

  test.each(['a"b', "a'b", 'a&lt;', 'a\nb', 'a\u202eb', '', 'x'.repeat(300)])('refuses the node type %j', type => {
    expect(() => parseWorkflow(saved({ 1: { type } }))).toThrow('types hold no')
  })

  test('reading what it wrote changes nothing', () => {
    const workflow = parseWorkflow(saved())
    expect(parseWorkflow(JSON.parse(JSON.stringify(workflow)))).toEqual(workflow)
  })

  test('any JSON either becomes a workflow that can be converted or a GraphError', () => {
    const hostile = fc.record({
      nodes: fc.array(
        fc.record({
          id: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom('1', null)),
          type: fc.constantFrom('Source', 'Change', 'Show', 'Reroute', 'PrimitiveNode', 'Note', 'toString', 'Other'),
          mode: fc.constantFrom(0, 2, 4, 7, null),
          inputs: fc.option(fc.array(fc.record({ name: fc.constantFrom('image', 'images', '__proto__'), type: fc.constantFrom('IMAGE', '*'), link: fc.option(fc.integer({ min: 0, max: 5 })) }))),
          outputs: fc.option(fc.array(fc.record({ name: fc.string(), type: fc.constantFrom('IMAGE', '*') }))),
          widgets_values: fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), fc.constant(null)),
        }),
        { maxLength: 6 },
      ),
      links: fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 2 }), fc.constantFrom('IMAGE', '*')), { maxLength: 8 }),
    }) // prettier-ignore
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue({ maxDepth: 5 }), hostile), value => {
        let workflow
        try {
          workflow = parseWorkflow(value)
        } catch (error) {
          expect(error).toBeInstanceOf(GraphError)
          return
        }
        problems(toPrompt(workflow, info).prompt, info)
      }),
      { numRuns: 500 },
    )
  })
})

test('graphKind tells the two forms apart, and from everything else', () => {
  expect([saved(), good, {}, [], null, { a: { class_type: 1 } }, { nodes: {} }].map(graphKind)).toEqual([
    'workflow',
    'prompt',
    ...Array(5).fill(undefined),
  ])
})

describe('toPrompt', () => {
  test('names widgets in their order, steps over the "after generate" control, fills in what the file lacks', () => {
    expect(convert(saved())).toEqual({
      problems: [],
      prompt: {
        '1': {
          class_type: 'Source',
          inputs: { seed: 5, strength: 2, method: 'ddpm', note: 'hello', loud: false },
          _meta: { title: 'Source' },
        },
        '2': { class_type: 'Change', inputs: { image: ['1', 0], amount: 3 }, _meta: { title: 'Change' } },
        '3': { class_type: 'Show', inputs: { images: ['2', 0] }, _meta: { title: 'Result' } },
      },
    })
    expect(problems(convert(saved()).prompt, info).roots).toEqual(['3'])
  })

  test('reads files without the control entry, and values by name', () => {
    expect(convert(saved({ 1: { widgets_values: [5, 2, 'ddpm'] } })).prompt['1'].inputs).toMatchObject({
      seed: 5,
      strength: 2,
      method: 'ddpm',
    })
    expect(convert(saved({ 1: { widgets_values: { method: 'ddpm', seed: 9 } } })).prompt['1'].inputs).toMatchObject({
      seed: 9,
      method: 'ddpm',
    })
  })

  test('finds links by slot number in files that list no inputs', () => {
    expect(convert(saved({ 2: { inputs: [] }, 3: { inputs: undefined } })).prompt).toMatchObject({
      '2': { inputs: { image: ['1', 0] } },
      '3': { inputs: { images: ['2', 0] } },
    })
  })

  test('leaves muted nodes out, and the inputs they fed', () => {
    const { prompt } = convert(saved({ 2: { mode: 2 } }))
    expect(Object.keys(prompt)).toEqual(['1', '3'])
    expect(prompt['3'].inputs).toEqual({})
  })

  test('wires a bypassed node through where the types allow, and nowhere else', () => {
    expect(convert(saved({ 2: { mode: 4 } })).prompt['3'].inputs).toEqual({ images: ['1', 0] })
    const wrongType = { mode: 4, inputs: [{ name: 'image', type: 'ACTIVATIONS', link: 1 }] }
    expect(convert(saved({ 2: wrongType })).prompt['3'].inputs).toEqual({})
  })

  test('sees through reroutes and primitives, and leaves notes out', () => {
    const extra = [
      { id: 7, type: 'Reroute', inputs: [{ name: '', type: '*', link: 4 }], outputs: [{ name: '', type: '*', links: [2] }] },
      { id: 8, type: 'PrimitiveNode', outputs: [{ name: 'INT', type: 'INT', links: [5] }], widgets_values: [8, 'fixed'] },
      { id: 9, type: 'Note', widgets_values: ['remember'] },
    ]
    const base = saved({ 2: { inputs: [{ name: 'image', type: 'IMAGE', link: 1 }, { name: 'amount', type: 'INT', widget: { name: 'amount' }, link: 5 }] } }) // prettier-ignore
    const links = [[1, 1, 0, 2, 0, 'IMAGE'], [4, 2, 0, 7, 0, 'IMAGE'], [2, 7, 0, 3, 0, 'IMAGE'], [5, 8, 0, 2, 1, 'INT']] // prettier-ignore
    const { prompt, problems: unread } = convert({ ...base, nodes: [...base.nodes, ...extra], links })
    expect(unread).toEqual([])
    expect(Object.keys(prompt)).toEqual(['1', '2', '3'])
    expect(prompt).toMatchObject({ '2': { inputs: { amount: 8 } }, '3': { inputs: { images: ['2', 0] } } })
  })

  test('reroutes in a ring end nowhere instead of never', () => {
    const ring = [
      { id: 7, type: 'Reroute', inputs: [{ name: '', type: '*', link: 4 }], outputs: [] },
      { id: 8, type: 'Reroute', inputs: [{ name: '', type: '*', link: 3 }], outputs: [] },
    ]
    const base = saved()
    const links = [[1, 1, 0, 2, 0, 'IMAGE'], [2, 7, 0, 3, 0, '*'], [3, 7, 0, 8, 0, '*'], [4, 8, 0, 7, 0, '*']] // prettier-ignore
    expect(convert({ ...base, nodes: [...base.nodes, ...ring], links }).prompt['3'].inputs).toEqual({})
  })

  test("names each node of another program's workflow, and still says the rest", () => {
    const { prompt, problems: unread } = convert(saved({ 1: { type: 'CheckpointLoaderSimple', title: 'Load SDXL' } }))
    expect(unread).toEqual([
      {
        node: '1',
        class_type: 'CheckpointLoaderSimple',
        message: expect.stringContaining(
          'node 1 "Load SDXL" is of type "CheckpointLoaderSimple", which this server does not have',
        ),
      },
    ])
    expect(prompt['2'].inputs).toMatchObject({ image: ['1', 0] })
    expect(problems(prompt, info).error?.type).toBe('missing_node_type')
  })

  test('says that a subgraph has to be unpacked', () => {
    const uuid = '5b7b1d3e-9a0e-4a4c-8f52-0c0f3a6c9d11'
    const { problems: unread } = convert(saved({ 2: { type: uuid } }, { definitions: { subgraphs: [{ id: uuid }] } }))
    expect(unread[0].message).toContain('is a subgraph')
  })
})

describe('graphs in PNG files', () => {
  const png = new Uint8Array(readFileSync('workflows/images/avatar-01.png'))
  const graph = { prompt: good, workflow: { ...saved(), extra: { note: 'é ☃ 𝄞 \u0000' } } }

  test('come back as they went in, whatever letters they hold, and the picture stays the same', async () => {
    const written = writePngGraph(png, graph)
    expect(readPngGraph(written)).toEqual(graph)
    expect([...readPngText(written).values()].every(text => /^[\x20-\x7e]*$/.test(text))).toBe(true)
    expect(await sharp(written).raw().toBuffer()).toEqual(await sharp(png).raw().toBuffer())
    fc.assert(
      fc.property(fc.jsonValue(), value => expect(JSON.parse(asciiJson(value))).toEqual(JSON.parse(JSON.stringify(value)))),
    )
  })

  test('are replaced, not repeated', () => {
    const twice = writePngGraph(writePngGraph(png, { prompt: 'old' }), graph)
    expect(twice.length).toBe(writePngGraph(png, graph).length)
    expect(readPngGraph(twice)).toEqual(graph)
  })

  test('are read from UTF-8 chunks and with the bare NaN that Python writes; compressed chunks are passed over', () => {
    const itxt = (flag: number, body: Uint8Array) =>
      chunkOf('iTXt', new Uint8Array([...bytes('workflow\0'), flag, 0, 0, 0, ...body]))
    expect(readPngGraph(withChunk(png, itxt(0, bytes('{"a":"é NaN","b":[NaN,-Infinity]}'))))).toEqual({
      workflow: { a: 'é NaN', b: [null, null] },
    })
    expect(readPngGraph(withChunk(png, itxt(1, deflateSync('{"a":1}'))))).toEqual({})
  })

  test.each<[string, () => Uint8Array, string]>([
    ['another file', () => bytes('GIF89a and so on'), 'This is not a PNG file'],
    ['an empty file', () => new Uint8Array(), 'This is not a PNG file'],
    ['a file cut off', () => png.subarray(0, png.length - 20), 'The PNG file is damaged'],
    [
      'a chunk that claims four gigabytes',
      () => withChunk(png, new Uint8Array([255, 255, 255, 255, ...bytes('tEXt'), 0, 0, 0, 0])),
      'goes past its end',
    ],
    [
      'a text whose checksum is wrong',
      () => withChunk(png, chunkOf('tEXt', bytes('workflow\0{}')).fill(0, -4)),
      'fails its checksum',
    ],
    ['a text that is no JSON', () => withChunk(png, chunkOf('tEXt', bytes('workflow\0{'))), '"workflow" is not JSON'],
  ])('%s is refused with its reason', (_, make, message) => {
    expect(() => readPngGraph(make())).toThrow(GraphError)
    expect(() => readPngGraph(make())).toThrow(message)
  })

  test('a picture of any bytes is read or refused, never worse', () => {
    const mutated = fc.tuple(fc.nat(png.length - 1), fc.nat(255)).map(([at, byte]) => png.with(at, byte))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), value => {
        try {
          readPngGraph(value)
        } catch (error) {
          expect(error).toBeInstanceOf(GraphError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

const bytes = (text: string) => new TextEncoder().encode(text)

/** A chunk with its length and checksum. */
function chunkOf(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array([...uint32(data.length), ...bytes(type), ...data, 0, 0, 0, 0])
  out.set(uint32(crc(out.subarray(4, -4))), out.length - 4)
  return out
}
const uint32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]

/** CRC-32 bit by bit, unlike the table the code under test has. */
function crc(data: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of data)
    for (let bit = 0, at = byte; bit < 8; bit++, at >>>= 1) value = (value ^ at) & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return ~value >>> 0
}

/** The picture with `chunk` behind its header (8 bytes of signature, 25 of IHDR). */
const withChunk = (png: Uint8Array, chunk: Uint8Array) => new Uint8Array([...png.subarray(0, 33), ...chunk, ...png.subarray(33)])
