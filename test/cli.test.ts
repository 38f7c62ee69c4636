import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { readPngGraph } from '../workflows/png.ts'
import { isBuilt, lines, patronus, start } from './cli-process.ts'
import { pngOf } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli.test.ts is skipped: dist/ is missing; `npm test` builds it')

/** In API format: a picture in, a picture out, `steps` network calls. */
const graph = (steps: number) => ({
  1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'tiny.safetensors' } },
  2: { class_type: 'LoadImage', inputs: { image: 'face.png' } },
  3: { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['2', 0] } },
  4: { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed: 1, count: 1 }, _meta: { title: 'Where to start' } },
  5: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['1', 0], activations: ['3', 0], noise: ['4', 0], steps, eta: 0, seed: 0 },
  },
  6: { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: 'made' } },
})

whenBuilt('patronus run', () => {
  let folder: string
  const run = (...args: string[]) => patronus(folder, 'run', '--checkpoints', 'models', '--device', 'cpu', ...args)
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-'))
    await mkdir(path.join(folder, 'models'))
    await mkdir(path.join(folder, 'data/input'), { recursive: true })
    await writeCheckpoint(path.join(folder, 'models/tiny.safetensors'), tinyCheckpoint())
    await writeFile(path.join(folder, 'data/input/face.png'), await pngOf(16, 16))
    await writeFile(path.join(folder, 'other.png'), await pngOf(20, 20))
    await writeFile(path.join(folder, 'graph.json'), JSON.stringify(graph(3)))
    await writeFile(path.join(folder, 'long.json'), JSON.stringify(graph(1000)))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('runs an API graph, tells of every node, and saves a picture that holds the graph', async () => {
    const { code, out, err } = await run('graph.json')
    expect({ code, err }).toEqual({
      code: 0,
      err: expect.stringMatching(/Load Checkpoint[^]*Where to start[^]*Sample DDIM +3\/3[^]*Done in/),
    })
    expect(out).toContain(path.join('output', 'made_00001_.png'))
    const { prompt } = readPngGraph(await readFile(path.join(folder, 'output/made_00001_.png')))
    expect(prompt).toMatchObject({ 5: { inputs: { steps: 3 } } })
  })

  test('--json gives nothing but JSON objects: the events, then each output with files that exist, then the end', async () => {
    const ended = await run('graph.json', '--json', '--out', 'json')
    const heard = lines(ended)
    expect(heard.map(line => line.type)).toEqual(
      expect.arrayContaining(['device', 'execution_start', 'executing', 'progress', 'execution_success']),
    )
    const made = heard.filter(line => line.type === 'output').flatMap(line => line.data.files as string[])
    expect(made.map(file => path.basename(file))).toContain('made_00001_.png')
    for (const file of made) expect((await readFile(file)).length).toBeGreaterThan(0)
    expect(heard.at(-1)).toMatchObject({ type: 'end', data: { status: 'success' } })
    expect(ended.code).toBe(0)
  })

  test('runs a shipped workflow by name with files given by path; previews and tables are kept, and the PNG holds the workflow as it was set', async () => {
    const settings = [
      'Load Checkpoint.checkpoint=models/tiny.safetensors',
      '2.image=other.png',
      'Invert DDIM.steps=2',
      'sample-ddim.steps=4',
    ]
    const { code, err } = await run('reconstruct', ...settings.flatMap(setting => ['--set', setting]), '--out', 'shipped')
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('Done') })
    const made = await readdir(path.join(folder, 'shipped'))
    expect(made).toEqual(expect.arrayContaining(['reconstruction_00001_.png', expect.stringMatching(/\.csv$/)]))
    const { workflow } = readPngGraph(await readFile(path.join(folder, 'shipped/reconstruction_00001_.png'))) as {
      workflow: { nodes: { type: string; widgets_values: unknown[] }[] }
    }
    const values = Object.fromEntries(workflow.nodes.map(node => [node.type, node.widgets_values]))
    expect([values.PatronusSampleDDIM[0], values.PatronusInvertDDIM[0], values.LoadImage[0]]).toEqual([4, 2, 'other.png'])
    const again = await run('shipped/reconstruction_00001_.png', '--set', '2.image=other.png', '--out', 'again')
    expect(again.code).toBe(0)
    expect(await readFile(path.join(folder, 'again/reconstruction_00001_.png'))).toEqual(
      await readFile(path.join(folder, 'shipped/reconstruction_00001_.png')),
    )
  })

  test.each([
    [
      'an unknown node, with those there are',
      ['graph.json', '--set', 'KSampler.steps=3'],
      /no node "KSampler"; it has: 1 Load Checkpoint, .*4 Where to start \(Gaussian Noise\)/,
    ],
    ['an unknown input, with those there are', ['graph.json', '--set', '5.step=3'], /no input "step".*steps, eta, seed/],
    ['an input that no node has', ['graph.json', '--set', '*.step=3'], /no node of the graph has an input "step"/],
    ['an input that is a link', ['graph.json', '--set', '5.noise=3'], /takes NOISE from a link/],
    ['a value that is no number', ['graph.json', '--set', '5.steps=many'], /whole number 1 … 1000, got "many"/],
    ['a value out of range', ['graph.json', '--set', '5.eta=2'], /a number 0 … 1, got "2"/],
    [
      'a value outside a list',
      ['graph.json', '--set', '1.checkpoint=big.safetensors'],
      /one of: .*tiny\.safetensors.*got "big\.safetensors"/,
    ],
    ['text that is no setting', ['graph.json', '--set', 'steps'], /<node>\.<input>=<value>/],
    ['a file that is not there', ['nothing.json'], /nothing\.json: there is no such file.*edit-prototype/],
    ['a picture without a graph', ['other.png'], /holds no workflow/],
  ])('refuses %s: one line, exit status 1, no stack', async (_, args, message) => {
    const { code, out, err } = await patronus(folder, 'run', ...args, '--checkpoints', 'models')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(message)
    expect(err.trim().split('\n')).toHaveLength(1)
    expect(err).not.toMatch(/^\s+at /m)
  })

  test('a device that does not start is an error that says what was found', async () => {
    const { code, err } = await run('graph.json', '--device', 'cuda')
    expect(code).toBe(1)
    // ONNX Runtime's native part says something of its own first.
    expect(err.trim().split('\n').at(-1)).toMatch(/^error: device: "cuda" was asked for but does not start.*Found: cuda: /)
  })

  test("a graph's own faults are told node by node, all of them, and nothing runs", async () => {
    const broken = {
      ...graph(3),
      3: { class_type: 'PatronusEncode', inputs: { images: ['2', 0] } },
      6: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
      7: { class_type: 'PreviewImage', inputs: { images: ['5', 0] } },
    }
    await writeFile(path.join(folder, 'broken.json'), JSON.stringify(broken))
    const { code, err } = await run('broken.json', '--out', 'never')
    expect(code).toBe(1)
    expect(err).toMatch(/^3 \(Encode to s\): input "model" is missing/m)
    expect(err).toMatch(/^6 \(Save Image\): .*IMAGE.*PATRONUS/m)
    await expect(readdir(path.join(folder, 'never'))).rejects.toThrow('ENOENT')
  })

  test('a node that fails is named with its reason, and the exit status is 1', async () => {
    const two = {
      ...graph(2),
      4: { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed: 1, count: 3 } },
      8: { class_type: 'LoadImage', inputs: { image: 'face.png' } },
      9: { class_type: 'PatronusBatchImages', inputs: { image_1: ['2', 0], image_2: ['8', 0] } },
      3: { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['9', 0] } },
    }
    await writeFile(path.join(folder, 'fails.json'), JSON.stringify(two))
    const plain = await run('fails.json')
    expect(plain.code).toBe(1)
    expect(plain.err).toMatch(/^5 \(Sample DDIM\): .*\b2\b.*\b3\b|^5 \(Sample DDIM\): .*\b3\b.*\b2\b/m)
    expect(plain.err).not.toMatch(/^\s+at /m)
    const json = await run('fails.json', '--json')
    expect(lines(json).map(({ type }) => type)).toEqual(expect.arrayContaining(['execution_error', 'failed']))
    expect([json.code, lines(json).at(-1)]).toMatchObject([1, { type: 'end', data: { status: 'error' } }])
  })

  test('Ctrl-C ends a run between two steps with status 130', async () => {
    const started = start(folder, ['run', 'long.json', '--checkpoints', 'models', '--device', 'cpu', '--json'])
    while (!started.said().includes('"progress"')) await new Promise(resolve => setTimeout(resolve, 50))
    started.signal('SIGINT')
    const ended = await started.ended
    expect(ended.code).toBe(130)
    expect(lines(ended).at(-1)).toMatchObject({ type: 'end', data: { status: 'interrupted' } })
  })
})

whenBuilt('patronus', () => {
  test('an unknown command is refused with a suggestion and where to look', async () => {
    const { code, err } = await patronus(os.tmpdir(), 'serv')
    expect(code).toBe(1)
    expect(err).toMatch(/unknown command 'serv'\n\(Did you mean serve\?\)\n.*--help/)
  })

  test('PATRONUS_DEBUG=1 says where an error came from', async () => {
    const { err } = await start(os.tmpdir(), ['info', 'nowhere.safetensors'], { PATRONUS_DEBUG: '1' }).ended
    expect(err).toMatch(/nowhere\.safetensors[^]*\n\s+at /)
  })
})
