import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get, type IncomingHttpHeaders } from 'node:http'
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

  // The program that opens pages has another name elsewhere.
  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux('--open gives the browser its token by a file that only its owner can read, never by an argument', async () => {
    const tools = path.join(folder, 'tools')
    await mkdir(tools)
    const report = path.join(folder, 'opened.txt')
    await writeFile(path.join(tools, 'xdg-open'), `#!/bin/sh\n{ echo "$@"; stat -c %a "$1"; cat "$1"; } > ${report}.part; mv ${report}.part ${report}\n`, { mode: 0o755 }) // prettier-ignore
    const server = start(folder, ['serve', '--port', '0', '--device', 'cpu', '--open', '--data', 'opened'], {
      PATRONUS_TOKEN: 'open "sesame"&',
      PATH: `${tools}:${process.env.PATH}`,
    })
    while (!existsSync(report)) await new Promise(resolve => setTimeout(resolve, 50))
    const [opened, mode, ...page] = (await readFile(report, 'utf8')).split('\n')
    const file = path.join(folder, 'opened/open.html')
    expect([opened, mode]).toEqual([file, '600'])
    const address = /url=(http:[^"]+)"/.exec(page.join('\n'))![1].replaceAll('&amp;', '&')
    // As a browser follows the file: the answer brings the cookie and leads on from a page of the server's, without the token.
    const answer = await navigatedTo(address)
    expect([answer.status, answer.headers['x-content-type-options']]).toEqual([200, 'nosniff'])
    expect(answer.text).toContain('content="0;url=/"')
    expect(answer.text).not.toContain('sesame')
    const [cookie] = answer.headers['set-cookie']!
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/)
    expect((await fetch(new URL('/queue', address), { headers: { cookie: cookie.split(';')[0] } })).status).toBe(200)
    server.signal('SIGINT')
    expect((await server.ended).code).toBe(0)
    expect(existsSync(file)).toBe(false)
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

/** As a browser asks where a page of elsewhere led it; `fetch` would say something else of itself. */
const navigatedTo = (address: string) =>
  new Promise<{ status?: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    get(address, { headers }, response => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString()))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
    }).on('error', reject)
  })
