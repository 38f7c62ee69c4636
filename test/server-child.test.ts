import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pino } from 'pino'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import type { ModelConfig } from '../model/config.ts'
import { initialWeights } from '../model/initialize.ts'
import { catalog } from '../nodes/index.ts'
import { createChildRunner } from '../server/child-runner.ts'
import type { NameSuggestions } from '../server/protocol.ts'
import { serve } from '../server/serve.ts'
import { trainingConfigs } from '../train/configs.ts'
import { connect, getJson, pngOf, submit, uploadForm, type TestServer } from './server-parts.ts'

/** The real worker process over the compiled code, with a real if untrained network. */
const script = path.join(__dirname, '../dist/cli/worker-main.js')
const whenBuilt = existsSync(script) ? describe : describe.skip
if (!existsSync(script)) console.warn('test/server-child.test.ts is skipped: dist/ is missing; `npm test` builds it')

const config: ModelConfig = {
  image: { height: 32, width: 32, channels: 3 },
  encoder: { channels: [3, 8, 16], kernels: [4, 4], strides: [2, 2], paddings: [1, 1] },
  prototypes: { count: 8, dim: 16, epsilon: 1e-4 },
  unet: {
    stem: 1,
    base: 32,
    multipliers: [1, 2],
    attention: [false, true],
    resBlocks: 2,
    groups: 8,
    heads: 2,
    dropout: 0.1,
    timeMultiple: 2,
    conditionScale: 1,
  },
  timesteps: 1000,
}
const info = { name: 'tiny', description: 'Untrained.', config, dataset: 'none', provenance: {}, licence: 'MIT' }

/** The same, saying that it was trained on these faces. */
const ofFaces = (seed: number) => {
  const data = { kind: 'avatars', size: 32, train: 64, test: 300, seed, bias: 0 }
  const trainingConfig = JSON.stringify({ ...trainingConfigs.tiny, data, model: config })
  return { info: { ...info, provenance: { trainingConfig } }, weights: initialWeights(config, seed) }
}

const sampling = (steps: number, seed = 1) => ({
  m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'tiny.safetensors' } },
  i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
  e: { class_type: 'PatronusEncode', inputs: { model: ['m', 0], images: ['i', 0] } },
  n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], count: 1, seed } },
  s: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['m', 0], activations: ['e', 0], noise: ['n', 0], steps, eta: 0, seed: 0, start_at: 1000, watch_s: true },
  },
  o: { class_type: 'SaveImage', inputs: { images: ['s', 0], filename_prefix: 'child' } },
})

