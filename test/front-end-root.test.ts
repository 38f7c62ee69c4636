import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { WebSocket } from 'ws'
import { inlineScripts } from '../server/page.ts'
import { submit, testServer, type TestServer } from './server-parts.ts'

/** `--front-end-root`: another front end at /, ours beside it, and the module that puts our panels into the other one. */

let folder: string
let server: TestServer
const script = "import './scripts/app.js'"
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-front-'))
  const write = async (name: string, text: string) => {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text)
  }
  await write('comfy/index.html', `<!doctype html><title>theirs</title><script type="module">${script}</script>`)
  await write('comfy/assets/app-1.js', 'theirs()')
  await write('comfy/.secret', 'x')
  await write('secret.txt', 'x')
  await write('ours/index.html', '<!doctype html><title>ours</title>')
  await write('ours/assets/main-1.js', 'ours()')
  await write('extension/patronus.js', 'extension()')
  server = await testServer({
    data: path.join(folder, 'data'),
    frontEndRoot: path.join(folder, 'comfy'),
    editor: path.join(folder, 'ours'),
    extension: path.join(folder, 'extension'),
  })
})
afterAll(async () => {
  await server.clean()
  await rm(folder, { recursive: true, force: true })
})

const at = (url: string, init?: RequestInit) => fetch(server.origin + url, init)
const text = async (url: string) => (await at(url)).text()
const policyOf = (response: Response) =>
  new Map(
    response.headers
      .get('content-security-policy')!
      .split('; ')
      .map(rule => [rule.split(' ')[0], rule.split(' ').slice(1)]),
  )

test('the folder is served at /, with a policy that names its inline scripts and lets no other inline script and no other site in', async () => {
  for (const url of ['/', '/index.html', '/?token=x']) {
    const page = await at(url)
    expect([url, page.status, page.headers.get('content-type')]).toEqual([url, 200, 'text/html; charset=utf-8'])
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(await page.text()).toContain('theirs')
    const policy = policyOf(page)
    expect(policy.get('script-src')).toEqual(["'self'", "'wasm-unsafe-eval'", 'blob:', ...inlineScripts(`<script>${script}</script>`)]) // prettier-ignore
    expect(policy.get('default-src')).toEqual(["'none'"])
    expect(policy.get('frame-ancestors')).toEqual(["'none'"])
    expect([...policy.values()].flat().filter(source => /^https?:|\*|unsafe-eval'$/.test(source))).toEqual(["'wasm-unsafe-eval'"])
  }
  const asset = await at('/assets/app-1.js')
  expect([asset.status, asset.headers.get('cache-control'), await asset.text()]).toEqual([200, 'no-cache', 'theirs()'])
  expect((await at('/', { method: 'HEAD' })).status).toBe(200)
})

test('nothing beside the folder, and nothing hidden in it, is served', async () => {
  for (const url of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/.secret', '/user.css', '/nothing'])
    expect([url, (await at(url)).status >= 400]).toEqual([url, true])
})

test('our own page is at /patronus/editor/, strict as ever, with the whole server beside it', async () => {
  expect((await at('/patronus/editor', { redirect: 'manual' })).headers.get('location')).toBe('/patronus/editor/')
  const page = await at('/patronus/editor/')
  expect(await page.text()).toContain('ours')
  expect(policyOf(page).get('script-src')).toEqual(["'self'"])
  expect(await text('/patronus/editor/assets/main-1.js')).toBe('ours()')
  for (const route of ['/api/object_info', '/patronus/checkpoints', '/prompt'])
    expect(await text(`/patronus/editor${route}`)).toBe(await text(route))
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/patronus/editor/ws?clientId=beside`)
  expect(await new Promise(resolve => socket.once('message', data => resolve(String(data))))).toContain('"sid":"beside"')
  socket.close()
})

test('the API is where it was', async () => {
  expect((await submit(server, { a: { class_type: 'Show', inputs: { value: 1 } } })).status).toBe(200)
  expect(policyOf(await at('/api/prompt')).get('script-src')).toEqual(["'self'"])
})

test('the module for the other page is listed where it lies, and only when it is built', async () => {
  const [module] = (await (await at('/api/extensions')).json()) as string[]
  const found = await at(module)
  expect([found.headers.get('content-type'), await found.text()]).toEqual([expect.stringMatching(/javascript/), 'extension()'])
  await rm(path.join(folder, 'extension/patronus.js'))
  expect(await text('/api/extensions')).toBe('[]')
})

test('a folder without a page is refused at the start, with what is wanted', async () => {
  const start = testServer({ data: path.join(folder, 'other'), frontEndRoot: path.join(folder, 'ours/assets') })
  await expect(start).rejects.toThrow(/--front-end-root .*there is no index\.html.*comfyui_frontend_package\/static/)
})

test.each([
  ['<script>a()</script>', 1],
  ['<SCRIPT type="module">a()</SCRIPT ><script>b()</script>', 2],
  ['<script src="a.js"></script>', 0],
  ['<script\n  type=module src = "a.js"></script><script data-src="x">c()</script>', 1],
  ['<p>no script</p>', 0],
])('inline scripts of %s are counted', (html, count) => expect(inlineScripts(html)).toHaveLength(count))
