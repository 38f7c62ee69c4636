import { isWell, runGraph, withServer } from '../house.mjs'

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
const good = i => ({
  1: { class_type: 'Constant', inputs: { value: i } },
  2: { class_type: 'Show', inputs: { value: ['1', 0] } },
})

export default {
  number: 26,
  name: 'a node that throws anything',
  wanted: 'execution_error at that node for that prompt only; 0 unhandled rejections or exceptions',
  run: () =>
    withServer({}, async server => {
      const wrong = []
      for (const how of hows)
        for (const late of [false, true]) {
          const what = `${how}${late ? ', by a promise' : ''}`
          const { status } = await runGraph(server, {
            ...good(Math.random()),
            bad: { class_type: 'Throw', inputs: { how, late } },
          })
          const told = status?.messages.find(([type]) => type === 'execution_error')?.[1]
          if (told?.node_id !== 'bad' || typeof told.exception_message !== 'string')
            wrong.push(`${what}: ${JSON.stringify(told ?? status).slice(0, 200)}`)
          if (JSON.stringify(told ?? '').length > 200_000)
            wrong.push(`${what}: the error is ${JSON.stringify(told).length} characters long`)
          const next = await runGraph(server, good(wrong.length + Math.random()))
          if (next.status?.status_str !== 'success') wrong.push(`after ${what} the next graph failed`)
        }
      const trouble = await isWell(server)
      return {
        ok: !trouble && wrong.length === 0,
        figure:
          trouble ?? [...wrong.slice(0, 6), `${hows.length} things thrown in two ways, ${wrong.length} told wrongly`].join('; '),
      }
    }),
}
