import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalog } from '../nodes/index.ts'
import type { AnyNode } from '../nodes/node.ts'
import { checkNodes } from '../server/plugin-check.ts'
import { withPlugins } from '../server/plugins.ts'
import { isBuilt, lines, patronus, start } from './cli-process.ts'
import { submit } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const example = path.join(__dirname, '../docs/examples/plugin-threshold')

const good = {
  type: 'Mine',
  title: 'Mine',
  category: 'mine',
  help: 'A node.',
  inputs: { amount: { type: 'FLOAT', default: 0, min: 0, max: 1, help: 'How much.' } },
  outputs: { value: { type: 'FLOAT', help: 'As much.' } },
  run: async ({ amount }: { amount: number }) => ({ value: amount }),
}
const port = (change: object) => ({ ...good, inputs: { amount: { ...good.inputs.amount, ...change } } })

describe('what a plugin exports', () => {
  test('may be { nodes } or a list, with or without a default export', () => {
    for (const exported of [{ default: { nodes: [good] } }, { default: [good] }, { nodes: [good] }])
      expect(checkNodes('mine', exported)).toEqual([good])
  })

  test.each(['MY_OWN', 'IMAGE,MASK', '*'])('may have links of the type %s', type =>
    expect(() => checkNodes('mine', { default: [port({ type })] })).not.toThrow(),
  )

  test.each([
    [
      'nothing',
      undefined,
      'Plugin "mine" exports no nodes: wanted a default export { nodes: [...] } or a list of nodes, got an object',
    ],
    ['no nodes', [], 'got an empty list'],
    ['a text among the nodes', ['node'], 'node number 1: wanted a node, got "node"'],
    [
      'a type with a space',
      [{ ...good, type: 'My node' }],
      'type: wanted a name of at most 100 letters, digits, _, . and -, got "My node"',
    ],
    ['a type that is no own key', [{ ...good, type: '__proto__' }], 'type: wanted a name'],
    ['no help', [{ ...good, help: '' }], 'node Mine: help: wanted a sentence that says what it is, got ""'],
    [
      'no category',
      [{ ...good, category: undefined }],
      'category: wanted a category, such as "patronus/prototypes", got nothing',
    ],
    ['no run', [{ ...good, run: 'later' }], 'node Mine: run: wanted a function, got "later"'],
    ['ports in a list', [{ ...good, inputs: [] }], 'inputs: wanted an object of ports'],
    ['a port without help', [port({ help: undefined })], 'inputs.amount.help: wanted a sentence'],
    ['a number without max', [port({ max: undefined })], 'inputs.amount.max: wanted a number, got nothing'],
    ['a default outside its range', [port({ default: 2 })], 'inputs.amount.default: wanted 0 … 1, got 2'],
    ['a broken whole number', [port({ type: 'INT', default: 0.5 })], 'inputs.amount.default: wanted a whole number, got 0.5'],
    [
      'a type of link in small letters',
      [port({ type: 'image' })],
      'inputs.amount.type: wanted a type in capitals, such as IMAGE, got "image"',
    ],
    [
      'a choice among nothing',
      [port({ type: 'COMBO', default: undefined, options: [] })],
      'inputs.amount.options: wanted at least one option',
    ],
    [
      'a default that is no option',
      [port({ type: 'COMBO', options: ['a'], default: 'b' })],
      'inputs.amount.default: wanted one of the options, got "b"',
    ],
    ['an output that hides ui', [{ ...good, outputs: { ui: good.outputs.value } }], 'outputs.ui: '],
    ['an output without help', [{ ...good, outputs: { value: { type: 'FLOAT' } } }], 'outputs.value.help: wanted a sentence'],
    ['two nodes of one type', [good, good], 'Plugin "mine" has two nodes of the type Mine; rename one'],
  ])('is refused with plugin, node, field and what was wanted: %s', (_, nodes, message) => {
    expect(() => checkNodes('mine', { default: nodes })).toThrow(message)
  })
})

