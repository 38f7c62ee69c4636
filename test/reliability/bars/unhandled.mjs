import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isWell, jsonOf, request, runGraph, submit, withServer } from '../house.mjs'
import { childrenOf, plugin, startProgram } from '../program.mjs'

const hows = [
  'error',
  'text',
  'number',
  'null',
  'undefined',
  'symbol',
  'bare',
  'cyclic',
  'trap',
  'message that is no text',
  'huge',
]
const floating = ['a promise nobody awaits', 'a timer that throws', 'a promise of nothing']
let seed = 0
const good = () => ({
  1: { class_type: 'Constant', inputs: { value: seed++ } },
  2: { class_type: 'Show', inputs: { value: ['1', 0] } },
})
const float = (how, wait, after) => ({ bad: { class_type: 'Float', inputs: { how, wait, after, seed: seed++ } } })
const errorOf = entry => entry.status?.messages.find(([type]) => type === 'execution_error')?.[1]
const isGood = entry => entry.status?.status_str === 'success'

/** What a node throws. */
const thrown = wrong =>
  withServer({}, async server => {
    for (const how of hows)
      for (const late of [false, true]) {
        const what = `${how}${late ? ', by a promise' : ''}`
        const told = errorOf(await runGraph(server, { ...good(), bad: { class_type: 'Throw', inputs: { how, late } } }))
        if (told?.node_id !== 'bad' || typeof told.exception_message !== 'string')
          wrong.push(`${what}: ${JSON.stringify(told).slice(0, 200)}`)
        if (JSON.stringify(told ?? '').length > 200_000)
          wrong.push(`${what}: the error is ${JSON.stringify(told).length} characters long`)
        if (!isGood(await runGraph(server, good()))) wrong.push(`after ${what} the next graph failed`)
      }
    const trouble = await isWell(server)
    if (trouble) wrong.push(trouble)
  })

/** What a node leaves behind to fail by itself: during its own run, during the next one's, and when nothing runs. */
async function adrift(wrong) {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-adrift-'))
  const server = await startProgram(data, ['--plugin', plugin, '--checkpoints', path.join(data, 'none')])
  try {
    for (const how of floating) {
      const told = errorOf(await runGraph(server, float(how, 60_000, 20)))
      if (told?.node_id !== 'bad' || !(how === 'a promise of nothing' || told.exception_message.startsWith('adrift')))
        wrong.push(`${how}: ${JSON.stringify(told ?? null).slice(0, 300)}`)
      if (!isGood(await runGraph(server, good()))) wrong.push(`after ${how} the next graph failed`)

      const { body } = await submit(server, float(how, 0, 150))
      const others = await Promise.all(Array.from({ length: 4 }, () => runGraph(server, waiting())))
      if (!others.every(isGood))
        wrong.push(`${how}, during the next graphs: ${others.filter(one => !isGood(one)).length} of 4 failed`)
      const own = jsonOf(await request(server, 'GET', `/history/${body.prompt_id}`))[body.prompt_id]
      if (!isGood(own)) wrong.push(`${how}, after its own graph: that failed`)

      await runGraph(server, float(how, 0, 60))
      await sleep(200)
      if (!isGood(await runGraph(server, good()))) wrong.push(`${how}, when nothing ran: the next graph failed`)
    }
    if ((await request(server, 'GET', '/healthz')).status !== 200) wrong.push('the server does not answer')
    if ((await childrenOf(server.pid)).length > 1) wrong.push('a worker that was replaced went on')
    if ((await server.kill('SIGTERM')) !== 0) wrong.push('the server ended with another status than 0')
  } finally {
    await server.close()
    await rm(data, { recursive: true, force: true, maxRetries: 5 })
  }
}
const waiting = () => ({
  1: { class_type: 'Steps', inputs: { count: 10, wait: 20, seed: seed++ } },
  2: { class_type: 'Show', inputs: { value: ['1', 0] } },
})

export default {
  number: 26,
  name: 'a node that throws anything',
  wanted:
    'execution_error at that node for that prompt only, also for what nobody awaits; 0 unhandled rejections or exceptions in the server',
  async run() {
    const wrong = []
    await thrown(wrong)
    await adrift(wrong)
    return {
      ok: wrong.length === 0,
      figure: [
        ...wrong.slice(0, 6),
        `${hows.length} things thrown in two ways, ${floating.length} left adrift at three times, ${wrong.length} faults`,
      ].join('; '),
    }
  },
}
