/**
 * A server over the compiled program whose one node kills the process that runs it, as a graph that takes all the memory of a
 * machine would: `node test/reliability/poison-server.mjs <data folder>`. Prints its address.
 */
import path from 'node:path'
import { createSources } from '../../dist/cli/sources.js'
import { serve } from '../../dist/server/serve.js'
import { createWorker } from '../../dist/server/worker.js'

const [data] = process.argv.slice(2)
const show = {
  type: 'Show',
  title: 'Show',
  category: 'test',
  help: 'Shows a text, or dies of it.',
  inputs: { text: { type: 'STRING', help: 'The text.', default: '' } },
  outputs: {},
  output: true,
  run: async ({ text }) => {
    if (text === 'die') process.kill(process.pid, 'SIGKILL')
    return { ui: { text: [text] } }
  },
}
const missing = async () => Promise.reject(new Error('there are no models here'))
const makeRunner = ({ files, keeper }) =>
  createWorker({
    catalog: new Map([[show.type, show]]),
    files,
    keeper,
    warm: false,
    sources: createSources(),
    load: missing,
    inception: missing,
    findDevice: async () => ({ device: 'cpu', report: 'a test' }),
  })
const server = await serve(new Map([[show.type, show]]), makeRunner, {
  port: 0,
  data,
  checkpoints: [path.join(data, 'none')],
  workflows: path.join(data, 'none'),
  editor: data,
})
console.log(server.url)
process.once('SIGTERM', () => void server.close())
