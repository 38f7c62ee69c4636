import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { WebSocket } from 'ws'
import { jsonOf, request } from '../house.mjs'
import { plugin, startProgram } from '../program.mjs'

const secret = () => randomBytes(18).toString('hex')
/** Names under which pages and programs send the keys of other services along. */
const keyNames = ['api_key_comfy_org', 'auth_token_comfy_org', 'api_key', 'apiKey', 'access_token', 'token', 'password']

/** Everything that the server says, by where it said it. */
function createHearing(server, token) {
  const heard = []
  const ask = async (method, url, { headers = {}, body } = {}) => {
    const answer = await request(server, method, url, {
      headers,
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    })
    // The cookie is for the one who just gave the token.
    const { 'set-cookie': cookie, ...others } = answer.headers
    heard.push([`${method} ${url.replaceAll(token, '…')} (${answer.status})`, JSON.stringify(others) + answer.text])
    return { ...answer, cookie }
  }
  return { heard, ask }
}

function listen(server, token, heard) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws?clientId=one&token=${token}`)
  socket.on('message', data => heard.push(['the socket', data.toString('latin1')]))
  return new Promise((resolve, reject) => socket.once('open', () => resolve(socket)).once('error', reject))
}

/** Graphs that end in every way, with keys beside them; then every list that tells of them. */
async function exercise(ask, token, keys) {
  const headers = { Authorization: `Bearer ${token}` }
  const extra_data = { ...keys, extra_pnginfo: { workflow: { nodes: [], links: [] } } }
  const post = prompt => ask('POST', '/prompt', { headers, body: { prompt, client_id: 'one', extra_data } })
  const save = {
    1: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'out' } },
  }
  const slow = {
    1: { class_type: 'Steps', inputs: { count: 40, wait: 20, seed: 1 } },
    2: { class_type: 'Show', inputs: { value: ['1', 0] } },
  }
  const failing = { 1: { class_type: 'Throw', inputs: { how: 'error', late: true } } }
  const refused = { 1: { class_type: 'SaveImage', inputs: {} } }
  const taken = []
  for (const prompt of [slow, save, failing]) taken.push((await post(prompt)).status)
  for (const url of ['/queue', '/api/jobs', '/prompt']) await ask('GET', url, { headers })
  for (const prompt of [refused, { 1: { class_type: 'Nope', inputs: {} } }, [], 'x']) await post(prompt)
  const whole = JSON.stringify({ prompt: save, extra_data })
  for (const end of [whole.length - 1, whole.indexOf(Object.values(keys)[0]) + 8])
    await ask('POST', '/prompt', { headers, body: whole.slice(0, end) })
  for (const body of [
    `{"extra_data":${JSON.stringify(extra_data)}`,
    `{"api_key_comfy_org": ${keys.api_key_comfy_org}}`,
    `${keys.api_key}`,
  ])
    await ask('POST', '/prompt', { headers, body })
  await ask('POST', '/prompt', { headers, body: { prompt: save, client_id: 7, extra_data } })

  // The token wherever it may stand, right and nearly right.
  const [open, cookie] = [await ask('GET', `/?token=${token}`), `patronus_token=${token}`]
  for (const url of ['/nope', '/view?filename=..%2F..%2Fx', '/history/x', '/userdata/nope', '/patronus/checkpoints/nope']) {
    await ask('GET', `${url}${url.includes('?') ? '&' : '?'}token=${token}`)
    await ask('GET', url, {
      headers: { ...headers, Cookie: open.cookie?.[0]?.split(';')[0] ?? cookie, 'X-API-Key': keys.api_key },
    })
    await ask('GET', url, { headers: { Authorization: `Bearer ${token}x` } })
    await ask('GET', `${url}${url.includes('?') ? '&' : '?'}token=${token}x`)
  }
  await ask('DELETE', `/queue?token=${token}`)
  await ask('POST', `/upload/image?token=${token}`, { body: keys.api_key_comfy_org })
  while (jsonOf(await ask('GET', '/prompt', { headers })).exec_info.queue_remaining > 0) await sleep(50)
  for (const url of [
    '/history',
    '/api/jobs',
    '/queue',
    '/internal/logs',
    '/internal/logs/raw',
    '/metrics',
    '/system_stats',
    '/settings',
    '/readyz',
    '/object_info',
    '/openapi.json',
  ])
    await ask('GET', url, { headers })
  return { taken, history: jsonOf(await ask('GET', '/history', { headers })) }
}

async function filesBelow(folder) {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
  return Promise.all(
    names.map(async ({ parentPath, name }) => [`the file ${name}`, await readFile(path.join(parentPath, name), 'latin1')]),
  )
}

/** As it is, or as headers, addresses and logs may spell it. */
const spellings = text => [text, Buffer.from(text).toString('base64').replace(/=+$/, ''), Buffer.from(text).toString('hex')]

export default {
  number: 25,
  name: 'secrets',
  wanted:
    'token and keys of other services never in logs (debug), answers, history, sockets, metrics, pictures, database: 0 hits',
  async run() {
    const base = await mkdtemp(path.join(os.tmpdir(), 'patronus-secrets-'))
    const data = path.join(base, 'data')
    await mkdir(path.join(data, 'input'), { recursive: true })
    const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    await writeFile(path.join(data, 'input/a.png'), await picture.png().toBuffer())
    const token = secret()
    const keys = Object.fromEntries(keyNames.map(name => [name, secret()]))
    const args = ['--plugin', plugin, '--log-level', 'debug', '--checkpoints', path.join(data, 'none')]
    const server = await startProgram(data, args, { PATRONUS_TOKEN: token })
    try {
      const { heard, ask } = createHearing(server, token)
      const socket = await listen(server, token, heard)
      const { taken, history } = await exercise(ask, token, keys)
      socket.close()
      // The database and its log while it is open, and as it is left.
      const open = await filesBelow(data)
      const code = await server.kill('SIGTERM')
      const said = [...heard, ['the log', server.said()], ...open, ...(await filesBelow(data))]
      const secrets = { ...keys, 'the token of the server': token }
      const hits = Object.entries(secrets).flatMap(([name, value]) =>
        said.filter(([, text]) => spellings(value).some(one => text.includes(one))).map(([where]) => `${name} in ${where}`),
      )
      const wrong = [
        // That it looks where something is: what was run is told, logged and in the picture.
        ...(taken.every(status => status === 200) && Object.keys(history).length === 3
          ? []
          : [`of 3 graphs ${taken} were answered, ${Object.keys(history).length} told`]),
        ...(said.some(([where, text]) => where.endsWith('.png') && text.includes('class_type'))
          ? []
          : ['no picture holds its graph']),
        ...(server.said().includes('"what it runs"') ? [] : ['the log does not tell what it runs']),
        ...(code === 0 ? [] : [`the server ended with ${code}`]),
      ]
      return {
        ok: hits.length === 0 && wrong.length === 0,
        figure: [
          ...wrong,
          ...hits.slice(0, 8),
          `${Object.keys(secrets).length} secrets in ${said.length} answers, messages, logs and files: ${hits.length} hits`,
        ].join('; '),
        hits: hits.length,
      }
    } finally {
      await server.close()
      await rm(base, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}
