import sharp from 'sharp'
import { catalogOf } from '../nodes/index.ts'
import { connect, submit, testServer, type Heard, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 2.1 and 2.5: binary frames, and what a client that comes back is told, over the conformance nodes. */

let server: TestServer
beforeAll(async () => void (server = await testServer({ catalog: catalogOf({ conformance: true }) })))
afterAll(() => server.clean())

let seed = 0
/** One picture while it runs; new every time. */
const painting = () => ({
  paint: { class_type: 'ConformSampler', inputs: { steps: 1, ms: 1, size: 4, seed: ++seed } },
  show: { class_type: 'ConformShow', inputs: { value: ['paint', 0] } },
})

test('a binary frame is a big-endian type, and the picture of the step behind what describes it', async () => {
  const [plain, described] = [await connect(server, { metadata: false }), await connect(server)]
  for (const client of [plain, described])
    await client.done((await submit(server, painting(), { client_id: client.id })).body.prompt_id)
  const first = ({ heard }: { heard: Heard[] }) => heard.flatMap(one => (one.type === 'frame' ? [one.data] : []))[0]
  const png = '89504e470d0a1a0a'
  expect([first(plain).readUInt32BE(0), first(plain).readUInt32BE(4)]).toEqual([1, 2])
  expect(first(plain).subarray(8, 16).toString('hex')).toBe(png)
  const length = first(described).readUInt32BE(4)
  expect(first(described).readUInt32BE(0)).toBe(4)
  expect(JSON.parse(first(described).subarray(8, 8 + length).toString())).toMatchObject({ node_id: 'paint', display_node_id: 'paint', real_node_id: 'paint', parent_node_id: null, prompt_id: expect.any(String), image_type: 'image/png' }) // prettier-ignore
  expect(
    first(described)
      .subarray(8 + length, 16 + length)
      .toString('hex'),
  ).toBe(png)
  await Promise.all([plain.close(), described.close()])
})

test('reconnect inside an expansion: what is executing is told as it was, with the node it is shown on', async () => {
  const client = await connect(server, { id: 'inside' })
  const prompt = {
    wait: { class_type: 'ConformSleep', inputs: { value: 1, ms: 100 } },
    down: { class_type: 'ConformCountdown', inputs: { times: 60 } },
    end: { class_type: 'ConformShow', inputs: { value: ['down', 0] } },
  }
  const { body } = await submit(server, prompt, { client_id: 'inside' })
  await client.until(one => one.type === 'executing' && one.data.node !== one.data.display_node)
  const back = await connect(server, { id: 'inside' })
  const told = await back.until(one => one.type === 'executing')
  expect(told).toMatchObject({
    data: { node: expect.stringMatching(/^down\./), display_node: 'down', prompt_id: body.prompt_id },
  })
  await back.done(body.prompt_id)
  await client.close()
  await back.close()
})

test('preview_method none: no picture of the steps; what SaveImageWebsocket sends comes all the same, in the form the client takes', async () => {
  const prompt = {
    paint: { class_type: 'ConformSampler', inputs: { steps: 3, ms: 1, size: 4, seed: 0 } },
    send: { class_type: 'SaveImageWebsocket', inputs: { images: ['paint', 0] } },
  }
  for (const metadata of [false, true]) {
    const client = await connect(server, { metadata })
    const run = async () => {
      const { prompt_id } = (await submit(server, prompt, { client_id: client.id, extra_data: { preview_method: 'none' } })).body
      await client.done(prompt_id)
    }
    await run()
    await run()
    // Of a script of ComfyUI's: what comes while the node is the executing one is its result. It is sent again each time.
    let executing: string | null = null
    const sent = client.heard.flatMap(one => {
      if (one.type === 'executing') executing = one.data.node
      return one.type === 'frame' ? [[executing, one.data.readUInt32BE(0)]] : []
    })
    expect(sent).toEqual(Array(2).fill(['send', metadata ? 4 : 1]))
    if (!metadata) {
      const picture = client.heard.find(one => one.type === 'frame') as { data: Buffer }
      expect(await sharp(picture.data.subarray(8)).metadata()).toMatchObject({ format: 'png', width: 4, height: 4 })
    }
    await client.close()
  }
})
