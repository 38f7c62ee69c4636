// Drives a running server with two npm clients, as they are published, and prints what they saw as one line of JSON.
// Run by test/clients-npm.test.ts in a process of its own: there they load as they would for anybody.
import { createRequire } from 'node:module'
import { ComfyUIClient } from 'comfy-ui-client'

const require = createRequire(import.meta.url)
const { Client } = require('@stable-canvas/comfyui-client')
const { WebSocket } = require('ws')

const host = process.argv[2]
const png = Buffer.from(process.argv[3], 'base64')
const bytesOf = async blob => Buffer.from(await blob.arrayBuffer()).toString('base64')
/** What a promise ends as: its value, or the message it fails with. */
const outcome = promise =>
  promise.then(
    value => ({ value }),
    error => ({ error: String(error?.message ?? error) }),
  )
const picture = prefix => ({
  1: { class_type: 'LoadImage', inputs: { image: 'client.png' } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix } },
})
let size = 1
const steps = (count, wait) => ({
  a: { class_type: 'Steps', inputs: { count, wait, size: ++size } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
})
const started = async (client, id) => {
  for (;;) {
    const { queue_running } = await client.getQueue()
    if (queue_running.some(item => item[1] === id)) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

async function comfyUiClient() {
  const client = new ComfyUIClient(host, 'comfy-ui-client-test')
  await client.connect()
  const uploaded = await client.uploadImage(png, 'client.png', true)
  const masked = await client.uploadMask(png, 'mask.png', { filename: 'client.png', subfolder: '', type: 'input' }, true)
  const images = await client.getImages(picture('one'))
  const [{ blob, image }] = images['2']
  const { prompt_id } = await client.queuePrompt(steps(5000, 5))
  await started(client, prompt_id)
  const seen = {
    uploaded,
    masked,
    image,
    bytes: await bytesOf(blob),
    stats: await client.getSystemStats(),
    prompt: await client.getPrompt(),
    info: await client.getObjectInfo('Show'),
    unknown: await client.getObjectInfo('Nope'),
    extensions: await client.getExtensions(),
    embeddings: await client.getEmbeddings(),
    refused: await outcome(client.queuePrompt({ 1: { class_type: 'Nope', inputs: {} } })),
    interrupted: await outcome(client.interrupt()),
  }
  while ((await client.getPrompt()).exec_info.queue_remaining > 0) await new Promise(resolve => setTimeout(resolve, 10))
  seen.history = (await client.getHistory(prompt_id))[prompt_id].status
  seen.forgotten = await outcome(client.editHistory({ delete: [prompt_id] }))
  seen.gone = await client.getHistory(prompt_id)
  await client.disconnect()
  return seen
}

async function stableCanvas() {
  const client = new Client({ api_host: host, WebSocket, clientId: 'stable-canvas-test' })
  const previews = []
  const events = []
  client.on('b_preview', blob => previews.push(blob.type))
  for (const name of ['execution_start', 'execution_cached', 'execution_success', 'executing', 'executed', 'progress'])
    client.on(name, data => events.push([name, data?.prompt_id]))
  const connected = new Promise(resolve => client.on('connected', resolve))
  client.connect()
  await connected
  const progress = []
  const shown = await client.enqueue(steps(8, 40), { progress: ({ value, max }) => progress.push([value, max]) })
  const saved = await client.enqueue_polling(picture('two'), { polling_ms: 20 })
  const failed = await outcome(client.enqueue({ f: { class_type: 'Fail', inputs: { value: 1, how: 'error' } } }))
  const running = client._enqueue_prompt(steps(5000, 5))
  const { prompt_id } = await running
  while (!(await client.getPromptStatus(prompt_id)).running) await new Promise(resolve => setTimeout(resolve, 10))
  const waiting = (await client._enqueue_prompt(picture('three'))).prompt_id
  await client.deleteItem('queue', waiting)
  await client.interrupt(prompt_id)
  await client.waitForPrompt(prompt_id, 20)
  const { History } = await client.getHistory()
  const seen = {
    shown,
    saved: saved.images,
    failed,
    progress,
    previews,
    events,
    history: Object.fromEntries(History.map(item => [item.prompt[1], item.status.status_str])),
    interrupted: prompt_id,
    waiting,
    nodes: Object.keys(await client.getNodeDefs()),
    folders: await client.getModelFolders(),
    models: await client.getModels('checkpoints'),
    logs: await outcome(client.getRawLogs()),
    users: await client.getUserConfig(),
    refused: await outcome(client.queuePrompt(0, { prompt: {} })),
  }
  await client.storeSetting('a.b', { c: 1 })
  seen.setting = await client.getSetting('a.b')
  await client.storeUserData('workflows/w.json', { x: 1 }, { stringify: true, method: 'POST' })
  seen.userdata = await (await client.getUserData('workflows/w.json')).json()
  await client.free({ unload_models: true, free_memory: true })
  client.close()
  return seen
}

const first = await comfyUiClient()
const second = await stableCanvas()
process.stdout.write(`\n${JSON.stringify({ comfyUiClient: first, stableCanvas: second })}\n`, () => process.exit(0))
