/**
 * kill -9 under load. Every round starts the program over the same data folder, posts graphs that save pictures, and kills the
 * server without warning at a random moment: in odd rounds with its worker, in even ones alone, so that the worker must end by
 * itself. At the end the server runs until its queue is empty, and everything that was acknowledged is looked for.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { percentile, round } from '../house.mjs'
import { childrenOf, isGone, startProgram } from '../program.mjs'
import { random } from '../random.mjs'

/** Every graph loads another one, so that no result comes from the cache; more than a server gets to see in a round. */
const pictures = 500

async function killing({ rounds, seconds, seed }) {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-kill-'))
  const state = {
    data,
    next: random(seed),
    posted: 0,
    acknowledged: new Set(),
    /** Ids whose answer never came: the server may or may not have them. */
    unanswered: new Set(),
    untilServing: [],
    refused: 0,
    /** Workers that went on after their server was killed alone. */
    orphans: 0,
  }
  try {
    await mkdir(path.join(data, 'input'), { recursive: true })
    for (let i = 0; i < pictures; i++) await writeFile(path.join(data, `input/${i}.png`), await noise(state.next))
    for (let i = 1; i <= rounds; i++) await oneRound(state, seconds, i % 2 === 1)
    return await account(state)
  } finally {
    await rm(data, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function oneRound(state, seconds, isGroup) {
  const server = await start(state)
  const end = Date.now() + 1000 * seconds * (0.1 + 0.9 * state.next())
  const clients = Array.from({ length: 4 }, () => load(state, server, end))
  await sleep(Math.max(0, end - Date.now()))
  const workers = await childrenOf(server.pid)
  await server.kill('SIGKILL', isGroup)
  await Promise.all(clients)
  for (const worker of workers) if (!(await isGone(worker, 15_000))) state.orphans++
}

/** Once `GET /queue` answers. */
async function start({ data, untilServing }) {
  const began = performance.now()
  const server = await startProgram(data, ['--checkpoints', path.join(data, 'none')])
  await (await fetch(`${server.origin}/queue`)).json()
  untilServing.push(performance.now() - began)
  return server
}

/** Posts one graph after the other until the server is gone: one picture under a name that many share, and under an own one. */
async function load(state, { origin }, end) {
  while (Date.now() < end + 1000) {
    const waiting = await fetch(`${origin}/prompt`).then(response => response.json(), () => undefined) // prettier-ignore
    if (waiting === undefined) return
    if (waiting.exec_info.queue_remaining > 100) {
      await sleep(50)
      continue
    }
    const prompt_id = randomUUID()
    const body = JSON.stringify({ prompt: graphOf(state, prompt_id), prompt_id })
    try {
      const response = await fetch(`${origin}/prompt`, { method: 'POST', body })
      if (response.status === 200 && (await response.json()).prompt_id === prompt_id) state.acknowledged.add(prompt_id)
      else if (response.status === 429) state.refused++
      else throw new Error(`POST /prompt: ${response.status} ${await response.text()}`)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      state.unanswered.add(prompt_id)
      return
    }
    await sleep(20 * state.next())
  }
}

const graphOf = (state, id) => ({
  1: { class_type: 'LoadImage', inputs: { image: `${state.posted++ % pictures}.png` } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: `kill/${id.slice(0, 1)}` } },
  3: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: id } },
})

