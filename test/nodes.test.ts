import { describeNode } from '../nodes/describe.ts'
import { catalog, catalogOf } from '../nodes/index.ts'
import type { InputPort, OutputPort } from '../nodes/node.ts'

/** House rules that hold for every node there is, and for every one to come. */

const known = new Set(['LoadImage', 'SaveImage', 'PreviewImage', 'SaveImageWebsocket'])
const isSentence = (text: string) => /^[A-Za-z0-9'"].*[.)]$/s.test(text)

test('the catalog lists every node once, under its own type and a title of its own', () => {
  const nodes = [...catalog]
  expect(nodes.map(([type]) => type)).toEqual(nodes.map(([, node]) => node.type))
  expect(new Set(nodes.map(([, node]) => node.title)).size).toBe(nodes.length)
  expect(nodes.map(([, { title }]) => title)).toEqual(
    expect.arrayContaining([
      'Encode to s',
      'Edit Prototype',
      'Sample DDIM',
      'Prior Sample',
      'Visualize Prototype',
      'Trace Emergence',
    ]),
  )
})

describe.each([...catalogOf({ conformance: true })])('node %s', (type, node) => {
  const inputs = Object.entries(node.inputs as Record<string, InputPort>)
  const outputs = Object.entries(node.outputs as Record<string, OutputPort>)

  test('is named as ours, or as one that every ComfyUI client knows', () => {
    const ours = catalog.has(type) ? /^Patronus[A-Z][A-Za-z]+$/ : /^Conform[A-Z][A-Za-z]+$/
    expect(known.has(type) || ours.test(type)).toBe(true)
    expect(node.category).toMatch(/^[a-z]+(\/[a-z]+)*$/)
  })

  test('explains itself and every port in sentences', () => {
    expect(isSentence(node.help)).toBe(true)
    for (const [, { help }] of [...inputs, ...outputs]) expect(isSentence(help)).toBe(true)
    expect(node.aliases?.length).toBeGreaterThan(0)
  })

  test('gives something: outputs, or a thing shown', () => expect(outputs.length > 0 || node.output === true).toBe(true))

  test('has defaults that its own ranges and lists allow', () => {
    for (const [, port] of inputs) {
      if (port.type === 'INT' || port.type === 'FLOAT') {
        expect(port.default).toBeGreaterThanOrEqual(port.min)
        expect(port.default).toBeLessThanOrEqual(port.max)
        expect(Number.isSafeInteger(port.type === 'INT' ? port.max : 0)).toBe(true)
      }
      if (port.type === 'COMBO' && port.default !== undefined && !port.files) expect(port.options).toContain(port.default)
      if (port.type === 'COMBO' && !port.files) expect(port.options.length).toBeGreaterThan(1)
    }
  })

  test('names ports so that they can be typed in a script', () => {
    for (const [name] of [...inputs, ...outputs]) expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
  })

  test('gives a random number generator a seed with an "after run" control, and no other widget one', () => {
    for (const [name, port] of inputs) if (port.type === 'INT') expect(!!port.seed).toBe(name === 'seed')
  })

  test('says what it depends on besides its inputs when it reads a file', () => {
    const readsFiles = inputs.some(([, port]) => port.type === 'COMBO' && port.files)
    // Two are about nothing else: the one that tests it, and the one that sends its pictures every time.
    const isOther = ['ConformFingerprint', 'SaveImageWebsocket'].includes(type)
    expect(typeof node.fingerprint === 'function').toBe(readsFiles || isOther)
  })
})

describe('object_info', () => {
  const info = describeNode(catalog.get('PatronusSampleDDIM')!)

  test('keeps the order of the ports, required before optional', () => {
    expect(info.input_order).toEqual({
      required: ['model', 'activations', 'noise', 'steps', 'eta', 'seed'],
      optional: ['image', 'start_at', 'watch_every'],
    })
    expect(Object.keys(info.input.required ?? {})).toEqual(info.input_order?.required)
  })

  test('always says minimum, maximum, step and display of a number; without them ComfyUI stops at 2048', () => {
    for (const [, node] of catalog)
      for (const [type, options] of Object.values({ ...describeNode(node).input.required, ...describeNode(node).input.optional }))
        if (type === 'INT' || type === 'FLOAT')
          expect(options).toMatchObject({
            min: expect.any(Number),
            max: expect.any(Number),
            step: expect.any(Number),
            display: expect.any(String),
            tooltip: expect.any(String),
          })
    expect(info.input.required?.seed).toEqual(['INT', expect.objectContaining({ control_after_generate: true, max: 4294967295 })])
    expect(info.input.required?.eta).toEqual(['FLOAT', expect.objectContaining({ round: 0.05, display: 'slider' })])
  })

  test("has every field that ComfyUI's page asks for", () => {
    expect(info).toMatchObject({
      name: 'PatronusSampleDDIM',
      display_name: 'Sample DDIM',
      output: ['IMAGE', 'TRACE'],
      output_is_list: [false, false],
      output_name: ['image', 'trace'],
      output_tooltips: [expect.any(String), expect.any(String)],
      category: 'patronus/sampling',
      output_node: false,
      search_aliases: expect.arrayContaining(['ksampler']),
    })
  })

  test('lists the files of a folder as a combo in the old form, and asks for an upload button', () => {
    const load = describeNode(catalog.get('LoadImage')!, { input: ['b.png', 'a.png'] })
    expect(load.input.required?.image).toEqual([
      ['b.png', 'a.png'],
      expect.objectContaining({ image_upload: true, default: 'b.png' }),
    ])
    expect(describeNode(catalog.get('LoadImage')!).input.required?.image[0]).toEqual([])
  })
})
