/**
 * kill -9 under load, over the compiled program: `node test/reliability/kill.mjs [rounds] [seconds a round] [seed]`.
 *
 * Every round starts `patronus serve` over the same data folder, posts graphs that save pictures, and kills the server without
 * warning at a random moment: in odd rounds with its worker, in even ones alone, so that the worker must end by itself. At the end
 * the server runs until its queue is empty, and everything that was acknowledged is looked for. Prints one JSON line; the status
 * is 1 when anything was lost, doubled or half written.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const [rounds = 100, seconds = 2.5, seed = 1] = process.argv.slice(2).map(Number)
const house = fileURLToPath(new URL('../..', import.meta.url))
const random = mulberry(seed)
const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-kill-'))

/** Every graph loads another one, so that no result comes from the cache; more than a server gets to see in a round. */
const pictures = 500
let posted = 0

const acknowledged = new Set()
/** Ids whose answer never came: the server may or may not have them. */
const unanswered = new Set()
const untilServing = []
let refused = 0
/** Workers that went on after their server was killed alone, and how long the others took to notice, ms. */
let orphans = 0
let slowestWorker = 0

try {
  await mkdir(path.join(data, 'input'), { recursive: true })
  for (let i = 0; i < pictures; i++) await writeFile(path.join(data, `input/${i}.png`), await noise())
  for (let round = 1; round <= rounds; round++) await oneRound(round)
  const report = await account()
  console.log(JSON.stringify(report))
  process.exitCode = report.ok ? 0 : 1
} finally {
  await rm(data, { recursive: true, force: true, maxRetries: 5 })
}

async function oneRound(round) {
  const server = await start()
  const end = Date.now() + 1000 * seconds * (0.3 + 0.7 * random())
  const clients = Array.from({ length: 4 }, () => load(server, end))
  await sleep(Math.max(0, end - Date.now()))
  const worker = await workerOf(server.child.pid)
  await server.kill(round % 2 === 1)
  await Promise.all(clients)
  const killed = performance.now()
  if (worker !== undefined && !(await ends(worker, 15_000))) orphans++
  slowestWorker = Math.max(slowestWorker, Math.round(performance.now() - killed))
}

