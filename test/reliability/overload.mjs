// Bar 22: so many prompts at once, and what a page feels meanwhile. Wants a build.
//   node test/reliability/overload.mjs [prompts, 500] [seconds of sampling, 10]
// Prints one JSON line. The queue is asked by another process than posts, so that what is measured is the server.
import autocannon from 'autocannon'
import { fork, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { WebSocket } from 'ws'

const [prompts = 500, seconds = 10] = process.argv.slice(2).map(Number)
if (process.send) askForParent()
else await measure()

async function measure() {
  const program = fileURLToPath(new URL('../../cli/patronus.mjs', import.meta.url))
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-overload-'))
  const server = spawn(process.execPath, [program, 'serve', '--port', '0', '--device', 'cpu', '--data', folder], { cwd: folder })
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', data => (said += data))
  const ended = new Promise(resolve => server.once('close', code => resolve(code)))
  try {
    while (!/Ready/.test(said)) {
      if (server.exitCode !== null) throw new Error(`the server ended: ${said}`)
      await sleep(100)
    }
    const origin = /is at (http:\S+?)\/?\s/.exec(said)[1]
    const flood = await overload(origin)
    const sampling = await whileSampling(origin)
    console.log(JSON.stringify({ bar: 22, node: process.version, cores: os.availableParallelism(), ...flood, sampling }))
  } finally {
    server.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
}

/** Posts all prompts at once, and asks for the queue as pages do until the last has run. */
async function overload(origin) {
  const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'teal' } })
    .png()
    .toBuffer()
  const form = new FormData()
  form.append('image', new Blob([picture]), 'a.png')
  await fetch(`${origin}/upload/image`, { method: 'POST', body: form })
  // Each its own, so that none is taken from the cache: one reads a picture, the other writes it.
  const graph = i => ({
    i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    o: { class_type: 'SaveImage', inputs: { images: ['i', 0], filename_prefix: `flood/${i}` } },
  })
  const began = performance.now()
  const page = askForQueue(origin, { connections: 2, duration: 3600 })
  const answers = await Promise.all(
    Array.from({ length: prompts }, async (_, i) => {
      const response = await fetch(`${origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: graph(i) }) })
      const body = await response.json()
      const ok = response.status === 200 || ([429, 503].includes(response.status) && response.headers.has('retry-after'))
      return { status: response.status, ok, id: body.prompt_id, number: body.number, ms: performance.now() - began }
    }),
  )
  const accepted = answers.filter(({ status }) => status === 200)
  let history = {}
  while (Object.keys(history).length < accepted.length) {
    await sleep(200)
    history = await (await fetch(`${origin}/history`)).json()
  }
  const wall = (performance.now() - began) / 1000
  page.stop()
  const { latency, non2xx, errors } = await page.done
  const numberOf = new Map(accepted.map(({ id, number }) => [id, number]))
  const order = Object.keys(history).map(id => numberOf.get(id))
  const statuses = Object.values(history).map(({ status }) => status.status_str)
  return {
    posted: prompts,
    accepted: accepted.length,
    refusedWithRetryAfter: answers.filter(({ status, ok }) => status !== 200 && ok).length,
    otherAnswers: answers.filter(({ ok }) => !ok).length,
    orderKept: order.every((number, i) => i === 0 || order[i - 1] < number),
    succeeded: statuses.filter(status => status === 'success').length,
    lastAnswerMs: Math.round(Math.max(...answers.map(({ ms }) => ms))),
    wallSeconds: Number(wall.toFixed(2)),
    jobsPerSecond: Math.round(accepted.length / wall),
    queueMs: { p50: latency.p50, p99: latency.p99, max: latency.max, asked: latency.totalCount, failed: non2xx + errors },
  }
}

/** `GET /queue`, asked by a page ten times a second, and a ping over its socket, while the network samples. */
async function whileSampling(origin) {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws?clientId=page`)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  let frames = 0
  socket.on('message', (_, isBinary) => (frames += isBinary ? 1 : 0))
  const prompt = {
    m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'avatars64.safetensors' } },
    p: { class_type: 'PatronusPriorSample', inputs: { model: ['m', 0], seed: 1, count: 1, steps: 4, method: 'ddim' } },
    n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], seed: 1, count: 1 } },
    s: {
      class_type: 'PatronusSampleDDIM',
      inputs: { model: ['m', 0], activations: ['p', 0], noise: ['n', 0], steps: 1000, eta: 0, seed: 0, start_at: 1000 },
    },
    o: { class_type: 'PreviewImage', inputs: { images: ['s', 0] } },
  }
  await fetch(`${origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt, client_id: 'page' }) })
  while (frames === 0) await sleep(20)
  const page = askForQueue(origin, { connections: 1, overallRate: 10, duration: seconds })
  const pings = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const asked = performance.now()
    const pong = new Promise(resolve => socket.once('pong', resolve))
    socket.ping()
    await pong
    pings.push(performance.now() - asked)
    await sleep(100)
  }
  const { latency } = await page.done
  await fetch(`${origin}/interrupt`, { method: 'POST' })
  socket.close()
  pings.sort((a, b) => a - b)
  const at = share => Number(pings[Math.min(pings.length - 1, Math.floor(share * pings.length))].toFixed(1))
  return {
    seconds,
    frames,
    queueMs: { p50: latency.p50, p99: latency.p99, max: latency.max, asked: latency.totalCount },
    pingMs: { p50: at(0.5), p99: at(0.99), max: at(1), asked: pings.length },
  }
}

/** `done` is what was measured, once the time is up or `stop` was called; asked by a process of its own. */
function askForQueue(origin, options) {
  const asker = fork(fileURLToPath(import.meta.url))
  asker.send({ url: `${origin}/queue`, ...options })
  const done = new Promise((resolve, reject) => asker.once('message', resolve).once('error', reject))
  return { done, stop: () => asker.send('stop') }
}

function askForParent() {
  process.once('message', options => {
    const asking = autocannon(options, (error, found) => {
      if (error) throw error
      process.send(found, () => process.disconnect())
    })
    process.once('message', () => asking.stop())
  })
}