async function account(state) {
  const { acknowledged, unanswered, untilServing } = state
  const server = await start(state)
  while ((await (await fetch(`${server.origin}/prompt`)).json()).exec_info.queue_remaining > 0) await sleep(100)
  const history = await (await fetch(`${server.origin}/history`)).json()
  const code = await server.kill('SIGTERM')

  const entries = Object.entries(history)
  // What a server died of three times is not tried again, and says so: with three kills in a row on one graph, that is right.
  const isGivenUp = ([, { status }]) => status.messages.at(-1)?.[1].exception_type === 'ServerDied'
  const failed = entries.filter(entry => !entry[1].status.completed && !isGivenUp(entry))
  const { files, wanted, doubled, half } = await picturesOf(state.data, entries)
  const short = entries.filter(entry => Object.keys(entry[1].outputs).length !== 2 && !isGivenUp(entry))
  return {
    acknowledged: acknowledged.size,
    acceptedUnanswered: [...unanswered].filter(id => history[id]).length,
    refused: state.refused,
    givenUp: entries.filter(isGivenUp).length,
    pictures: files.size,
    faults: {
      'lost prompts': [...acknowledged].filter(id => !history[id]).length,
      'strange prompts': entries.filter(([id]) => !acknowledged.has(id) && !unanswered.has(id)).length,
      'failed prompts': failed.length,
      'lost pictures': [...wanted].filter(name => !files.has(name)).length + short.length,
      'doubled pictures': doubled,
      'half pictures': half,
      'orphaned workers': state.orphans,
    },
    ...(failed.length > 0 && { failures: failed.slice(0, 5).map(([, { status }]) => status.messages.at(-1)?.[1]) }),
    untilServing: { p50: Math.round(percentile(untilServing, 50)), max: Math.round(Math.max(...untilServing)) },
    code,
  }
}

/** What lies in the output folder against what the history promises. */
async function picturesOf(data, entries) {
  const promised = entries.flatMap(([, { outputs }]) => Object.values(outputs).flatMap(({ images = [] }) => images))
  const names = promised.map(({ subfolder, filename }) => (subfolder ? `${subfolder}/${filename}` : filename))
  const folder = path.join(data, 'output')
  const there = (await readdir(folder, { withFileTypes: true, recursive: true })).filter(entry => entry.isFile())
  const files = new Set(there.map(({ parentPath, name }) => path.relative(folder, path.join(parentPath, name))))
  const wanted = new Set(names)
  let half = 0
  for (const file of files) if (!(await isWhole(path.join(folder, file)))) half++
  const doubled = [...files].filter(name => !wanted.has(name)).length + names.length - wanted.size
  return { files, wanted, doubled, half }
}

function noise(next) {
  const bytes = Buffer.from(Uint8Array.from({ length: 32 * 32 * 3 }, () => next() * 256))
  return sharp(bytes, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer()
}

/** Decoded to its last row; a name that begins with a dot is a draft that nobody finished. */
async function isWhole(file) {
  if (path.basename(file).startsWith('.')) return false
  return sharp(await readFile(file)).raw().toBuffer().then(() => true, () => false) // prettier-ignore
}

export default {
  number: 14,
  name: 'kill -9 under load',
  wanted: '100 rounds: 0 acknowledged prompts and 0 pictures lost, doubled or half written; serving again in < 1 s',
  async run({ quick, seed, slack }) {
    // Two when quick: a third kill during one and the same graph would rightly give that graph up.
    const rounds = quick ? 2 : 100
    const { faults, untilServing, code, ...found } = await killing({ rounds, seconds: 4, seed })
    const wrong = Object.entries(faults).filter(([, count]) => count > 0)
    return {
      ok: wrong.length === 0 && code === 0 && found.acknowledged > 0 && untilServing.max < 1000 * slack,
      figure: [
        ...wrong.map(([what, count]) => `${count} ${what}`),
        ...(code === 0 ? [] : [`the last server ended with ${code}`]),
        `${rounds} kills: ${found.acknowledged} acknowledged, ${faults['lost prompts']} lost; ${found.pictures} pictures, ${faults['lost pictures']} lost, ${faults['doubled pictures']} doubled, ${faults['half pictures']} half written; ${found.givenUp} given up after three kills; until serving p50 ${untilServing.p50} max ${untilServing.max} ms`,
      ].join('; '),
      rounds,
      ...found,
      faults,
      untilServing,
      load: round(os.loadavg()[0]),
    }
  },
}
