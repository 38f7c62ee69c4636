import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { getJson, testServer, type TestServer } from './server-parts.ts'

/** Earlier versions of saved workflows, over HTTP and over a restart. */

let server: TestServer
let data: string
beforeEach(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-saved-http-'))
  server = await testServer({ data })
})
afterEach(async () => {
  await server.clean()
  await rm(data, { recursive: true, force: true })
})

const graph = (count: number) => JSON.stringify({ nodes: Array.from({ length: count }, (_, id) => ({ id })), links: [] })
const at = (route: string, init?: RequestInit) => fetch(server.origin + route, init)
const post = (route: string, body?: string) => at(route, { method: 'POST', body })
const save = (name: string, body: string) => post(`/userdata/${encodeURIComponent(`workflows/${name}`)}`, body)
const versions = `/patronus/saved/${encodeURIComponent('sub/mine.json')}/versions`

test('versions are listed newest first, each is given byte by byte as a download, and restoring makes a new one; all outlives a restart', async () => {
  await save('sub/mine.json', graph(2))
  await save('sub/mine.json', graph(3))
  const list = async () => (await getJson(server, versions)) as { number: number; nodes: number; current: boolean }[]
  expect(await list()).toEqual([
    { number: 2, saved: expect.any(Number), size: graph(3).length, nodes: 3, current: true },
    { number: 1, saved: expect.any(Number), size: graph(2).length, nodes: 2, current: false },
  ])
  const first = await at(`${versions}/1`)
  expect([first.status, await first.text()]).toEqual([200, graph(2)])
  expect(first.headers.get('content-disposition')).toBe('attachment')
  expect(first.headers.get('x-content-type-options')).toBe('nosniff')
  expect(first.headers.get('content-security-policy')).toMatch(/^sandbox;/)
  await server.close()
  server = await testServer({ data })
  expect(await (await post(`${versions}/1/restore`)).json()).toMatchObject({ path: 'workflows/sub/mine.json', size: graph(2).length }) // prettier-ignore
  expect(await getJson(server, '/userdata/workflows%2Fsub%2Fmine.json')).toEqual(JSON.parse(graph(2)))
  expect((await list()).map(({ number, current }) => [number, current])).toEqual([[3, true], [2, false], [1, false]]) // prettier-ignore
})

test('what a client deleted is listed and can be brought back', async () => {
  await save('a.json', graph(1))
  expect((await at('/userdata/workflows%2Fa.json', { method: 'DELETE' })).status).toBe(204)
  expect(await getJson(server, '/patronus/saved')).toEqual({ workflows: [], deleted: [{ path: 'a.json', deleted: expect.any(Number) }] }) // prettier-ignore
  expect((await at('/userdata/workflows%2Fa.json')).status).toBe(404)
  expect((await post('/patronus/saved/a.json/versions/1/restore')).status).toBe(200)
  expect(await (await at('/userdata/workflows%2Fa.json')).text()).toBe(graph(1))
})

test.each([
  ['/patronus/saved/none.json/versions', 404, 'There is no version of "workflows/none.json"'],
  ['/patronus/saved/a.json/versions/7', 404, 'There is no version 7 of "workflows/a.json"'],
  ['/patronus/saved/a.json/versions/0', 400, 'A version is a whole number from 1, not "0"'],
  ['/patronus/saved/a.json/versions/1e3', 400, 'A version is a whole number from 1'],
  ['/patronus/saved/..%2F..%2Fstate.db/versions', 400, 'holds an empty part, "." or ".."'],
  ['/patronus/saved/.hidden/versions', 400, 'names a hidden file'],
  [`/patronus/saved/${'x'.repeat(300)}/versions`, 400, 'may have 255 bytes'],
  ['/patronus/saved/a%00.json/versions', 400, 'control character'],
])('%s is refused in words', async (route, status, message) => {
  await save('a.json', graph(1))
  const response = await at(route)
  expect([response.status, ((await response.json()) as { error: { message: string } }).error.message]).toEqual([status, expect.stringContaining(message)]) // prettier-ignore
})

test('of many that save one name at once and do not overwrite, exactly one is told that it did', async () => {
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => post('/userdata/workflows%2Fone.json?overwrite=false', `${i}`))) // prettier-ignore
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(11).fill(409)])
  expect(await getJson(server, '/patronus/saved/one.json/versions')).toHaveLength(1)
})

test('a body that is too large is refused as ever, deep and odd ones are kept and are no graph', async () => {
  expect((await save('large.json', 'x'.repeat((8 << 20) + 1))).status).toBe(413)
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  for (const [name, body] of [
    ['deep', deep],
    ['proto', '{"__proto__":{},"nodes":[],"links":[]}'],
    ['text', 'hello'],
  ] as const) {
    // prettier-ignore
    expect((await save(name, body)).status).toBe(200)
    expect(await (await at(`/userdata/workflows%2F${name}`)).text()).toBe(body)
    expect(await getJson(server, `/patronus/saved/${name}/versions`)).toMatchObject([{ nodes: null }])
  }
})