/** The server in a process group of its own, once `GET /queue` answers. */
async function start() {
  const began = performance.now()
  const args = [
    'cli/patronus.mjs',
    'serve',
    '--port',
    '0',
    '--data',
    data,
    '--device',
    'cpu',
    '--checkpoints',
    path.join(data, 'none'),
  ]
  const child = spawn(process.execPath, args, { cwd: house, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (said += text))
  const ended = new Promise(resolve => child.once('exit', resolve))
  let origin
  while (!(origin = /is at (http:\S+?)\/\s/.exec(said)?.[1])) {
    if (child.exitCode !== null) throw new Error(`the server did not start:\n${said}`)
    await sleep(2)
  }
  await (await fetch(`${origin}/queue`)).json()
  untilServing.push(performance.now() - began)
  const kill = async isGroup => {
    process.kill(isGroup ? -child.pid : child.pid, 'SIGKILL')
    await ended
  }
  return { child, origin, kill, ended }
}

/** Posts one graph after the other until the server is gone: one picture under a name that many share, and under an own one. */
async function load({ origin }, end) {
  while (Date.now() < end + 1000) {
    const waiting = await fetch(`${origin}/prompt`).then(response => response.json(), () => undefined) // prettier-ignore
    if (waiting === undefined) return
    if (waiting.exec_info.queue_remaining > 100) {
      await sleep(50)
      continue
    }
    const prompt_id = randomUUID()
    const graph = {
      1: { class_type: 'LoadImage', inputs: { image: `${posted++ % pictures}.png` } },
      2: {
        class_type: 'SaveImage',
        inputs: { images: ['1', 0], filename_prefix: `kill/${prompt_id.slice(0, 1)}` },
      },
      3: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prompt_id } },
    }
    try {
      const response = await fetch(`${origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: graph, prompt_id }) })
      if (response.status === 200 && (await response.json()).prompt_id === prompt_id) acknowledged.add(prompt_id)
      else if (response.status === 429) refused++
      else throw new Error(`POST /prompt: ${response.status} ${await response.text()}`)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      unanswered.add(prompt_id)
      return
    }
    await sleep(20 * random())
  }
}

async function account() {
  const server = await start()
  while ((await (await fetch(`${server.origin}/prompt`)).json()).exec_info.queue_remaining > 0) await sleep(100)
  const history = await (await fetch(`${server.origin}/history`)).json()
  const stopping = performance.now()
  process.kill(server.child.pid, 'SIGTERM')
  const code = await server.ended
  const stop = Math.round(performance.now() - stopping)

  const entries = Object.entries(history)
  const lost = [...acknowledged].filter(id => !history[id])
  const strange = entries.filter(([id]) => !acknowledged.has(id) && !unanswered.has(id))
  // What a server died of three times is not tried again, and says so: with three kills in a row on one graph, that is right.
  const isGivenUp = ([, { status }]) => status.messages.at(-1)?.[1].exception_type === 'ServerDied'
  const failed = entries.filter(entry => !entry[1].status.completed && !isGivenUp(entry))
  const promised = entries.flatMap(([, { outputs }]) => Object.values(outputs).flatMap(({ images = [] }) => images))
  const nameOf = ({ subfolder, filename }) => (subfolder ? `${subfolder}/${filename}` : filename)
  const short = entries.filter(entry => Object.keys(entry[1].outputs).length !== 2 && !isGivenUp(entry))
  const names = promised.map(nameOf)
  const folder = path.join(data, 'output')
  const there = (await readdir(folder, { withFileTypes: true, recursive: true })).filter(entry => entry.isFile())
  const files = there.map(({ parentPath, name }) => path.relative(folder, path.join(parentPath, name)))
  const [wanted, found] = [new Set(names), new Set(files)]
  const half = []
  for (const file of files) if (!(await isWhole(path.join(folder, file)))) half.push(file)
  untilServing.sort((a, b) => a - b)
  const figures = {
    rounds,
    acknowledged: acknowledged.size,
    acceptedUnanswered: [...unanswered].filter(id => history[id]).length,
    refused,
    lostPrompts: lost.length,
    strangePrompts: strange.length,
    failedPrompts: failed.length,
    givenUpPrompts: entries.filter(isGivenUp).length,
    ...(failed.length > 0 && { failures: failed.slice(0, 5).map(([, { status }]) => status.messages.at(-1)?.[1]) }),
    pictures: files.length,
    lostPictures: [...wanted].filter(name => !found.has(name)).length + short.length,
    doubledPictures: files.filter(name => !wanted.has(name)).length + names.length - wanted.size,
    halfPictures: half.length,
    orphanedWorkers: orphans,
    slowestWorker,
    untilServing: { p50: Math.round(untilServing[untilServing.length >> 1]), max: Math.round(untilServing.at(-1)) },
    stop: { code, ms: stop },
    load: Number(os.loadavg()[0].toFixed(1)),
  }
  const { lostPrompts, strangePrompts, failedPrompts, lostPictures, doubledPictures, halfPictures, orphanedWorkers } = figures
  const faults = [lostPrompts, strangePrompts, failedPrompts, lostPictures, doubledPictures, halfPictures, orphanedWorkers]
  return { ...figures, ok: faults.every(count => count === 0) && code === 0 && acknowledged.size > 0 }
}

function noise() {
  const bytes = Buffer.from(Uint8Array.from({ length: 32 * 32 * 3 }, () => random() * 256))
  return sharp(bytes, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer()
}

/** Decoded to its last row; a name that begins with a dot is a draft that nobody finished. */
async function isWhole(file) {
  if (path.basename(file).startsWith('.')) return false
  return sharp(await readFile(file)).raw().toBuffer().then(() => true, () => false) // prettier-ignore
}

async function workerOf(pid) {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return Number(text.trim().split(/\s+/)[0]) || undefined
}

async function ends(pid, within) {
  for (const end = Date.now() + within; Date.now() < end; await sleep(20))
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
  return false
}

/** Small seeded random numbers, so that a round that failed can be had again. */
function mulberry(a) {
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
