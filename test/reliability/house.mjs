// What the bars have in common: servers in processes of their own, requests that may lie about their headers, figures.
import { fork } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

const script = fileURLToPath(new URL('./server.mjs', import.meta.url))
const probe = fileURLToPath(new URL('./probe.mjs', import.meta.url))

/** `real`: the shipped nodes with the worker in its own process; else the nodes of nodes.mjs in the server's. */
export async function openServer(options = {}) {
  const base = await mkdtemp(path.join(os.tmpdir(), 'patronus-bar-'))
  const data = path.join(base, 'data')
  const ledger = path.join(base, 'ledger.json')
  const child = fork(script, [JSON.stringify({ data, ...options })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, RELIABILITY_LEDGER: ledger },
  })
  const waiting = new Map()
  let exit
  const gone = new Promise(resolve => child.once('exit', (code, signal) => resolve((exit = signal ?? code))))
  const first = await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', code => reject(new Error(`the server did not start (exit code ${code})`)))
  })
  child.on('message', ({ id, answer }) => waiting.get(id)?.(answer))
  let asked = 0
  const ask = what =>
    new Promise((resolve, reject) => {
      if (exit !== undefined) return reject(new Error(`the server is gone (${exit})`))
      waiting.set(++asked, resolve)
      child.send({ id: asked, what })
    })
  const close = async () => {
    if (exit === undefined) void ask('stop').catch(() => {})
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await gone
    clearTimeout(timer)
    await rm(base, { recursive: true, force: true })
  }
  const { port } = first
  return { port, origin: `http://127.0.0.1:${port}`, pid: child.pid, base, data, ledger, ask, close, isGone: () => exit }
}

/** Opens a server, lets `use` have it, and closes it whatever happens. */
export async function withServer(options, use) {
  const server = await openServer(options)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })

/** A request with exactly these headers; status 0 with an error when none came. */
export function request(server, method, url, { headers = {}, body, lie = false, keep = true } = {}) {
  const began = performance.now()
  return new Promise(resolve => {
    const done = answer => resolve({ ms: performance.now() - began, ...answer })
    const call = http.request({
      host: '127.0.0.1',
      port: server.port,
      method,
      path: url,
      agent: keep ? agent : false,
      timeout: 30_000,
      setHost: !lie,
      headers: { ...(body !== undefined && { 'Content-Length': Buffer.byteLength(body) }), ...headers },
    })
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.on('error', error => done({ status: 0, error: error.code ?? error.message, headers: {}, text: '' }))
    call.on('upgrade', (response, socket) => (socket.destroy(), done({ status: response.statusCode, headers: {}, text: '' })))
    call.on('response', response => {
      const parts = []
      response.on('data', part => parts.push(part))
      response.on('error', () => done({ status: 0, error: 'cut off', headers: {}, text: '' }))
      response.on('end', () => {
        const bytes = Buffer.concat(parts)
        done({ status: response.statusCode, headers: response.headers, bytes, text: bytes.toString('latin1') })
      })
    })
    call.end(body)
  })
}

export const postJson = (server, url, value) => request(server, 'POST', url, { body: JSON.stringify(value) })
export const jsonOf = ({ text }) => JSON.parse(Buffer.from(text, 'latin1').toString('utf8'))

export const submit = async (server, prompt, more = {}) => {
  const answer = await postJson(server, '/prompt', { prompt, ...more })
  return { ...answer, body: jsonOf(answer) }
}

/** Runs a graph to its end; gives its history entry. */
export async function runGraph(server, prompt) {
  const { status, body } = await submit(server, prompt)
  if (status !== 200) return { refused: status, body }
  for (;;) {
    const found = jsonOf(await request(server, 'GET', `/history/${body.prompt_id}`))[body.prompt_id]
    if (found) return found
    await sleep(10)
  }
}

