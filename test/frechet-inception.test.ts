import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setDistance } from '../analysis/set-distance.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { openInception } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { createContext, type ContextParts } from '../server/context.ts'
import { createFiles, type Roots } from '../server/files.ts'
import { serve, type RunningServer } from '../server/serve.ts'
import { createWorker } from '../server/worker.ts'
import type { ObjectInfo } from '../workflows/graph.ts'
import { quietContext } from './quiet-context.ts'
import { connect, submit, workerParts } from './server-parts.ts'
import { tinyInception } from './tiny-inception.ts'
import { tinyCheckpoint, tinyPatronus } from './tiny-model.ts'

/** FID in a graph, by a small network of the same shape: what it sees of a picture is the mean of each colour. */

const onnx = tinyInception({ batch: 'N' })
let data: string
beforeAll(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-fid-'))
  await Promise.all(['inception', 'checkpoints'].map(folder => mkdir(path.join(data, folder))))
  await writeFile(path.join(data, 'inception/tiny.onnx'), onnx)
  await writeFile(path.join(data, 'inception/readme.txt'), 'not a network')
  await writeFile(path.join(data, 'secret.onnx'), onnx)
  await symlink(path.join(data, 'secret.onnx'), path.join(data, 'inception/link.onnx'))
  await writeCheckpoint(path.join(data, 'checkpoints/tiny.safetensors'), tinyCheckpoint())
})
afterAll(() => rm(data, { recursive: true, force: true }))

