import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { isBuilt, start, type Started } from './cli-process.ts'
import { connect, submit } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-stop.test.ts is skipped: dist/ is missing; `npm test` builds it')

/** So many steps of 64 pictures: some ms each. */
const sampling = (steps: number) => ({
  m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'a-tiny.safetensors' } },
  p: { class_type: 'PatronusPriorSample', inputs: { model: ['m', 0], seed: 1, count: 64, steps: 2, method: 'ddim' } },
  n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], seed: 1, count: 64 } },
  s: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['m', 0], activations: ['p', 0], noise: ['n', 0], steps, eta: 0, seed: 0, start_at: 1000 },
  },
  o: { class_type: 'SaveImage', inputs: { images: ['s', 0], filename_prefix: 'stop' } },
})

whenBuilt('patronus serve, when it is asked to stop (bar 23)', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-stop-'))
    await mkdir(path.join(folder, 'models'))
    await writeCheckpoint(path.join(folder, 'models/a-tiny.safetensors'), tinyCheckpoint())
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  let server: Started | undefined
  afterEach(async () => {
    server?.signal('SIGKILL')
    await server?.ended
    // What was put off would run first.
    await rm(path.join(folder, 'data'), { recursive: true, force: true })
  })

  /** A server that runs `steps` steps: its client has heard of the first. */
  async function running(steps: number, grace: number, env: NodeJS.ProcessEnv = {}) {
    const args = ['serve', '--port', '0', '--checkpoints', 'models', '--device', 'cpu', '--grace', String(grace)]
    const mine = start(folder, args, env)
    server = mine
    while (!mine.said().includes('Ready')) await sleep(50)
    const origin = /is at (http:\S+?)\/?\s/.exec(mine.said())![1]
    const client = await connect({ port: Number(new URL(origin).port) })
    const closed = new Promise<number>(resolve => client.socket.once('close', resolve))
    const { status, body } = await submit({ origin }, sampling(steps), { client_id: client.id })
    expect([status, body.node_errors]).toEqual([200, {}])
    await client.until(one => one.type === 'frame')
    return { mine, origin, client, closed }
  }
  const endsOf = (heard: readonly { type: string }[]) =>
    heard.map(({ type }) => type).filter(type => /^execution_(success|error|interrupted)$/.test(type))

  test('a whole unit is told SIGTERM, as systemd does: not ready at once, no new graph, the running one ends, status 0', async () => {
    const { mine, origin, client, closed } = await running(200, 30)
    const workers = existsSync(`/proc/${mine.pid}/task/${mine.pid}/children`)
      ? readFileSync(`/proc/${mine.pid}/task/${mine.pid}/children`, 'utf8').trim().split(' ').map(Number)
      : []
    for (const pid of [mine.pid, ...workers]) process.kill(pid, 'SIGTERM')
    const asked = performance.now()
    let ready = await fetch(`${origin}/readyz`)
    while (ready.status !== 503) ready = await fetch(`${origin}/readyz`)
    expect(performance.now() - asked).toBeLessThan(1000)
    const refused = await fetch(`${origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: sampling(1) }) })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10'])
    expect(await mine.ended).toMatchObject({ code: 0, err: expect.stringContaining('a graph that runs has 30 s') })
    expect([endsOf(client.heard), await closed]).toEqual([['execution_success'], 1001])
    expect(existsSync(path.join(folder, 'data/output/stop_00001_.png'))).toBe(true)
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  test('a graph that is not done in time is put off without a last word, and the status is 0', async () => {
    const { mine, client, closed } = await running(1000, 1)
    const asked = performance.now()
    mine.signal('SIGTERM')
    expect((await mine.ended).code).toBe(0)
    // The grace, a step, and the end of two processes.
    expect(performance.now() - asked).toBeLessThan(5000)
    expect([endsOf(client.heard), await closed]).toEqual([[], 1001])
  })

  test('a second signal ends it at once with status 1', async () => {
    const { mine } = await running(1000, 60)
    mine.signal('SIGTERM')
    while (!mine.said().includes('Stopping')) await sleep(10)
    const asked = performance.now()
    mine.signal('SIGTERM')
    expect((await mine.ended).code).toBe(1)
    expect(performance.now() - asked).toBeLessThan(1000)
  })

  test('an error that nobody caught is logged and ends it with status 1', async () => {
    const planted = path.join(folder, 'planted.mjs')
    await writeFile(planted, `process.once('SIGUSR2', () => { throw new Error('planted') })`)
    const { mine } = await running(1000, 60, { NODE_OPTIONS: `--import ${planted}` })
    mine.signal('SIGUSR2')
    const { code, err } = await mine.ended
    const line = err.split('\n').find(text => text.includes('planted')) ?? '{}'
    expect([code, JSON.parse(line)]).toMatchObject([1, { level: 60, err: { message: 'planted' } }])
  })
})