describe('the catalog with plugins', () => {
  const plugin = { name: 'mine', file: '/mine.js', nodes: [good as AnyNode] }

  test('has their nodes behind its own, each with the badge of its plugin', () => {
    const info = describeCatalog(withPlugins(catalog, [plugin]))
    expect(Object.keys(info)).toEqual([...catalog.keys(), 'Mine'])
    expect([info.Mine.python_module, info.LoadImage.python_module]).toEqual(['custom_nodes.mine', 'custom_nodes.patronus'])
  })

  test('keeps methods that call each other, and never writes into a node', async () => {
    class Node {
      type = 'Class'
      inputs = {}
      outputs = {}
      twice = (value: number) => 2 * value
      async run() {
        return { value: this.twice(21) }
      }
    }
    const node = Object.freeze(new Node())
    const loaded = withPlugins(new Map(), [{ ...plugin, nodes: [node as unknown as AnyNode] }]).get('Class')!
    expect(await loaded.run({}, {} as never)).toEqual({ value: 42 })
    expect(loaded.pack).toBe('mine')
  })

  test('refuses a type that is there already, and says whose it is', () => {
    const taken = { ...plugin, nodes: [{ ...good, type: 'LoadImage' } as AnyNode] }
    expect(() => withPlugins(catalog, [taken])).toThrow('Plugin "mine" brings the node type LoadImage, which Patronus Nodes has')
    expect(() => withPlugins(catalog, [plugin, { ...plugin, name: 'yours' }])).toThrow('which plugin "mine" has already')
  })
})

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/plugins.test.ts is skipped in part: dist/ is missing; `npm test` builds it')

