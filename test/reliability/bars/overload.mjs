import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { jsonOf, listen, percentile, postJson, request, round, submit, upload } from '../house.mjs'
import { startProgram } from '../program.mjs'

const asker = fileURLToPath(new URL('../asker.mjs', import.meta.url))

/** `done` is what was measured, once the time is up or `stop` was called; asked by a process of its own. */
function askForQueue({ origin }, options) {
  const child = fork(asker)
  child.send({ url: `${origin}/queue`, ...options })
  const done = new Promise((resolve, reject) => child.once('message', resolve).once('error', reject))
  return { done, stop: () => child.send('stop') }
}

/** Each its own, so that none is taken from the cache: one reads a picture, the other writes it. */
const saving = i => ({
  i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
  o: { class_type: 'SaveImage', inputs: { images: ['i', 0], filename_prefix: `flood/${i}` } },
})

/** Posts all prompts at once, and asks for the queue as pages do until the last has run. */
async function flood(server, prompts) {
  const page = askForQueue(server, { connections: 2, duration: 3600 })
  const began = performance.now()
  const answers = await Promise.all(
    Array.from({ length: prompts }, async (_, i) => {
      const response = await fetch(`${server.origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: saving(i) }) })
      const { prompt_id: id, number } = await response.json()
      const isRefused = [429, 503].includes(response.status) && response.headers.has('retry-after')
      return { id, number, isTaken: response.status === 200, isRefused, ms: performance.now() - began }
    }),
  )
  const taken = answers.filter(({ isTaken }) => isTaken)
  let history = {}
  while (Object.keys(history).length < taken.length) {
    await sleep(200)
    history = jsonOf(await request(server, 'GET', '/history'))
  }
  const seconds = (performance.now() - began) / 1000
  page.stop()
  const { latency, non2xx, errors } = await page.done
  const numberOf = new Map(taken.map(({ id, number }) => [id, number]))
  const order = Object.keys(history).map(id => numberOf.get(id))
  return {
    posted: prompts,
    taken: taken.length,
    refused: answers.filter(({ isRefused }) => isRefused).length,
    succeeded: Object.values(history).filter(({ status }) => status.status_str === 'success').length,
    isOrderKept: order.every((number, i) => i === 0 || order[i - 1] < number),
    lastAnswer: Math.max(...answers.map(({ ms }) => ms)),
    wall: round(seconds, 2),
    queue: { p50: latency.p50, p99: latency.p99, asked: latency.totalCount, failed: non2xx + errors },
  }
}

const sampling = {
  m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'avatars64.safetensors' } },
  p: { class_type: 'PatronusPriorSample', inputs: { model: ['m', 0], seed: 1, count: 1, steps: 4, method: 'ddim' } },
  n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], seed: 1, count: 1 } },
  s: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['m', 0], activations: ['p', 0], noise: ['n', 0], steps: 1000, eta: 0, seed: 0, start_at: 1000 },
  },
  o: { class_type: 'PreviewImage', inputs: { images: ['s', 0] } },
}

/** `GET /queue`, asked by a page ten times a second, and a ping over its socket, while the network samples. */
async function whileSampling(server, seconds) {
  const client = await listen(server, 'page')
  const { status, body } = await submit(server, sampling, { client_id: 'page' })
  if (status !== 200) throw new Error(`the graph that samples was refused: ${JSON.stringify(body).slice(0, 300)}`)
  await client.until(one => one.type === 'frame', 60_000)
  const page = askForQueue(server, { connections: 1, overallRate: 10, duration: seconds })
  const pings = []
  for (const until = performance.now() + seconds * 1000; performance.now() < until; await sleep(100)) {
    const asked = performance.now()
    const pong = new Promise(resolve => client.socket.once('pong', resolve))
    client.socket.ping()
    await pong
    pings.push(performance.now() - asked)
  }
  const { latency } = await page.done
  await postJson(server, '/interrupt', {})
  client.close()
  const frames = client.heard.filter(({ type }) => type === 'frame').length
  return { frames, queue: latency.p99, ping: percentile(pings, 99) }
}

export default {
  number: 22,
  name: 'overload',
  wanted:
    '500 prompts at once: each 200, or 429/503 with Retry-After; each run once, in order; GET /queue p99 < 500 ms (while it samples: queue and ping p99 <= 50 ms)',
  async run({ quick, slack }) {
    const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-overload-'))
    const server = await startProgram(data)
    try {
      while (!/Ready/.test(server.said())) await sleep(50)
      const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: 'teal' } })
      await upload(server, await picture.png().toBuffer(), 'a.png')
      const found = await flood(server, quick ? 100 : 500)
      const sampled = await whileSampling(server, quick ? 3 : 10)
      const { posted, taken, refused, succeeded, isOrderKept, queue } = found
      return {
        ok:
          taken + refused === posted &&
          taken > 0 &&
          succeeded === taken &&
          isOrderKept &&
          queue.failed === 0 &&
          queue.p99 < 500 * slack &&
          sampled.frames > 0 &&
          Math.max(sampled.queue, sampled.ping) <= 50 * slack,
        figure: `${posted} posted: ${taken} taken, ${refused} refused with Retry-After, ${posted - taken - refused} otherwise; ${succeeded} succeeded${isOrderKept ? ' in order' : ', NOT in order'}, ${Math.round(taken / found.wall)} jobs/s; last answer ${Math.round(found.lastAnswer)} ms; queue p50 ${queue.p50} p99 ${queue.p99} ms (${queue.asked} asked, ${queue.failed} failed); while sampling (${sampled.frames} frames) queue p99 ${sampled.queue} ms, ping p99 ${round(sampled.ping)} ms`,
        ...found,
        sampled,
      }
    } finally {
      await server.close()
      await rm(data, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}
