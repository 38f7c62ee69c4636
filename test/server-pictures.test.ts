import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { catalog } from '../nodes/index.ts'
import { mostPixels } from '../server/decoding.ts'
import { connect, getJson, pngOf, submit, testServer, type TestServer } from './server-parts.ts'

/** Which pictures a graph may name, and what becomes of them on the way to a node. */

let server: TestServer
beforeAll(async () => (server = await testServer()))
afterAll(async () => server.clean())

const copy = (image: string, prefix: string) => ({
  1: { class_type: 'LoadImage', inputs: { image } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix } },
})
const finished = async (prompt: object) => {
  const client = await connect(server)
  const { status, body } = await submit(server, prompt, { client_id: client.id })
  if (status === 200) await client.done(body.prompt_id)
  await client.close()
  return { status, failed: client.heard.find(({ type }) => type === 'execution_error') }
}

test.each(['gone.png', 'gone.png [input]', 'gone.png [output]', 'gone.png [temp]', '../in.png [output]', 'sub/../in.png'])(
  'a graph that names the picture %j, which is not there, is answered with 400 in the words of ComfyUI and never runs',
  async image => {
    await writeFile(path.join(server.data, 'input', 'in.png'), await pngOf(3, 3))
    const { status, body } = await submit(server, copy(image, 'never'))
    expect([status, body.error.type]).toEqual([400, 'prompt_outputs_failed_validation'])
    expect(body.node_errors['1']).toMatchObject({
      errors: [
        {
          type: 'custom_validation_failed',
          message: 'Custom validation failed for node',
          details: `image - Invalid image file: ${image}`,
          extra_info: { input_name: 'image' },
        },
      ],
      dependent_outputs: ['2'],
      class_type: 'LoadImage',
    })
    expect(await getJson(server, '/history')).toEqual({})
  },
)

test('a picture of the output or temp folder is loaded by its name with the folder behind it, and again only once it changed', async () => {
  for (const folder of ['output', 'temp']) {
    await writeFile(path.join(server.data, folder, 'made.png'), await pngOf(5, 4))
    const before = server.counts.LoadImage ?? 0
    const graph = copy(`made.png [${folder}]`, folder)
    for (let i = 0; i < 2; i++) expect(await finished(graph)).toEqual({ status: 200, failed: undefined })
    expect(server.counts.LoadImage).toBe(before + 1)
    await writeFile(path.join(server.data, folder, 'made.png'), await pngOf(6, 4))
    expect(await finished(graph)).toEqual({ status: 200, failed: undefined })
    expect(server.counts.LoadImage).toBe(before + 2)
  }
})

test.each([
  ['4096² pixels keep their size', [4096, 4096], undefined, 1],
  ['more than a node is given are made fewer, in the same shape, and the node says so', [8000, 5000], /^big\.png has 8000×5000 pixels, .* to \d+×\d+$/, 1], // prettier-ignore
  ['a turned picture is told with the sides that people see', [5000, 8000], /^big\.png has 8000×5000 pixels/, 6],
] as const)(
  'from Load Image to Save Image %s',
  async (_, [width, height], note, orientation) => {
    const real = await testServer({ catalog })
    const flat = sharp({ create: { width, height, channels: 3, background: '#c81e5a' } }).png({ compressionLevel: 1 })
    await flat.withMetadata({ orientation }).toFile(path.join(real.data, 'input', 'big.png'))
    const { body } = await submit(real, {
      1: { class_type: 'LoadImage', inputs: { image: 'big.png' } },
      2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'kept' } },
    })
    let ended: Ended | undefined
    for (; !ended; await sleep(50))
      ended = ((await getJson(real, `/history/${body.prompt_id}`)) as Record<string, Ended>)[body.prompt_id]
    expect(ended.status.status_str).toBe('success')
    const { info, data } = await sharp(path.join(real.data, 'output', ended.outputs['2'].images![0].filename))
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (note === undefined) expect([info.width, info.height, ended.outputs['1']]).toEqual([width, height, undefined])
    else {
      expect(ended.outputs['1'].text).toEqual([expect.stringMatching(note)])
      expect(info.width / info.height).toBeCloseTo(1.6, 2)
      const pixels = info.width * info.height
      expect([pixels <= mostPixels, pixels > 0.999 * mostPixels]).toEqual([true, true])
    }
    expect([...data.subarray(0, 3)]).toEqual([0xc8, 0x1e, 0x5a])
    await real.clean()
  },
  60_000,
)
type Ended = { status: { status_str: string }; outputs: Record<string, { text?: string[]; images?: { filename: string }[] }> }
