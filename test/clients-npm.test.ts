import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { pngOf, testServer, type TestServer } from './server-parts.ts'

/**
 * Two npm clients of ComfyUI, as they are published (test/npm-clients.mjs). Where one of them fails against ComfyUI itself,
 * it fails here in the same way, and the test says so.
 */

type Outcome = { value?: unknown; error?: string }
type Seen = Record<string, never> & Record<'refused' | 'interrupted' | 'forgotten' | 'failed' | 'logs', Outcome>

let server: TestServer
let sent: Buffer
let comfyUiClient: Seen
let stableCanvas: Seen
beforeAll(async () => {
  server = await testServer()
  sent = await pngOf(5, 4)
  const script = path.join(__dirname, 'npm-clients.mjs')
  const args = [script, `127.0.0.1:${server.port}`, sent.toString('base64')]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000, maxBuffer: 16 << 20 })
  ;({ comfyUiClient, stableCanvas } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as {
    comfyUiClient: Seen
    stableCanvas: Seen
  })
}, 70_000)
afterAll(() => server.clean())

describe('comfy-ui-client 0.1.2', () => {
  test('uploads a picture, runs a graph, waits for its end on the socket and gets the saved picture', async () => {
    expect(comfyUiClient.uploaded).toEqual({ name: 'client.png', subfolder: '', type: 'input' })
    expect(comfyUiClient.image).toEqual({ filename: 'one_00001_.png', subfolder: '', type: 'output' })
    const pixels = (bytes: Buffer) => sharp(bytes).raw().toBuffer()
    expect((await pixels(Buffer.from(comfyUiClient.bytes, 'base64'))).equals(await pixels(sent))).toBe(true)
  })

  test('uploads a mask, though it calls the reference originalRef', () => {
    expect(comfyUiClient.masked).toEqual({ name: 'mask.png', subfolder: '', type: 'input' })
  })

  test('asks for everything it can ask for', () => {
    expect(comfyUiClient.stats).toMatchObject({ system: { os: process.platform }, devices: [{ index: 0 }] })
    expect(comfyUiClient.prompt).toEqual({ exec_info: { queue_remaining: 1 } })
    expect(comfyUiClient.info).toHaveProperty('Show.input.required.value')
    expect([comfyUiClient.unknown, comfyUiClient.extensions, comfyUiClient.embeddings]).toEqual([{}, [], []])
  })

  test('a graph that is refused makes it throw the whole answer', () => {
    expect(comfyUiClient.refused.error).toContain('missing_node_type')
    expect(comfyUiClient.refused.error).toContain('Nope')
  })

  test('interrupt and editHistory do their work, then it stumbles over the empty answer, as with ComfyUI', () => {
    for (const told of [comfyUiClient.interrupted, comfyUiClient.forgotten]) expect(told.error).toMatch(/JSON/)
    expect(comfyUiClient.history).toMatchObject({ status_str: 'error', completed: false })
    expect(comfyUiClient.gone).toEqual({})
  })
})

describe('@stable-canvas/comfyui-client 1.5.9', () => {
  test('runs a graph over the socket: every step of progress, a preview of them, the result', () => {
    expect(stableCanvas.progress).toEqual(Array.from({ length: 8 }, (_, i) => [i + 1, 8]))
    // It announces no feature, so it gets type 1, which it calls b_preview; slow steps reach it one by one.
    expect(new Set(stableCanvas.previews)).toEqual(new Set(['image/png']))
    expect((stableCanvas.previews as string[]).length).toBeGreaterThanOrEqual(8)
    const { images } = stableCanvas.shown as { images: { mime: string }[] }
    expect(images.length).toBeGreaterThan(0)
    for (const name of ['execution_start', 'execution_cached', 'executing', 'executed', 'execution_success'])
      expect((stableCanvas.events as [string, string][]).map(([event]) => event)).toContain(name)
  })

  test('runs a graph by polling, and finds its picture', () => {
    expect(stableCanvas.saved).toEqual([
      { type: 'url', data: expect.stringContaining('/view?filename=two_00001_.png&subfolder=&type=output') },
    ])
  })

  test('a node that fails rejects the run, a graph that is refused the submission', () => {
    expect(stableCanvas.failed.error).toBeDefined()
    expect(stableCanvas.refused.error).toContain('400')
  })

  test('takes a waiting job out of the queue and interrupts the running one by its id', () => {
    const history = stableCanvas.history as Record<string, string>
    expect(history[stableCanvas.interrupted as unknown as string]).toBe('error')
    expect(history).not.toHaveProperty([stableCanvas.waiting as unknown as string])
  })

  test('asks for the log at an address that no ComfyUI has: it puts its own in front twice', () => {
    expect(stableCanvas.logs.error).toMatch(/JSON/)
  })

  test('lists nodes, models and users, and keeps settings and files', () => {
    expect(stableCanvas.nodes).toContain('Show')
    expect([stableCanvas.folders, stableCanvas.models]).toEqual([[{ name: 'checkpoints', folders: ['checkpoints'] }], []])
    expect(stableCanvas.users).toEqual({ storage: 'server', migrated: true })
    expect([stableCanvas.setting, stableCanvas.userdata]).toEqual([{ c: 1 }, { x: 1 }])
  })
})