describe('the node', () => {
  let model: Patronus
  beforeAll(async () => void (model = await tinyPatronus()))
  afterAll(() => model.dispose())

  const pictures = (count: number, seed: number, side = 16): Tensor =>
    map(gaussian([count, side, side, 3], seed), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
  /** Means of each colour in -1 … 1: pictures of the network's own size are not resized. */
  const colours = ({ shape: [B, H, W], data: values }: Tensor): Tensor => {
    const sums = new Float64Array(B * 3)
    values.forEach((v, i) => (sums[Math.floor(i / (H * W * 3)) * 3 + (i % 3)] += (2 * v - 1) / (H * W)))
    return tensor([B, 3], [...sums])
  }
  const run = async (inputs: Record<string, unknown>) => {
    const quiet = quietContext(model, { 'tiny.onnx': path.join(data, 'inception/tiny.onnx') })
    const node = catalog.get('PatronusFrechetDistance')!
    const { table, distance, ui } = await node.run({ model, seed: 0, ...inputs }, quiet.context)
    return { table: table as Table, distance: distance as number, text: (ui as Ui).text!.join('\n'), heard: quiet.heard }
  }

  test('has a row FID beside FD and KID, with the distance of what the network sees; FD stays the same', async () => {
    const [images, reference] = [map(pictures(20, 1, 8), v => v / 2), pictures(30, 2, 8)]
    const [without, withIt] = [await run({ images, reference }), await run({ images, reference, inception: 'tiny.onnx' })]
    expect(without.table.rows.map(([measure]) => measure)).toEqual(['FD', 'KID'])
    expect(withIt.table.rows.map(([measure]) => measure)).toEqual(['FD', 'KID', 'FID', 'KID, Inception'])
    expect(withIt.table.rows.slice(0, 2)).toEqual(without.table.rows)
    expect(withIt.distance).toBe(without.distance)
    const expected = setDistance(colours(images), colours(reference), 0)
    const [, , [, fid, , counts, features], [, kid]] = withIt.table.rows
    expect([fid, kid]).toEqual([expect.closeTo(expected.fd, 3), expect.closeTo(expected.kid.mean, 2)])
    expect([counts, features]).toEqual(['20 and 30', 3])
    expect(withIt.text).toMatch(/the network in tiny\.onnx \(SHA-256 [0-9a-f]{16}…\), given as Inception-v3/)
    expect(without.text).not.toContain('Inception')
  })

  test('says when there are fewer pictures than features, and when the sizes differ; the bar runs over both networks', async () => {
    const { text, heard } = await run({
      images: pictures(2, 1),
      reference: zeros([40, 9, 30, 1]),
      inception: 'tiny.onnx',
    })
    expect(text).toContain('Only 2 pictures for 3 features: FID is much too large')
    expect(text).toContain('images is 16×16 and reference 30×9 pixels')
    expect(heard.progress).toEqual([[2, 84], [42, 84], [44, 84], [76, 84], [84, 84]]) // prettier-ignore
  })
})

describe('the context of a run', () => {
  const context = () => {
    const none = { input: [], output: [], temp: [], user: [], checkpoints: [], workflows: [], datasets: [], artefacts: [] }
    const roots: Roots = { ...none, inception: [path.join(data, 'inception')] }
    const opens = (file: string) => openInception(file, 'cpu')
    return createContext({ files: createFiles(roots), job: { extraData: {} }, inception: opens } as unknown as ContextParts)
  }

  test('opens a file of the inception folder', async () => {
    const network = await context().inception('tiny.onnx')
    expect(network.name).toBe('tiny.onnx')
    await network.dispose()
  })

  test('names the folder, and what is there, for a file that is not', () =>
    expect(context().inception('other.onnx')).rejects.toThrow(
      /no "other\.onnx" in the inception folder, which is data\/inception unless .*choose one of: tiny\.onnx$/,
    ))

  test.each(['../secret.onnx', 'sub/../../secret.onnx', '/etc/passwd', '..\\secret.onnx', 'link.onnx', '.hidden.onnx'])(
    'does not leave the folder for %s',
    name => expect(context().inception(name)).rejects.toThrow(/give a name inside the inception folder|leads out of/),
  )
})

describe('the server', () => {
  let server: RunningServer & { origin: string }
  beforeAll(async () => {
    const running = await serve(catalog, ({ files }) => createWorker(workerParts({ catalog, files })), {
      port: 0,
      data,
      checkpoints: [path.join(data, 'checkpoints')],
      workflows: path.join(data, 'none'),
      editor: data,
    })
    server = { ...running, origin: `http://127.0.0.1:${running.port}` }
  })
  afterAll(() => server.close())

  const faces = (seed: number) => ({
    class_type: 'PatronusDataSetImages',
    inputs: { model: ['1', 0], set: 'avatars', count: 4, seed, show: 4 },
  })
  const graph = (inception?: string) => ({
    1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'tiny.safetensors' } },
    2: faces(1),
    3: faces(2),
    4: {
      class_type: 'PatronusFrechetDistance',
      inputs: { model: ['1', 0], images: ['2', 1], reference: ['3', 1], seed: 0, ...(inception && { inception }) },
    },
  })
  const run = async (inception?: string) => {
    const client = await connect(server)
    const { body } = await submit(server, graph(inception), { client_id: client.id })
    await client.done(body.prompt_id)
    await client.close()
    const response = await fetch(`${server.origin}/history/${body.prompt_id}`)
    const history = (await response.json()) as Record<string, { outputs: Record<string, Ui> }>
    const cached = client.heard.flatMap(one => (one.type === 'execution_cached' ? one.data.nodes : []))
    return { rows: history[body.prompt_id].outputs['4'].tables![0].rows, cached }
  }

  test('offers the networks of data/inception and nothing else, none first', async () => {
    const response = await fetch(`${server.origin}/object_info/PatronusFrechetDistance`)
    const { input } = ((await response.json()) as ObjectInfo).PatronusFrechetDistance
    expect(input.optional!.inception).toEqual([['none', 'tiny.onnx'], expect.objectContaining({ default: 'none' })])
  })

  test('measures FID where a file is chosen, not else; the same file is not measured twice, a changed one is', async () => {
    expect((await run()).rows.map(([measure]) => measure)).toEqual(['FD', 'KID'])
    const first = await run('tiny.onnx')
    expect(first.rows[2]).toEqual(['FID', expect.any(Number), null, '4 and 4', 3])
    expect((await run('tiny.onnx')).cached).toContain('4')
    await writeFile(path.join(data, 'inception/tiny.onnx'), tinyInception({ batch: 'pictures' }))
    const changed = await run('tiny.onnx')
    expect(changed.cached).not.toContain('4')
    expect(changed.rows).toEqual(first.rows)
  })

  test('refuses a graph that names a file which is not offered', async () => {
    const { status, body } = await submit(server, graph('../secret.onnx'))
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain("inception: '../secret.onnx' not in ['none', 'tiny.onnx']")
  })
})