export function upload(server, bytes, name, fields = {}) {
  const edge = '----reliability'
  const part = (head, value) => [
    Buffer.from(`--${edge}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    value,
    Buffer.from('\r\n'),
  ]
  const body = Buffer.concat([
    ...Object.entries(fields).flatMap(([key, value]) => part(`name="${key}"`, Buffer.from(value))),
    ...part(`name="image"; filename="${name.replace(/["\r\n]/g, '_')}"\r\nContent-Type: application/octet-stream`, bytes),
    Buffer.from(`--${edge}--\r\n`),
  ])
  return request(server, 'POST', '/upload/image', { headers: { 'Content-Type': `multipart/form-data; boundary=${edge}` }, body })
}

/** A client on /ws that keeps what it hears. */
export async function listen(server, id) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws${id ? `?clientId=${id}` : ''}`)
  const heard = []
  const ears = new Set()
  socket.on('message', (data, isBinary) => {
    const one = isBinary ? { type: 'frame', bytes: data.length } : JSON.parse(data)
    one.at = performance.now()
    heard.push(one)
    ears.forEach(ear => ear(one))
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const until = (fits, within = 30_000) =>
    new Promise((resolve, reject) => {
      const there = heard.find(fits)
      if (there) return resolve(there)
      const timer = setTimeout(() => (ears.delete(ear), reject(new Error('never heard it'))), within)
      const ear = one => fits(one) && (clearTimeout(timer), ears.delete(ear), resolve(one))
      ears.add(ear)
    })
  return { socket, heard, until, forget: () => void (heard.length = 0), close: () => socket.close() }
}

/** `work` on every item, some at a time. */
export async function each(items, atOnce, work) {
  const queue = items.entries()
  const hand = async () => {
    for (const [i, item] of queue) await work(item, i)
  }
  await Promise.all(Array.from({ length: atOnce }, hand))
}

export const percentile = (values, p) => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? NaN
}
export const round = (value, digits = 1) => Math.round(value * 10 ** digits) / 10 ** digits
export const megabytes = bytes => round(bytes / 2 ** 20)

/** Resident bytes of a process and of all it started. */
export async function treeRss(pid) {
  const stats = await Promise.all(
    (await readdir('/proc'))
      .filter(name => /^\d+$/.test(name))
      .map(name => readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')),
  )
  const rows = stats.filter(Boolean).map(text => {
    const rest = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid: parseInt(text), parent: Number(rest[1]), rss: Number(rest[21]) * 4096 }
  })
  const tree = new Set([pid])
  for (let grown = true; grown;) {
    grown = false
    for (const row of rows) if (tree.has(row.parent) && !tree.has(row.pid)) grown = !!tree.add(row.pid)
  }
  return rows.filter(row => tree.has(row.pid)).reduce((sum, row) => sum + row.rss, 0)
}

/** How far the memory of the server's processes grows while `work` goes on, in bytes, by a look every 15 ms. */
export async function growth(server, work) {
  const before = await treeRss(server.pid)
  let most = before
  let isOver = false
  const watch = (async () => {
    while (!isOver) {
      most = Math.max(most, await treeRss(server.pid))
      await sleep(15)
    }
  })()
  const value = await work()
  isOver = true
  await watch
  return { value, grown: most - before }
}

/** Latencies of GET /healthz on fresh connections while `work` goes on. */
export async function healthDuring(server, work) {
  // From a process of its own: this one is busy with the attack.
  const prober = fork(probe, [String(server.port)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await new Promise(resolve => prober.once('message', resolve))
  const value = await work()
  prober.send('end')
  const { times, failed } = await new Promise(resolve => prober.once('message', resolve))
  return { value, failed, p50: round(percentile(times, 50)), p99: round(percentile(times, 99)), asked: times.length + failed }
}

/** The server still answers, ran into nothing it did not catch, and its prototypes are as they were. */
export async function isWell(server) {
  if (server.isGone() !== undefined) return `the server ended with ${server.isGone()}`
  const { status } = await request(server, 'GET', '/healthz')
  if (status !== 200) return `healthz says ${status}`
  const { faults, prototype } = await server.ask('facts')
  if (faults.length > 0) return faults.join('\n')
  const wanted = Object.getOwnPropertyNames(Object.prototype)
    .filter(name => name !== '__proto__')
    .sort()
  return prototype.join() === wanted.join() ? undefined : `Object.prototype has ${prototype.join()}`
}

export async function writeFiles(folder, files) {
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(folder, name), bytes)
}
