import { pino } from 'pino'
import { createLogs, heardBy, withoutSecrets, type LogLine } from '../server/logs.ts'
import { connect, getJson, submit, testServer, type TestServer } from './server-parts.ts'

/** The log as ComfyUI's terminal panel reads it (spec/comfyui.md 1.10). */

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const at = (url: string, init?: RequestInit) => fetch(server.origin + url, init)
const ended = async (value: number) => {
  const client = await connect(server)
  const { body } = await submit(server, { a: { class_type: 'Show', inputs: { value } } }, { client_id: client.id })
  await client.done(body.prompt_id)
  await client.close()
  return body.prompt_id
}

describe('the log', () => {
  test('tells of jobs, to those who asked, until they ask no more', async () => {
    const [listener, other] = [await connect(server), await connect(server)]
    const subscribe = (enabled: boolean) =>
      at('/internal/logs/subscribe', { method: 'PATCH', body: JSON.stringify({ clientId: listener.id, enabled }) })
    expect((await subscribe(true)).status).toBe(200)
    const id = await ended(8)
    const line = await listener.until(one => one.type === 'logs' && one.data.entries.some(({ m }) => m.includes(id)))
    expect(line).toMatchObject({ data: { entries: [{ t: expect.stringMatching(/^\d{4}-\d\d-\d\dT/), m: expect.stringMatching(/\n$/) }] } }) // prettier-ignore
    const { entries, size } = (await getJson(server, '/internal/logs/raw')) as { entries: LogLine[]; size: object }
    expect(entries.some(({ m }) => m.includes(id))).toBe(true)
    expect(size).toEqual({ cols: expect.any(Number), rows: expect.any(Number) })
    expect(await getJson(server, '/internal/logs')).toContain(id)
    await subscribe(false)
    const last = await ended(9)
    expect(JSON.stringify(listener.heard)).not.toContain(last)
    expect(other.heard.map(({ type }) => type)).not.toContain('logs')
    expect((await at('/internal/logs/subscribe', { method: 'PATCH', body: '{"clientId":7}' })).status).toBe(400)
    await Promise.all([listener.close(), other.close()])
  })

  test.each([
    ['ENOENT: no such file /home/ada/data/input/cat.png', '/home/ada'],
    ['at file:///srv/patronus/server/app.ts:12:3', '/srv/patronus'],
    ['C:\\Users\\ada\\cat.png is gone', 'ada'],
    ['GET /view?token=hunter2&x=1', 'hunter2'],
    ['Authorization: Bearer hunter2', 'hunter2'],
    ['it is swordfish', 'swordfish'],
  ])('leaves out of "%s" what is nobody’s business', (line, secret) => {
    expect(withoutSecrets(line, ['swordfish'])).not.toContain(secret)
  })

  test('keeps the newest lines only, and of a flood of listeners the newest', () => {
    const told: string[] = []
    const logs = createLogs({ tell: (_, id) => told.push(id), capacity: 3 })
    for (let i = 0; i < 150; i++) logs.subscribe(`client-${i}`, true)
    for (const text of ['a', 'b', 'c', 'd'.repeat(9999)]) logs.add(() => text)
    expect(logs.entries().map(({ m }) => m.slice(0, 3))).toEqual(['b\n', 'c\n', 'ddd'])
    expect(logs.entries()[2].m.length).toBeLessThan(2100)
    expect(new Set(told).size).toBe(100)
    expect(told).toContain('client-149')
  })

  test('hears what a quiet logger does not write, but no requests', () => {
    const logs = createLogs({ tell: () => {} })
    const log = heardBy(pino({ level: 'silent' }), logs)
    log.info({ path: '/x' }, 'request')
    log.info({ prompt_id: 'p', status: 'success', secret: 's' }, 'job ended')
    log.error({ err: new Error('no room') }, 'request failed')
    log.warn('worker ended')
    expect(logs.entries().map(({ m }) => m)).toEqual([
      'job ended prompt_id=p status=success\n',
      'request failed error=no room\n',
      'worker ended\n',
    ])
    expect(() => log.child({ a: 1 }).info('still a logger')).not.toThrow()
  })
})
