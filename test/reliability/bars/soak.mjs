import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { listen, megabytes, postJson, round, submit, withServer } from '../house.mjs'

const graph = (i, { steps = 1, width = 1 } = {}) => ({
  m: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'fmnist32.safetensors' } },
  i: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
  e: { class_type: 'PatronusEncode', inputs: { model: ['m', 0], images: ['i', 0] } },
  n: { class_type: 'PatronusGaussianNoise', inputs: { model: ['m', 0], count: width, seed: i } },
  s: {
    class_type: 'PatronusSampleDDIM',
    inputs: { model: ['m', 0], activations: ['e', 0], noise: ['n', 0], steps, eta: 0, seed: 0, start_at: 1000, watch_s: false },
  },
  o:
    i % 2
      ? { class_type: 'PreviewImage', inputs: { images: ['s', 0] } }
      : { class_type: 'SaveImage', inputs: { images: ['s', 0], filename_prefix: 'soak' } },
})
/** One that is accepted and fails when it runs: a file that is no checkpoint. */
const failing = i => {
  const one = graph(i)
  one.m.inputs.checkpoint = 'broken.safetensors'
  return one
}

/** What the worker and the server hold, their garbage collected. */
async function ledger(server) {
  // What is kept on purpose goes: results for the next graph, the history of the last thousand.
  await postJson(server, '/free', { free_memory: true })
  await postJson(server, '/history', { clear: true })
  await sleep(50)
  const { memory, resources, workerPid } = await server.ask('facts')
  await rm(server.ledger, { force: true })
  process.kill(workerPid, 'SIGUSR2')
  let worker
  for (let tries = 0; tries < 200 && !worker; tries++) {
    await sleep(25)
    worker = await readFile(server.ledger, 'utf8').then(JSON.parse, () => undefined)
  }
  const fds = (await readdir(`/proc/${server.pid}/fd`).catch(() => [])).length
  const drafts = (await readdir(server.data, { recursive: true })).filter(name => name.endsWith('.part')).length
  return {
    worker,
    server: { heap: memory.heapUsed, fds, resources: resources.filter(name => !['Immediate', 'Timeout'].includes(name)).sort() },
    drafts,
    workerPid,
  }
}

/** Bytes a job by least squares. */
function slope(points) {
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([job]) => job)), mean(points.map(([, bytes]) => bytes))]
  return (
    points.reduce((sum, [job, bytes]) => sum + (job - x) * (bytes - y), 0) /
    points.reduce((sum, [job]) => sum + (job - x) ** 2, 0)
  )
}

async function oneJob(server, client, i) {
  const kind = i % 10 === 3 ? 'cancel' : i % 10 === 7 ? 'error' : 'good'
  const prompt = kind === 'cancel' ? graph(i, { steps: 1000 }) : kind === 'error' ? failing(i) : graph(i)
  const { status, body } = await submit(server, prompt, { client_id: 'soak' })
  if (status !== 200) throw new Error(`job ${i} was refused: ${JSON.stringify(body).slice(0, 300)}`)
  const isMine = one => one.data?.prompt_id === body.prompt_id
  if (kind === 'cancel') {
    await client.until(one => one.type === 'frame', 60_000)
    await postJson(server, '/interrupt', { prompt_id: body.prompt_id })
  }
  await client.until(one => one.type === 'executing' && one.data.node === null && isMine(one), 60_000)
  const wanted = { good: 'execution_success', error: 'execution_error', cancel: 'execution_interrupted' }[kind]
  if (!client.heard.some(one => one.type === wanted && isMine(one)))
    throw new Error(`job ${i} (${kind}) did not end with ${wanted}`)
  client.forget()
  return kind
}

export default {
  number: 21,
  name: 'soak',
  wanted:
    '1,000 jobs, 10 % cancelled, 10 % failing: tensors, handles, fds, drafts +0; heap slope < 1 kB a job after the first 200',
  run: ({ quick }) =>
    withServer({ real: true }, async server => {
      const jobs = quick ? 60 : 1000
      const first = quick ? 20 : 200
      const every = quick ? 10 : 50
      // Over few jobs the compiler's own growth shows.
      const most = quick ? 20 : 1
      await mkdir(path.join(server.data, 'input'), { recursive: true })
      await mkdir(path.join(server.data, 'checkpoints'), { recursive: true })
      await writeFile(path.join(server.data, 'checkpoints/broken.safetensors'), Buffer.alloc(100))
      await writeFile(
        path.join(server.data, 'input/a.png'),
        await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
      )
      const client = await listen(server, 'soak')
      const counts = { good: 0, cancel: 0, error: 0 }
      const points = { server: [], worker: [] }
      let before
      const began = performance.now()
      for (let i = 0; i < jobs; i++) {
        counts[await oneJob(server, client, i)]++
        if (i + 1 < first || (i + 1) % every !== 0) continue
        const now = await ledger(server)
        before ??= now
        points.server.push([i, now.server.heap])
        points.worker.push([i, now.worker.heap])
      }
      const after = await ledger(server)
      client.close()
      const slopes = { server: slope(points.server) / 1024, worker: slope(points.worker) / 1024 }
      const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)
      const wrong = [
        ...(after.worker.tensors === before.worker.tensors ? [] : [`tensors ${before.worker.tensors} → ${after.worker.tensors}`]),
        ...(after.worker.fds <= before.worker.fds ? [] : [`worker's fds ${before.worker.fds} → ${after.worker.fds}`]),
        ...(after.server.fds <= before.server.fds ? [] : [`server's fds ${before.server.fds} → ${after.server.fds}`]),
        ...(same(after.server.resources, before.server.resources)
          ? []
          : [`server's handles ${before.server.resources} → ${after.server.resources}`]),
        ...(same(after.worker.resources.sort(), before.worker.resources.sort())
          ? []
          : [`worker's handles ${before.worker.resources} → ${after.worker.resources}`]),
        ...(after.drafts === 0 ? [] : [`${after.drafts} drafts left`]),
        ...(after.workerPid === before.workerPid ? [] : ['the worker was started again']),
        ...(slopes.worker < most ? [] : ["the worker's heap grows"]),
        ...(slopes.server < most ? [] : ["the server's heap grows"]),
      ]
      return {
        ok: wrong.length === 0,
        figure: [
          ...wrong,
          `${jobs} jobs (${counts.cancel} cancelled, ${counts.error} failed) in ${round((performance.now() - began) / 1000)} s; heap slope worker ${round(slopes.worker, 2)} server ${round(slopes.server, 2)} kB a job; tensors ${after.worker.tensors}, worker fds ${after.worker.fds}, server fds ${after.server.fds}; worker rss ${megabytes(after.worker.rss)} MB`,
        ].join('; '),
        slopes,
      }
    }),
}
