import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { openCheckpoint } from '../engine/checkpoint/open.ts'
import { createPatronus } from '../engine/load.ts'
import { gaussian } from '../model/noise.ts'
import type { Tensor } from '../model/tensor.ts'
import { parseAttributes } from '../train/datasets/attribute-table.ts'
import { isBuilt, lines, patronus } from './cli-process.ts'
import { pngOf } from './server-parts.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-checkpoints.test.ts is skipped: dist/ is missing; `npm test` builds it')

/** The authors' own folder layout, made by their code (test/fixtures/parity). */
const official = path.join(__dirname, 'fixtures/parity/tiny_rgb')

whenBuilt('checkpoints on the command line', () => {
  let folder: string
  beforeAll(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-'))))
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test("the authors' folder is imported, and a shipped workflow runs on it, without Python", async () => {
    const imported = await patronus(folder, 'import', official, '-o', 'models/official.safetensors')
    expect(imported).toMatchObject({ code: 0, out: expect.stringMatching(/prototypes +6 of length 128/) })
    await writeFile(path.join(folder, 'face.png'), await pngOf(32, 32))
    const settings = ['1.checkpoint=official.safetensors', '2.image=face.png', '4.steps=3', '5.steps=3'].flatMap(text => [
      '--set',
      text,
    ])
    const ran = await patronus(folder, 'run', 'reconstruct', ...settings, '--checkpoints', 'models', '--device', 'cpu', '--json')
    expect(ran.code).toBe(0)
    expect(
      lines(ran)
        .filter(({ type }) => type === 'output')
        .flatMap(({ data }) => data.files),
    ).toContainEqual(expect.stringMatching(/reconstruction_00001_\.png$/))
  })

  test('info says the same of the folder and of what was made of it, weights counted', async () => {
    const [folderInfo, fileInfo] = await Promise.all([
      patronus(folder, 'info', official, '--json'),
      patronus(folder, 'info', 'models/official.safetensors', '--json'),
    ])
    const [a, b] = [folderInfo, fileInfo].map(({ out }) => JSON.parse(out) as { parameters: number; info: unknown })
    expect(b.info).toEqual(a.info)
    const { weights } = await openCheckpoint(official)
    expect([a.parameters, b.parameters]).toEqual(
      Array(2).fill([...weights.values()].reduce((sum, { data }) => sum + data.length, 0)),
    )
  })

  test('ranges of an imported checkpoint are measured over a data set one names, kept in a new file or in place, and change its id', async () => {
    const faces = { kind: 'avatars', size: 32, train: 40, test: 10, seed: 1, bias: 0 }
    const config = { extends: 'avatars64', data: faces, model: { image: { height: 32, width: 32, channels: 3 } } }
    await writeFile(path.join(folder, 'faces.json'), JSON.stringify(config))
    const measure = (...args: string[]) => patronus(folder, 'ranges', ...args, '--data', 'faces.json', '--device', 'cpu')
    expect(await measure(official)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/over 40 pictures[^]*max\(s_X\) 0\.\d+/),
    })
    const made = await measure(official, '--images', '25', '-o', 'models/ranged.safetensors')
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('because the file changed') })
    const first = await openCheckpoint(path.join(folder, 'models/ranged.safetensors'))
    expect(first.info.ranges!.map(({ histogram }) => histogram!.reduce((sum, count) => sum + count, 0))).toEqual(
      Array(6).fill(25),
    )
    expect(first.info.provenance.rangesFrom).toBe('avatars: 25 of 40 training pictures, seed 1')
    expect((await measure('models/ranged.safetensors', '--write')).code).toBe(0)
    const second = await openCheckpoint(path.join(folder, 'models/ranged.safetensors'))
    expect([second.info.rangesOver, second.id === first.id]).toEqual([40, false])
    const refused = await measure(official, '--write')
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('--write changes .safetensors files only') })
  })

  test.each([[[]], [['--external']]])(
    'exported ONNX files %p give any runtime the numbers that the engine gives, at any batch size',
    async options => {
      const out = path.join(folder, `onnx${options.length}`)
      const told = await patronus(folder, 'export-onnx', official, '-o', out, ...options)
      expect(told).toMatchObject({ code: 0, out: expect.stringMatching(/opset \d+/) })
      const patronusModel = await createPatronus(await openCheckpoint(official), { device: 'cpu' })
      const [x, s] = [gaussian([3, 32, 32, 3], 1), gaussian([3, 6], 2)]
      const feed = ({ shape, data }: Tensor) => new ort.Tensor('float32', data, shape)
      const encoder = await ort.InferenceSession.create(path.join(out, 'encoder.onnx'))
      const unet = await ort.InferenceSession.create(path.join(out, 'unet.onnx'))
      const encoded = await encoder.run({ x: feed(x) })
      const { eps } = await unet.run({ x: feed(x), t: new ort.Tensor('int32', new Int32Array(3).fill(400), [3]), s: feed(s) })
      const largest = (a: Float32Array, b: Float32Array) =>
        a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)
      expect(largest(encoded.s.data as Float32Array, (await patronusModel.encode(x)).s.data)).toBeLessThan(1e-5)
      expect(largest(eps.data as Float32Array, (await patronusModel.denoiser(s)(x, 400)).data)).toBeLessThan(1e-5)
      await Promise.all([encoder.release(), unet.release(), patronusModel.dispose()])
    },
  )

  test('data avatars writes the same bytes for the same seed, and a table that training reads', async () => {
    const write = (out: string, count: string) =>
      patronus(folder, 'data', 'avatars', '--count', count, '--size', '16', '--seed', '7', '--out', out)
    expect((await Promise.all([write('a', '3'), write('b', '4')])).map(({ code }) => code)).toEqual([0, 0])
    expect(await readdir(path.join(folder, 'a'))).toEqual(['000000.png', '000001.png', '000002.png', 'attributes.csv'])
    for (const name of ['000000.png', '000002.png'])
      expect(await readFile(path.join(folder, 'a', name))).toEqual(await readFile(path.join(folder, 'b', name)))
    const { names, rows } = parseAttributes(await readFile(path.join(folder, 'a/attributes.csv'), 'utf8'), 'attributes.csv')
    expect([names.length, [...rows.keys()]]).toEqual([13, ['000000.png', '000001.png', '000002.png']])
  })

  test.each([
    ['info', ['info', 'nowhere.safetensors'], /nothing at this path/],
    ['import', ['import', os.tmpdir() + '/nowhere', '-o', 'x.safetensors'], /nothing at this path|not/],
    ['export-onnx', ['export-onnx', 'nowhere', '-o', 'x'], /nothing at this path/],
    ['quality', ['quality', 'nowhere.safetensors'], /nothing at this path/],
    ['train', ['train', 'nothing'], /neither a shipped one \(avatars64, fmnist32, tiny\)/],
    ['data', ['data', 'idx', 'nowhere'], /found neither/],
  ])('%s says in one line what it cannot find', async (_, args, message) => {
    const { code, err } = await patronus(folder, ...args)
    expect(code).toBe(1)
    expect(err).toMatch(message)
    expect(err.trim().split('\n')).toHaveLength(1)
  })
})
