// Weight files made to harm, and what reads them, in a process of its own: its memory is measured, and whatever a file would run
// would leave a canary. Arguments: folder, seconds of mutations, seed. Tells its findings over IPC.
import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CheckpointError } from '../../dist/engine/checkpoint/error.js'
import { openCheckpoint } from '../../dist/engine/checkpoint/open.js'
import { seeds } from './fuzz/seeds.mjs'
import { random } from './random.mjs'
import { evilFiles } from './weight-files.mjs'

const [folder, seconds, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const canary = path.join(folder, 'canary')
const house = fileURLToPath(new URL('../..', import.meta.url))

const evil = evilFiles(`touch ${canary}`)

const findings = []
let most = 0
const base = () => process.memoryUsage().rss
let before = 0
setInterval(() => void (most = Math.max(most, base())), 5).unref()

/** Reads the file; anything but a checkpoint or a CheckpointError is a finding. */
async function read(what, bytes, mayPass) {
  const file = path.join(folder, `weights${bytes.extension ?? ''}`)
  await writeFile(file, bytes)
  const began = performance.now()
  const outcome = await openCheckpoint(file, { image: { height: 32, width: 32 } }).then(
    () => 'read',
    error => error,
  )
  const ms = performance.now() - began
  most = Math.max(most, base())
  if (outcome === 'read' ? !mayPass : !(outcome instanceof CheckpointError))
    findings.push(`${what}: ${outcome === 'read' ? 'was accepted' : (outcome?.stack ?? outcome)}`)
  if (ms > 10_000) findings.push(`${what}: took ${Math.round(ms)} ms`)
  if (existsSync(canary)) findings.push(`${what}: it ran a command`)
}

const fixtures = path.join(house, 'test/fixtures/parity/tiny_rgb')
const originals = []
for (const name of readdirSync(fixtures, { recursive: true }))
  if (/\.(tar|safetensors|pt|pth|ckpt)$/.test(name)) originals.push(await readFile(path.join(fixtures, name)))
// Our own kind: the head of a real one, whose tensors are then missing, and small whole ones.
originals.push(...seeds.torch, ...seeds.safetensors)
for (const bytes of originals.slice(0, 2)) await openCheckpoint(await kept(bytes)).catch(() => {})
async function kept(bytes) {
  const file = path.join(folder, 'first')
  await writeFile(file, bytes)
  return file
}
globalThis.gc?.()
before = most = base()

for (const [what, bytes] of Object.entries(evil)) {
  // Making a bomb takes memory, too: only reading it counts.
  globalThis.gc?.()
  before = most = Math.max(before, base())
  const start = base()
  most = start
  await read(what, bytes, false)
  if (most - start > 64 << 20) findings.push(`${what}: memory +${Math.round((most - start) / 2 ** 20)} MB`)
}

const next = random(seed)
const until = Date.now() + seconds * 1000
let mutations = 0
for (; Date.now() < until; mutations++) {
  const original = originals[Math.floor(next() * originals.length)]
  const bytes = Buffer.from(original)
  for (let i = Math.ceil(next() * 4); i > 0; i--) {
    // Mostly where the structure is: at the head, and at the end of a zip.
    const reach = Math.min(bytes.length, 4096)
    const at = next() < 0.5 ? Math.floor(next() * reach) : bytes.length - 1 - Math.floor(next() * reach)
    const how = Math.floor(next() * 3)
    if (how === 0) bytes[at] ^= 1 << Math.floor(next() * 8)
    else if (how === 1) bytes[at] = Math.floor(next() * 256)
    else if (at + 8 <= bytes.length) bytes.writeBigUInt64LE(BigInt(Math.floor(next() * 2 ** 53)), at)
  }
  await read(
    `mutation ${mutations} of seed ${seed}`,
    next() < 0.1 ? bytes.subarray(0, Math.floor(next() * bytes.length)) : bytes,
    true,
  )
  if (findings.length > 20) break
}
process.send(
  { findings, files: Object.keys(evil).length, mutations, originals: originals.length, polluted: {}.polluted ?? null },
  () => process.exit(0),
)
