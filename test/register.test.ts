import { addFields, advanceSeeds } from '../editor/register/fields.ts'
import type { HostNode, HostWidget } from '../editor/register/host.ts'
import { promptOf } from '../editor/register/prompt.ts'
import { parseDefinitions } from '../editor/ports.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalog } from '../nodes/index.ts'

/** registerPatronus without a page; with one: test/browser/register.test.ts. */

const info = describeCatalog(catalog, { checkpoints: ['a.safetensors'] })
const { definitions } = parseDefinitions(JSON.parse(JSON.stringify(info)))

/** A graph as litegraph.js 0.7 saves it: no widget inputs, no titles that are the type's own. */
const saved = (type: (name: string) => string = name => name) => ({
  version: 0.4,
  last_node_id: 3,
  last_link_id: 2,
  nodes: [
    {
      id: 1,
      type: type('PatronusLoadCheckpoint'),
      pos: [0, 0],
      size: [9, 9],
      flags: {},
      order: 0,
      mode: 0,
      outputs: [{ name: 'model', type: 'PATRONUS', links: [1] }],
      properties: {},
      widgets_values: ['a.safetensors'],
    },
    {
      id: 2,
      type: type('PatronusGaussianNoise'),
      pos: [0, 0],
      size: [9, 9],
      flags: {},
      order: 1,
      mode: 0,
      inputs: [{ name: 'model', type: 'PATRONUS', link: 1 }],
      outputs: [{ name: 'noise', type: 'NOISE', links: [] }],
      properties: {},
      widgets_values: [7, 'increment', 2],
    },
    {
      id: 3,
      type: 'page/own',
      title: 'Mine',
      pos: [0, 0],
      size: [9, 9],
      flags: {},
      order: 2,
      mode: 0,
      inputs: [{ name: 'in', type: 'NOISE', link: 2 }],
      outputs: [{ name: 'model', type: 'PATRONUS', links: [] }],
      properties: {},
    },
  ],
  links: [
    [1, 1, 0, 2, 0, 'PATRONUS'],
    [2, 2, 0, 3, 0, 'NOISE'],
  ],
  groups: [],
  config: {},
  extra: {},
})

describe("another page's graph", () => {
  test("is sent without the page's own nodes, also those that our nodes feed", () => {
    const { prompt, workflow } = promptOf(saved(), info)
    expect(prompt).toEqual({
      1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'a.safetensors' }, _meta: expect.anything() },
      2: { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed: 7, count: 2 }, _meta: expect.anything() },
    })
    expect([workflow.nodes.length, workflow.links.length]).toEqual([2, 1])
  })

  test('has our types under a prefix and the server’s own when it is sent', () => {
    const types = (graph: { workflow: { nodes: readonly { type: string }[] } }) => graph.workflow.nodes.map(({ type }) => type)
    expect(
      types(
        promptOf(
          saved(name => `patronus/${name}`),
          info,
          'patronus/',
        ),
      ),
    ).toEqual(types(promptOf(saved(), info)))
    expect(() =>
      promptOf(
        saved(name => `patronus/${name}`),
        info,
      ),
    ).toThrow('no nodes of this server')
  })

  test("is refused when one of the page's nodes feeds ours, with both named", () => {
    const graph = saved()
    graph.links[0] = [1, 3, 0, 2, 0, 'PATRONUS']
    expect(() => promptOf(graph, info)).toThrow('"Gaussian Noise" (node 2) takes model from "Mine" (node 3), a node of this page')
  })
})

/** What a litegraph node does with its fields, and no more. */
function fieldsOf(type: string) {
  const widgets: (HostWidget & { callback: (value: unknown) => void })[] = []
  const addWidget = (type: string, name: string, value: unknown, callback: (value: unknown) => void, options?: object) => {
    const widget = { type, name, value, callback, options: options as Record<string, unknown> }
    widgets.push(widget)
    return widget
  }
  const node = { widgets, addWidget } as unknown as HostNode
  addFields(node, definitions.get(type)!)
  return { node, widgets, find: (wanted: string) => widgets.find(({ name }) => name === wanted)! }
}

describe('fields', () => {
  test('come in the order of the saved values, with the control behind a seed', () =>
    expect(fieldsOf('PatronusGaussianNoise').widgets.map(({ name, type }) => [name, type])).toEqual([
      ['seed', 'number'],
      ['control_after_generate', 'combo'],
      ['count', 'number'],
    ]))

  test('bring what a drag gives onto the grid and into the range', () => {
    const { find } = fieldsOf('PatronusSampleDDIM')
    find('steps').callback(12.34)
    find('eta').callback(7)
    expect([find('steps').value, find('eta').value]).toEqual([12, 1])
  })

  test('move a seed on as its control says, and turn at the end of the range', () => {
    const { node, find } = fieldsOf('PatronusGaussianNoise')
    const after = (how: string, seed: number) => {
      find('control_after_generate').value = how
      find('seed').value = seed
      advanceSeeds(node, definitions.get('PatronusGaussianNoise')!)
      return find('seed').value
    }
    expect([after('fixed', 5), after('increment', 5), after('decrement', 5)]).toEqual([5, 6, 4])
    expect([after('increment', 4294967295), after('decrement', 0)]).toEqual([0, 4294967295])
    expect(after('randomize', 5)).toEqual(expect.any(Number))
  })
})