whenBuilt('--plugin', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-plugins-'))
    await mkdir(path.join(folder, 'models'))
    await mkdir(path.join(folder, 'node_modules'))
    await writeCheckpoint(path.join(folder, 'models/a-tiny.safetensors'), tinyCheckpoint())
    await symlink(example, path.join(folder, 'node_modules/patronus-plugin-threshold'))
    await symlink(path.join(__dirname, '..'), path.join(folder, 'node_modules/patronus-nodes'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const graph = (steps: number) => ({
    1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'a-tiny.safetensors' } },
    2: { class_type: 'LoadImage', inputs: { image: 'avatar-01.png' } },
    3: { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['2', 0] } },
    4: { class_type: 'StrongestActivations', inputs: { activations: ['3', 0], count: 1 } },
    5: { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed: 7, count: 1 } },
    6: {
      class_type: 'PatronusSampleDDIM',
      inputs: { model: ['1', 0], activations: ['4', 0], noise: ['5', 0], steps, eta: 0, seed: 0 },
    },
    7: { class_type: 'SaveImage', inputs: { images: ['6', 0], filename_prefix: 'strongest' } },
  })

  test('makes the example package, found in node_modules, part of a real server: in its catalog and in the process that runs graphs', async () => {
    const args = ['serve', '--port', '0', '--checkpoints', 'models', '--device', 'cpu', '--plugin', 'patronus-plugin-threshold']
    const server = start(folder, args)
    const died = server.ended.then(({ err }) => Promise.reject(new Error(err)))
    const ready = async () => {
      while (!server.said().includes('is at')) await new Promise(resolve => setTimeout(resolve, 50))
    }
    await Promise.race([ready(), died])
    const origin = /is at (http:\S+)/.exec(server.said())![1].replace(/\/$/, '')
    const info = (await (await fetch(`${origin}/object_info/StrongestActivations`)).json()) as Record<string, object>
    expect(info.StrongestActivations).toMatchObject({ python_module: 'custom_nodes.patronus-plugin-threshold' })
    const { body } = await submit({ origin }, graph(2))
    const ended = async () => ((await (await fetch(`${origin}/history/${body.prompt_id}`)).json()) as never)[body.prompt_id]
    let entry: { status: { status_str: string }; outputs: Record<string, { text?: string[]; images?: { filename: string }[] }> }
    while (!(entry = await ended())) await new Promise(resolve => setTimeout(resolve, 50))
    expect(entry.status.status_str).toBe('success')
    expect(entry.outputs['4'].text).toEqual(['1 of 4 activations are left'])
    expect(entry.outputs['7'].images).toHaveLength(1)
    server.signal('SIGTERM')
    expect((await server.ended).code).toBe(0)
  })

  test('works for patronus run, with a folder', async () => {
    await writeFile(path.join(folder, 'graph.json'), JSON.stringify(graph(1)))
    const ended = await patronus(
      folder,
      ...['run', 'graph.json', '--plugin', example, '--checkpoints', 'models', '--device', 'cpu', '--out', 'made', '--json'],
    )
    expect([ended.code, lines(ended).at(-1)!.data.status]).toEqual([0, 'success'])
    expect(await readdir(path.join(folder, 'made'))).toEqual(expect.arrayContaining([expect.stringMatching(/^strongest.*png$/)]))
  })

  test.each([
    ['a name that is nowhere', 'no-such-plugin', undefined, 'There is no plugin "no-such-plugin"'],
    ['a path that is nowhere', './no-such-plugin', undefined, 'There is no plugin "./no-such-plugin"'],
    ['a module with a mistake', './wrong.mjs', 'export default {', 'Plugin "wrong" could not be loaded from'],
    ['a node with a mistake', './mistake.mjs', 'export default [{ type: "Odd" }]', 'Plugin "mistake", node Odd: title: wanted'],
    [
      'a node of a name that is taken',
      './taken.mjs',
      `export default [{ type: 'LoadImage', title: 'T', category: 'c', help: 'h', inputs: {}, outputs: {}, run() {} }]`,
      'Plugin "taken" brings the node type LoadImage',
    ],
  ])('stops the start in one line for %s', async (_, plugin, source, message) => {
    if (source !== undefined) await writeFile(path.join(folder, plugin), source)
    const { code, err } = await patronus(folder, 'serve', '--port', '0', '--plugin', plugin)
    expect([code, err.trim().split('\n').length]).toEqual([1, 1])
    expect(err).toContain(`error: ${message}`)
  })

  test('finds defineNode and its types as patronus-nodes/plugin, in TypeScript and in the JSDoc of the example', () => {
    const file = path.join(folder, 'typed.ts')
    const node = (result: string) => `
      import { defineNode, map } from 'patronus-nodes/plugin'
      export default { nodes: [defineNode({
        type: 'Half', title: 'Half', category: 'c', help: 'h',
        inputs: { s: { type: 'ACTIVATIONS', help: 's' } }, outputs: { s: { type: 'ACTIVATIONS', help: 's' } },
        run: async ({ s }) => ({ s: ${result} }),
      })] }`
    expect(faultsOf(file, node('map(s, value => value / 2)'))).toEqual([])
    expect(faultsOf(file, node('map(s, value => value / 2).shape')).join()).toContain(
      "Type 'readonly number[]' is not assignable to type 'Tensor | Blocker'",
    )
    expect(faultsOf(path.join(folder, 'node_modules/patronus-plugin-threshold/index.js'))).toEqual([])
  })
})

/** What tsc says of a file as somebody else's project would compile it; `source` stands in for what lies on the disk. */
function faultsOf(file: string, source?: string): string[] {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    checkJs: true,
    allowJs: true,
    maxNodeModuleJsDepth: 0,
    preserveSymlinks: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists, getSourceFile } = host
  host.readFile = name => (name === file && source !== undefined ? source : readFile(name))
  host.fileExists = name => (name === file && source !== undefined) || fileExists(name)
  host.getSourceFile = (name, ...more) =>
    name === file && source !== undefined
      ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022)
      : getSourceFile(name, ...more)
  const program = ts.createProgram([file], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
