import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { isBuilt, patronus, start } from './cli-process.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-serve.test.ts is skipped: dist/ is missing; `npm test` builds it')

whenBuilt('patronus serve', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-'))
    await mkdir(path.join(folder, 'models'))
    await writeCheckpoint(path.join(folder, 'models/a-tiny.safetensors'), tinyCheckpoint())
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('prints an address that answers, the checkpoints, the device and why; asks for its token; Ctrl-C ends it with status 0', async () => {
    const server = start(folder, [
      'serve',
      '--port',
      '0',
      '--checkpoints',
      'models',
      '--device',
      'cpu',
      '--token',
      'open sesame',
      '--log-level',
      'debug',
    ])
    while (!server.said().includes('Ready')) await new Promise(resolve => setTimeout(resolve, 100))
    const [, address] = /is at (http:\S+)/.exec(server.said()) ?? []
    expect(server.said()).toMatch(/a-tiny\.safetensors: 4 prototypes, prior, none\. Random weights/)
    expect(server.said()).toMatch(/Device: cpu\n {2}asked for by name\n[^]*cuda: /)
    expect((await fetch(new URL('/system_stats', address))).status).toBe(401)
    expect((await fetch(new URL('/system_stats', address), { headers: { authorization: 'Bearer open sesame' } })).status).toBe(
      200,
    )
    server.signal('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0, err: expect.stringContaining('Stopping') })
    // Not a terminal, so a place where things are kept: no token.
    expect(server.said()).toContain('it asks for its token')
    expect(server.said()).not.toContain('sesame')
  })

  test('refuses to listen beyond this machine without a token, in one line', async () => {
    const { code, err } = await patronus(folder, 'serve', '--host', '0.0.0.0', '--port', '0')
    expect([code, err.trim().split('\n').length]).toEqual([1, 1])
    expect(err).toMatch(/^error: Refusing to listen on 0\.0\.0\.0 without a token/)
  })

  test('says that a port is taken', async () => {
    const first = start(folder, ['serve', '--port', '0', '--checkpoints', 'models', '--device', 'cpu'])
    while (!first.said().includes('is at')) await new Promise(resolve => setTimeout(resolve, 50))
    const { port } = new URL(/is at (http:\S+)/.exec(first.said())![1])
    const second = await patronus(folder, 'serve', '--port', port, '--data', 'elsewhere')
    expect([second.code, second.err]).toEqual([1, expect.stringMatching(/^error: Port \d+ on 127\.0\.0\.1 is taken/)])
    first.signal('SIGTERM')
    expect((await first.ended).code).toBe(0)
  })
})
