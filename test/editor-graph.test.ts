import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { arrange, editNode, loadedCheckpoint, prototypes, upstreamOf, valuesIn } from '../editor/bank.ts'
import { toCsv } from '../editor/csv.ts'
import { fitWorkflow, layOut } from '../editor/fit-workflow.ts'
import { decimalsOf, duration, snap } from '../editor/format.ts'
import { parseDefinitions } from '../editor/ports.ts'
import { search } from '../editor/search.ts'
import { initialState, type Graph, type State } from '../editor/shell.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalog } from '../nodes/index.ts'
import { parseWorkflow, problems, toPrompt, type Workflow } from '../workflows/graph.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const info = describeCatalog(catalog, { checkpoints: ['faces.safetensors'], input: ['a.png'] })
const { definitions, unread } = parseDefinitions(JSON.parse(JSON.stringify(info)))
const folder = path.join(__dirname, '../workflows')
const shipped = readdirSync(folder).filter(name => name.endsWith('.json'))
const read = (name: string): Workflow => parseWorkflow(JSON.parse(readFileSync(path.join(folder, name), 'utf8')))

test('every node of the catalog becomes a definition with all its inputs, in their order', () => {
  expect(unread).toEqual([])
  expect([...definitions.keys()]).toEqual([...catalog.keys()])
  for (const [type, node] of catalog)
    expect(
      definitions
        .get(type)
        ?.inputs.map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(node.inputs).sort())
})

test('limits, steps and displays of number ports survive the way to the page', () => {
  const eta = definitions.get('PatronusSampleDDIM')?.inputs.find(({ name }) => name === 'eta')?.field
  expect(eta).toMatchObject({ kind: 'number', min: 0, max: 1, step: 0.05, decimals: 2, slider: true })
})

test('one node that cannot be read does not take the others with it', () => {
  const { definitions, unread } = parseDefinitions({ Bad: { input: 7 }, LoadImage: info.LoadImage })
  expect([...definitions.keys()]).toEqual(['LoadImage'])
  expect(unread[0]).toMatch(/^Bad/)
})

test.each(shipped)('fitting %s to our slots changes neither what runs nor, a second time, anything', name => {
  const workflow = read(name)
  const fitted = fitWorkflow(workflow, info, definitions)
  expect(toPrompt(fitted, info)).toEqual(toPrompt(workflow, info))
  expect(fitWorkflow(fitted, info, definitions)).toEqual(fitted)
})

test('a file that names no inputs and skips the control of its seed is fitted by position', () => {
  const node = (id: number, type: string, rest: object) => ({
    id,
    type,
    pos: [0, 0],
    size: [1, 1],
    mode: 0,
    flags: {},
    properties: {},
    ...rest,
  })
  const workflow = parseWorkflow({
    nodes: [
      node(1, 'PatronusLoadCheckpoint', { outputs: [{ name: 'model', type: 'PATRONUS', links: [1] }] }),
      node(2, 'PatronusSampleDDIM', { widgets_values: [20, 0.5, 7, 900, false] }),
    ],
    links: [[1, 1, 0, 2, 0, 'PATRONUS']],
    version: 0.4,
  })
  const [, sampler] = fitWorkflow(workflow, info, definitions).nodes
  expect(sampler.widgets_values).toEqual([20, 0.5, 7, 'fixed', 900, false])
  expect(sampler.inputs.find(({ name }) => name === 'model')?.link).toBe(1)
})

test('an API prompt, laid out as a workflow, runs as the same prompt', () => {
  const { prompt } = toPrompt(read('edit-prototype.json'), info)
  const again = toPrompt(fitWorkflow(layOut(prompt, info), info, definitions), info).prompt
  expect(Object.fromEntries(Object.entries(again).map(([id, node]) => [id, node.inputs]))).toEqual(
    Object.fromEntries(Object.entries(prompt).map(([id, node]) => [id, node.inputs])),
  )
  expect(problems(again, info).error).toEqual(problems(prompt, info).error)
})

test('laying out a prompt that feeds itself ends', () => {
  const loop = { a: { class_type: 'X', inputs: { x: ['b', 0] } }, b: { class_type: 'X', inputs: { x: ['a', 0] } } }
  expect(layOut(loop, info).nodes).toHaveLength(2)
})

