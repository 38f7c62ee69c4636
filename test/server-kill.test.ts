import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** kill -9 over the compiled code. `node test/reliability/kill.mjs` is the long version: a hundred rounds. */

const isBuilt = existsSync(path.join(__dirname, '../dist/server/database/queue.js'))
const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/server-kill.test.ts is skipped: dist/ is missing; `npm test` builds it')

whenBuilt('kill -9', () => {
  // Two: a third kill during one and the same graph would rightly give that graph up.
  test('two rounds under load lose, double and halve nothing, and leave no worker behind', async () => {
    const script = path.join(__dirname, 'reliability/kill.mjs')
    const out = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, [script, '2', '4'], (error, stdout, stderr) =>
        stdout ? resolve(stdout) : reject(new Error(`${error?.message}\n${stderr}`)),
      ),
    )
    const figures = JSON.parse(out) as Record<string, number | boolean>
    expect(figures).toMatchObject({
      ok: true,
      lostPrompts: 0,
      strangePrompts: 0,
      failedPrompts: 0,
      givenUpPrompts: 0,
      lostPictures: 0,
      doubledPictures: 0,
      halfPictures: 0,
      orphanedWorkers: 0,
    })
    expect(figures.acknowledged).toBeGreaterThan(0)
  }, 240_000)

  describe('by a graph', () => {
    let data: string
    let child: ChildProcess | undefined
    beforeEach(async () => {
      data = await mkdtemp(path.join(os.tmpdir(), 'patronus-poison-'))
    })
    afterEach(async () => {
      child?.kill('SIGKILL')
      await rm(data, { recursive: true, force: true })
    })

    /** The server's address, and its end. */
    const start = async () => {
      const mine = (child = spawn(process.execPath, [path.join(__dirname, 'reliability/poison-server.mjs'), data], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }))
      const ended = new Promise<string | null>(resolve => mine.once('exit', (_, signal) => resolve(signal)))
      const url = new Promise<string>(resolve => mine.stdout.once('data', (text: Buffer) => resolve(text.toString().trim())))
      return { url: await Promise.race([url, ended.then(() => '')]), ended }
    }
    const prompt = (text: string) => ({ 1: { class_type: 'Show', inputs: { text } } })
    const post = async (url: string, text: string) => {
      const response = await fetch(`${url}prompt`, { method: 'POST', body: JSON.stringify({ prompt: prompt(text) }) })
      return ((await response.json()) as { prompt_id: string }).prompt_id
    }

    test('is tried three times, then told as failed, and the job behind it runs', async () => {
      const first = await start()
      const ids: Record<string, string> = {}
      ids.poison = await post(first.url, 'die')
      // The first death may come before this one is answered; it is then posted to the next server.
      ids.next = await post(first.url, 'live').catch(() => '')
      expect(await first.ended).toBe('SIGKILL')
      for (let death = 2; death <= 3; death++) expect(await (await start()).ended).toBe('SIGKILL')
      const last = await start()
      ids.next ||= await post(last.url, 'live')
      type History = Record<string, { outputs: object; status: { completed: boolean; messages: [string, object][] } }>
      let history: History = {}
      for (let tries = 0; tries < 200 && !history[ids.next]; tries++) {
        await sleep(50)
        history = (await (await fetch(`${last.url}history`)).json()) as History
      }
      expect(history[ids.next]).toMatchObject({ outputs: { 1: { text: ['live'] } }, status: { completed: true } })
      expect(history[ids.poison].status).toMatchObject({
        completed: false,
        messages: [['execution_error', { exception_message: expect.stringMatching(/died while running this graph 3 times/) }]],
      })
      child!.kill('SIGTERM')
      expect(await last.ended).toBeNull()
    }, 120_000)
  })
})
