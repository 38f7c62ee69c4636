import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonOf, listen, postJson, request, round, submit } from '../house.mjs'
import { childrenOf, isGone, plugin, startProgram } from '../program.mjs'

/** A graph of so many steps of 20 ms. */
const steps = (count, seed) => ({
  1: { class_type: 'Steps', inputs: { count, wait: 20, seed } },
  2: { class_type: 'Show', inputs: { value: ['1', 0] } },
})
const ends = heard => heard.map(({ type }) => type).filter(type => /^execution_(success|error|interrupted)$/.test(type))

/** A server whose running job was heard of, and one that waits behind it. */
async function busy(data, grace, count) {
  const server = await startProgram(data, [
    '--plugin',
    plugin,
    '--grace',
    String(grace),
    '--checkpoints',
    path.join(data, 'none'),
  ])
  const client = await listen(server, 'one')
  const closed = new Promise(resolve => client.socket.once('close', resolve))
  const { body } = await submit(server, steps(count, 1), { client_id: 'one' })
  const waiting = await submit(server, steps(2, 2), { client_id: 'one' })
  await client.until(one => one.type === 'progress' && one.data.prompt_id === body.prompt_id, 60_000)
  return { server, client, closed, id: body.prompt_id, next: waiting.body.prompt_id, workers: await childrenOf(server.pid) }
}

/** Asked to stop while a job runs that ends in time. */
async function inTime(data, slack, wrong) {
  const { server, client, closed, id, next, workers } = await busy(data, 30, 150)
  const asked = performance.now()
  process.kill(server.pid, 'SIGTERM')
  let ready
  do ready = await request(server, 'GET', '/readyz', { keep: false })
  while (ready.status === 200)
  const unready = performance.now() - asked
  if (ready.status !== 503 || unready > 1000 * slack) wrong.push(`readyz gave ${ready.status} after ${Math.round(unready)} ms`)
  const refused = await postJson(server, '/prompt', { prompt: steps(1, 3) })
  if (refused.status !== 503 || !refused.headers['retry-after']) wrong.push(`a new job was answered with ${refused.status}`)
  const code = await server.ended
  const seconds = (performance.now() - asked) / 1000
  if (code !== 0) wrong.push(`the status was ${code}`)
  if (ends(client.heard).join() !== 'execution_success') wrong.push(`the running job ended with "${ends(client.heard)}"`)
  if (client.heard.some(({ data }) => data?.prompt_id === next && data.node)) wrong.push('the next job was begun')
  if ((await closed) !== 1001) wrong.push(`the socket was closed with ${await closed}`)
  for (const worker of workers) if (!(await isGone(worker, 2000))) wrong.push('its worker went on')
  return { unready, seconds, id, next }
}

/** Asked to stop while a job runs that does not: it is there again, with the one that waited, and both run. */
async function putOff(data, before, wrong) {
  const { server, client, closed, id, next } = await busy(data, 1, 400)
  const asked = performance.now()
  const code = await server.kill('SIGTERM')
  const seconds = (performance.now() - asked) / 1000
  if (code !== 0) wrong.push(`with a job that was put off the status was ${code}`)
  const words = client.heard.filter(one => one.data?.prompt_id === id && ends([one]).length > 0)
  if (words.length > 0 || (await closed) !== 1001)
    wrong.push(`the put-off job was told as ended, or the socket closed with ${await closed}`)
  const again = await startProgram(data, ['--plugin', plugin, '--checkpoints', path.join(data, 'none')])
  try {
    const wanted = [before.id, before.next, id, next]
    let history = {}
    for (let tries = 0; tries < 600 && !wanted.every(one => history[one]); tries++) {
      await sleep(50)
      history = jsonOf(await request(again, 'GET', '/history'))
    }
    const failed = wanted.filter(one => history[one]?.status.status_str !== 'success')
    if (failed.length > 0) wrong.push(`${failed.length} of 4 jobs did not end well after the next start`)
  } finally {
    await again.close()
  }
  return seconds
}

async function twice(data, slack, wrong) {
  const { server } = await busy(data, 60, 1000)
  process.kill(server.pid, 'SIGTERM')
  while (!server.said().includes('Stopping')) await sleep(5)
  const asked = performance.now()
  const code = await server.kill('SIGTERM')
  const ms = performance.now() - asked
  if (code !== 1 || ms > 1000 * slack) wrong.push(`a second SIGTERM gave ${code} after ${Math.round(ms)} ms`)
  return ms
}

export default {
  number: 23,
  name: 'graceful stop',
  wanted:
    'readyz 503 at once, no new job, the running one ends or returns to the queue, sockets 1001, status 0; a second SIGTERM: status 1',
  async run({ slack }) {
    const base = await mkdtemp(path.join(os.tmpdir(), 'patronus-stop-'))
    const wrong = []
    try {
      const first = await inTime(path.join(base, 'a'), slack, wrong)
      const seconds = await putOff(path.join(base, 'a'), first, wrong)
      const ms = await twice(path.join(base, 'b'), slack, wrong)
      return {
        ok: wrong.length === 0,
        figure: [
          ...wrong,
          `not ready after ${round(first.unready)} ms; a job of 3 s let to its end, status 0 after ${round(first.seconds)} s; one of 8 s put off after a grace of 1 s, status 0 after ${round(seconds)} s, and run at the next start; a second SIGTERM: status 1 after ${Math.round(ms)} ms`,
        ].join('; '),
        unready: round(first.unready),
      }
    } finally {
      await rm(base, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}
