import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonOf, request, round, runGraph, submit } from '../house.mjs'
import { plugin, startProgram } from '../program.mjs'

const dying = whom => ({ bad: { class_type: 'Die', inputs: { whom } } })
const good = value => ({ 1: { class_type: 'Show', inputs: { value } } })
const errorOf = entry => entry?.status.messages.find(([type]) => type === 'execution_error')?.[1]

export default {
  number: 18,
  name: 'poison graph',
  wanted: 'one that kills the server fails after 3 attempts, one that kills the worker at once; the next job runs',
  async run() {
    const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-poison-'))
    const start = () => startProgram(data, ['--plugin', plugin, '--checkpoints', path.join(data, 'none')])
    let server = await start()
    try {
      const wrong = []
      const lost = errorOf(await runGraph(server, dying('worker')))
      if (lost?.node_id !== 'bad' || !/SIGKILL/.test(lost.exception_message))
        wrong.push(`the worker's end is told as ${JSON.stringify(lost)}`)
      if ((await runGraph(server, good(1))).status?.status_str !== 'success')
        wrong.push('the job after the death of the worker failed')

      const [bad, next] = [(await submit(server, dying('server'))).body.prompt_id, crypto.randomUUID()]
      // Whether its answer still comes or not: it was there before the next one.
      await submit(server, good(2), { prompt_id: next }).catch(() => {})
      let deaths = 0
      const began = performance.now()
      while (deaths < 5 && (await Promise.race([server.ended.then(() => 'dead'), untilEmpty(server)])) === 'dead') {
        deaths++
        server = await start()
        const { status } = await submit(server, good(2), { prompt_id: next }).catch(() => ({ status: 0 }))
        // 400: it is there already.
        if (![200, 400, 0].includes(status)) wrong.push(`the next job was answered with ${status}`)
      }
      const seconds = (performance.now() - began) / 1000
      const history = jsonOf(await request(server, 'GET', '/history'))
      const told = errorOf(history[bad])
      if (deaths !== 3) wrong.push(`the server died ${deaths} times of it`)
      if (!/died while running this graph 3 times/.test(told?.exception_message))
        wrong.push(`it is told as ${JSON.stringify(told)}`)
      if (history[next]?.status.status_str !== 'success') wrong.push('the job behind it did not run')
      return {
        ok: wrong.length === 0,
        figure: [
          ...wrong,
          `${deaths} deaths of the server in ${round(seconds)} s, then told as failed and the job behind it ran; a death of the worker is told at its node`,
        ].join('; '),
        deaths,
      }
    } finally {
      await server.close()
      await rm(data, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}

async function untilEmpty(server) {
  for (;;) {
    const answer = await request(server, 'GET', '/prompt', { keep: false })
    if (answer.status === 200 && jsonOf(answer).exec_info.queue_remaining === 0) return 'empty'
    await sleep(30)
  }
}