whenBuilt('the worker process', () => {
  let server: TestServer
  let childPid = 0
  beforeAll(async () => {
    const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-child-'))
    await mkdir(path.join(data, 'checkpoints'), { recursive: true })
    await writeCheckpoint(path.join(data, 'checkpoints/tiny.safetensors'), { info, weights: initialWeights(config, 1) })
    for (const seed of [2, 3]) await writeCheckpoint(path.join(data, `checkpoints/tiny${seed}.safetensors`), ofFaces(seed))
    const running = await serve(
      catalog,
      ({ files }) =>
        createChildRunner({
          script,
          roots: files.roots,
          device: 'cpu',
          warm: true,
          grace: 1500,
          onStart: pid => (childPid = pid),
        }),
      {
        port: 0,
        data,
        checkpoints: [path.join(data, 'checkpoints')],
        workflows: path.join(data, 'shipped'),
        editor: path.join(data, 'editor'),
        log: pino({ level: 'silent' }),
      },
    )
    const clean = async () => {
      await running.close()
      await rm(data, { recursive: true, force: true })
    }
    server = { ...running, origin: `http://127.0.0.1:${running.port}`, data, counts: {}, clean }
    await fetch(`${server.origin}/upload/image`, { method: 'POST', body: uploadForm(await pngOf(32, 32), 'a.png') })
    await becomes(
      async () => ((await getJson(server, '/patronus/device')) as { warm?: { state: string } }).warm?.state === 'ready',
    )
  }, 60_000)
  afterAll(() => server?.clean())

  test('streams a frame for every step to an idle client and saves the picture, while the server answers within 50 ms', async () => {
    const client = await connect(server)
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const { status, body } = await submit(server, sampling(40), { client_id: client.id })
    expect([status, body.node_errors]).toEqual([200, {}])
    await client.done(body.prompt_id)
    delay.disable()
    expect(client.heard.find(one => one.type === 'execution_error')).toBeUndefined()
    expect(client.heard.filter(one => one.type === 'frame')).toHaveLength(40)
    expect(client.heard.filter(one => one.type === 'patronus.activations' && one.data.node === 's')).toHaveLength(40)
    // The networks of the test run in the worker; nothing but the server and Jest itself is in this loop.
    expect(delay.percentile(99) / 1e6).toBeLessThan(50)
    expect(client.heard.find(one => one.type === 'executed' && one.data.node === 'o')).toMatchObject({
      data: { output: { images: [{ filename: 'child_00001_.png' }] } },
    })
    await client.close()
  })

  const suggestions = (checkpoint: string) => fetch(`${server.origin}/patronus/checkpoints/${checkpoint}.safetensors/suggestions`)

  test('it looks for names while a graph runs, and the server answers within 50 ms', async () => {
    const client = await connect(server)
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const found = suggestions('tiny2')
    const { body } = await submit(server, sampling(10, 7), { client_id: client.id })
    await client.done(body.prompt_id)
    const { pictures, suggestions: names } = (await (await found).json()) as NameSuggestions
    delay.disable()
    expect([pictures, client.heard.some(one => one.type === 'execution_success')]).toEqual([300, true])
    expect(names.length).toBeGreaterThan(0)
    expect(delay.percentile(99) / 1e6).toBeLessThan(50)
    await client.close()
  })

  test('when it dies while it looks for names, the one who asked is told, and may ask again', async () => {
    const asked = suggestions('tiny3')
    await new Promise(resolve => setTimeout(resolve, 200))
    process.kill(childPid, 'SIGKILL')
    const answer = await asked
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
      503,
      '2',
      { error: { type: 'worker_lost', message: expect.stringContaining('SIGKILL') } },
    ])
    expect((await suggestions('tiny3')).status).toBe(200)
  })

  test('a cancel reaches it between two steps', async () => {
    const client = await connect(server)
    const { body } = await submit(server, sampling(1000, 2), { client_id: client.id })
    await client.until(one => one.type === 'frame')
    const asked = Date.now()
    await fetch(`${server.origin}/interrupt`, { method: 'POST' })
    await client.until(one => one.type === 'execution_interrupted')
    expect(Date.now() - asked).toBeLessThan(1000)
    await client.done(body.prompt_id)
    await client.close()
  })

  test('when it dies the job fails and says so, and the next job runs in a new one', async () => {
    const client = await connect(server)
    const { body } = await submit(server, sampling(1000, 3), { client_id: client.id })
    await client.until(one => one.type === 'frame')
    process.kill(childPid, 'SIGKILL')
    expect(await client.until(one => one.type === 'execution_error')).toMatchObject({
      data: {
        prompt_id: body.prompt_id,
        node_id: 's',
        node_type: 'PatronusSampleDDIM',
        exception_message: expect.stringMatching(/SIGKILL/),
      },
    })
    await client.done(body.prompt_id)
    const next = await submit(server, sampling(3, 4), { client_id: client.id })
    await client.done(next.body.prompt_id)
    expect(client.heard.some(one => one.type === 'execution_success' && one.data.prompt_id === next.body.prompt_id)).toBe(true)
    await client.close()
  })

  test('what it holds is in the metrics: as much as the loaded file has, no tensor more after a run, and nothing once it died', async () => {
    const metric = async (name: string) => {
      const text = await (await fetch(`${server.origin}/metrics`)).text()
      const found = new RegExp(`^${name} (.*)$`, 'm').exec(text)
      return found && Number(found[1])
    }
    const client = await connect(server)
    const run = async (seed: number) =>
      client.done((await submit(server, sampling(2, seed), { client_id: client.id })).body.prompt_id)
    await run(50)
    const { size } = await stat(path.join(server.data, 'checkpoints/tiny.safetensors'))
    expect(await metric('model_cache_bytes')).toBe(size)
    const [tensors, results] = [await metric('tensors_live'), await metric('result_cache_bytes')]
    await run(51)
    expect(await metric('tensors_live')).toBe(tensors)
    expect(await metric('result_cache_bytes')).toBeGreaterThan(results!)
    const stalled = await metric('stalled_jobs_total')
    await submit(server, sampling(1000, 52), { client_id: client.id })
    await client.until(one => one.type === 'progress' && one.data.max === 1000)
    process.kill(childPid, 'SIGKILL')
    await client.until(one => one.type === 'execution_error')
    expect([await metric('model_cache_bytes'), await metric('tensors_live')]).toEqual([null, null])
    expect(await metric('stalled_jobs_total')).toBe(stalled! + 1)
    await becomes(async () => (await metric('model_cache_bytes')) === size)
    await client.close()
  })

  test('one that does not obey a cancel is ended, and the job counts as interrupted', async () => {
    const client = await connect(server)
    const { body } = await submit(server, sampling(1000, 5), { client_id: client.id })
    await client.until(one => one.type === 'frame')
    process.kill(childPid, 'SIGSTOP')
    await fetch(`${server.origin}/interrupt`, { method: 'POST' })
    expect(await client.until(one => one.type === 'execution_interrupted')).toMatchObject({ data: { prompt_id: body.prompt_id } })
    const next = await submit(server, sampling(2, 6), { client_id: client.id })
    await client.done(next.body.prompt_id)
    expect(client.heard.some(one => one.type === 'execution_success')).toBe(true)
    await client.close()
  })
})

async function becomes(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await holds()) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('it never came to be')
}
