import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { jsonOf, listen, percentile, postJson, request, round, submit, withServer } from '../house.mjs'

const sampling = (steps, seed) => ({
  m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'fmnist32.safetensors' } },
  i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
  e: { class_type: 'PatronusEncode', inputs: { model: ['m', 0], images: ['i', 0] } },
  n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], count: 1, seed } },
  s: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['m', 0], activations: ['e', 0], noise: ['n', 0], steps, eta: 0, seed: 0, start_at: 1000, watch_s: false },
  },
  o: { class_type: 'PreviewImage', inputs: { images: ['s', 0] } },
})

/** Cancels in the middle of a sample: from the request to the word that it stopped, and how long a step takes. */
async function latencies(count) {
  return withServer({ real: true }, async server => {
    await mkdir(path.join(server.data, 'input'), { recursive: true })
    await writeFile(
      path.join(server.data, 'input/a.png'),
      await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    )
    const client = await listen(server, 'cancelling')
    const times = []
    const steps = []
    const queued = []
    for (let i = 0; i < count; i++) {
      client.forget()
      const { body } = await submit(server, sampling(1000, i), { client_id: 'cancelling' })
      const isMine = one => one.data?.prompt_id === body.prompt_id
      const waits = await submit(server, sampling(1000, 100_000 + i), { client_id: 'cancelling' })
      await client.until(one => one.type === 'frame', 120_000)
      await sleep(100 + Math.random() * 300)
      const began = performance.now()
      await postJson(server, '/queue', { delete: [waits.body.prompt_id] })
      queued.push(performance.now() - began)
      const asked = performance.now()
      void postJson(server, '/interrupt', { prompt_id: body.prompt_id })
      const told = await client.until(one => one.type === 'execution_interrupted' && isMine(one))
      times.push(told.at - asked)
      const frames = client.heard.filter(one => one.type === 'progress' && isMine(one)).map(one => one.at)
      if (frames.length > 2) steps.push((frames.at(-1) - frames[0]) / (frames.length - 1))
      await client.until(one => one.type === 'executing' && one.data.node === null && isMine(one))
      const gone = jsonOf(await request(server, 'GET', `/history/${waits.body.prompt_id}`))
      if (Object.keys(gone).length > 0) throw new Error('a job that was deleted from the queue ran')
    }
    client.close()
    return { times, steps, queued }
  })
}

/** Two clients; one's job is cancelled at every moment of its life, the other's right behind it must always end well. */
async function races(count) {
  return withServer({}, async server => {
    const other = await listen(server, 'other')
    const job = (steps, seed) => ({
      1: { class_type: 'Steps', inputs: { count: steps, wait: 3, seed } },
      2: { class_type: 'Show', inputs: { value: ['1', 0] } },
    })
    let hit = 0
    let stopped = 0
    for (let i = 0; i < count; i++) {
      const [first, second] = [randomUUID(), randomUUID()]
      await submit(server, job(4, i * 2), { client_id: 'first', prompt_id: first })
      await submit(server, job(2, i * 2 + 1), { client_id: 'other', prompt_id: second })
      // From before it begins until after it ended, when the other one runs.
      if (i % 3) await sleep((i * 7) % 24)
      await (i % 2 ? postJson(server, `/jobs/${first}/cancel`, {}) : postJson(server, '/interrupt', { prompt_id: first }))
      const isMine = one => one.data?.prompt_id === second
      const end = await other.until(
        one => isMine(one) && ['execution_success', 'execution_interrupted', 'execution_error'].includes(one.type),
      )
      if (end.type !== 'execution_success') hit++
      const entry = jsonOf(await request(server, 'GET', `/history/${first}`))[first]
      if (entry && !entry.status.completed) stopped++
      other.forget()
    }
    other.close()
    return { hit, stopped }
  })
}

export default {
  number: 20,
  name: 'cancel latency',
  wanted: 'p95 <= one step + 100 ms over 50 cancels; from the queue < 50 ms; 1,000 races never stop another job',
  async run({ quick, slack }) {
    const cancels = quick ? 4 : 50
    const raced = quick ? 60 : 1000
    const { times, steps, queued } = await latencies(cancels)
    const { hit, stopped } = await races(raced)
    const step = percentile(steps, 50)
    const p95 = percentile(times, 95)
    const fromQueue = percentile(queued, 95)
    return {
      ok: p95 <= step + 100 * slack && hit === 0 && fromQueue < 50 * slack && stopped > 0,
      figure: `${cancels} cancels: p50 ${round(percentile(times, 50))} p95 ${round(p95)} ms, one step ${round(step)} ms; from the queue p95 ${round(fromQueue)} ms; ${raced} races: ${stopped} hit their own job, ${hit} another`,
      p95: round(p95),
      step: round(step),
      fromQueue: round(fromQueue),
      hit,
    }
  },
}
