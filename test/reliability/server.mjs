// One server under attack, in a process of its own so that its memory is its own. Told what to be by its first argument; tells
// its port over IPC and answers questions about itself.
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

delete Object.prototype['__proto__']
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const faults = []
for (const name of ['unhandledRejection', 'uncaughtException'])
  process.on(name, error => faults.push(`${name}: ${error?.stack ?? String(error)}`))

// The routes are read from the app that really answers.
let app
const { createServer } = http
http.createServer = (options, listener) => createServer(options, (app = listener))
syncBuiltinESMExports()

const house = fileURLToPath(new URL('../..', import.meta.url))
const options = JSON.parse(process.argv[2])
const { serve } = await import('../../dist/server/serve.js')
let workerPid
const server = await serve(await catalogOf(), await runnerOf(), {
  port: 0,
  checkpoints: [path.join(options.data, 'checkpoints'), ...(options.real ? [path.join(house, 'checkpoints')] : [])],
  workflows: path.join(house, 'workflows'),
  editor: path.join(house, 'dist/editor'),
  ...options,
})

async function catalogOf() {
  return (options.real ? await import('../../dist/nodes/index.js') : await import('./nodes.mjs')).catalog
}

/** The real worker in its process, or one here over the small nodes. */
async function runnerOf() {
  if (options.real) {
    const { createChildRunner } = await import('../../dist/server/child-runner.js')
    const script = fileURLToPath(new URL('./worker.mjs', import.meta.url))
    return ({ files }) =>
      createChildRunner({ script, roots: files.roots, device: 'cpu', warm: false, onStart: pid => (workerPid = pid) })
  }
  const { createWorker } = await import('../../dist/server/worker.js')
  const { createSources } = await import('../../dist/cli/sources.js')
  const catalog = await catalogOf()
  const none = async () => Promise.reject(new Error('There are no checkpoints here'))
  const findDevice = async () => ({ device: 'cpu', report: '' })
  return ({ files }) =>
    createWorker({ catalog, files, load: none, inception: none, findDevice, sources: createSources(), warm: false })
}

/** Method and path of every route the app has, nested routers included. */
function routesOf(stack, prefix = '') {
  return stack.flatMap(layer => {
    if (layer.route)
      return [layer.route.path]
        .flat()
        .flatMap(path => Object.keys(layer.route.methods).map(method => ({ method: method.toUpperCase(), path: prefix + path })))
    if (!layer.handle?.stack) return []
    // A mounted router does not say where: it is asked.
    const mount = layer.match?.('/api/x') && layer.path === '/api' ? '/api' : ''
    return routesOf(layer.handle.stack, prefix + mount)
  })
}

const answers = {
  facts: () => {
    gc()
    return {
      memory: process.memoryUsage(),
      faults,
      prototype: Object.getOwnPropertyNames(Object.prototype).sort(),
      resources: process.getActiveResourcesInfo(),
      workerPid,
    }
  },
  routes: () => routesOf(app.router.stack),
  stop: async () => {
    await server.close()
    setImmediate(() => process.exit(0))
  },
}
process.on('message', async ({ id, what }) => process.send({ id, answer: (await answers[what]()) ?? null }))
process.on('disconnect', () => process.exit(0))
process.send({ port: server.port, url: server.url })