const graph: Graph = {
  nodes: [
    { id: '1', type: 'PatronusLoadCheckpoint', title: 'Load', mode: 0, values: { checkpoint: 'faces.safetensors' }, links: {} },
    { id: '3', type: 'PatronusEncode', title: 'Encode', mode: 0, values: {}, links: { model: { node: '1', slot: 0 } } },
    {
      id: '5',
      type: 'PatronusEditPrototype',
      title: 'Edit',
      mode: 0,
      values: { prototype: 1, mode: 'maximum', value: 0, more_edits: '2 = 0.3' },
      links: { activations: { node: '3', slot: 0 } },
    },
  ],
  selection: [],
}
const checkpoint = tinyCheckpoint({ prototypes: 4 })
const state: State = {
  ...initialState,
  definitions,
  graph,
  bank: { checkpoint: 'faces.safetensors', info: checkpoint.info, names: {}, hasTiles: false, atlas: 'none' },
  live: { ...initialState.live, activations: { '3': { run: 'r', t: 0, s: [0.1, 0.2, 0.05, 0.4] } } },
}

test('the bank is that of the checkpoint the graph loads, and its sliders write to the node that takes edits', () => {
  expect(loadedCheckpoint(graph, definitions)).toBe('faces.safetensors')
  expect(editNode(graph, definitions)?.id).toBe('5')
  expect(upstreamOf(graph, '5')).toEqual(['3', '1'])
})

test('each prototype knows its value on the picture and where the edits bring it', () => {
  const bank = prototypes(state)
  expect(bank.map(({ onImage }) => onImage)).toEqual([0.1, 0.2, 0.05, 0.4])
  expect(bank.map(({ edit }) => edit)).toEqual([undefined, checkpoint.info.ranges?.[1].max, 0.3, undefined])
})

test('the bank sorts by presence, by edits and by number, and finds by number', () => {
  const bank = prototypes(state)
  const order = (kind: 'value' | 'edited' | 'index') =>
    arrange(bank, { order: kind, query: '', editedOnly: false }).map(({ index }) => index)
  expect(order('value')).toEqual([3, 1, 0, 2])
  expect(order('edited')).toEqual([1, 2, 0, 3])
  expect(order('index')).toEqual([0, 1, 2, 3])
  expect(arrange(bank, { order: 'index', query: '#2', editedOnly: false }).map(({ index }) => index)).toEqual([2])
  expect(arrange(bank, { order: 'index', query: '', editedOnly: true }).map(({ index }) => index)).toEqual([1, 2])
})

test('values are read from a table in any order of rows', () => {
  const tables = [
    {
      title: 't',
      columns: ['prototype', 's'],
      rows: [
        [2, 0.5],
        [0, 0.1],
      ],
    },
  ]
  expect(valuesIn({ tables })).toEqual([0.1, undefined, 0.5])
  expect(valuesIn({ tables: [{ title: 't', columns: ['x'], rows: [[1]] }] })).toBeUndefined()
})

test('the palette finds a node by a word of its title, by initials, and by an alias, in that order of trust', () => {
  const find = (query: string) => search(query, [...definitions.values()], ({ title, aliases }) => [title, ...aliases])[0]?.title
  expect(find('edit')).toBe('Edit Prototype')
  expect(find('sddim')).toBe('Sample DDIM')
  expect(find('ksampler')).toBe('Sample DDIM')
  expect(find('xyzzy')).toBeUndefined()
})

test('a number is brought onto the grid of its field and held inside it', () => {
  const field = { min: 0, max: 1, step: 0.05 }
  expect([snap(0.07, field), snap(0.08, field), snap(7, field), snap(-1, field)]).toEqual([0.05, 0.1, 1, 0])
  expect([decimalsOf(1), decimalsOf(0.05), decimalsOf(0.001)]).toEqual([0, 2, 3])
})

test('durations read as people say them', () => {
  expect([duration(430), duration(12_400), duration(185_000)]).toEqual(['0.4 s', '12 s', '3 min 05 s'])
})

test('a table becomes a CSV whose cells are never taken for formulas', () => {
  expect(
    toCsv({
      title: 't',
      columns: ['a', 'b'],
      rows: [
        ['=1+1', 2],
        ['x,"y"', null],
      ],
    }),
  ).toBe('a,b\r\n\'=1+1,2\r\n"x,""y""",\r\n')
})
