/**
 * What reads bytes from outside, as functions for a coverage-guided fuzzer: anything but an answer or an error in words of ours is
 * a finding. `run.mjs` beside this file runs them; a target alone:
 *   npx jazzer test/reliability/fuzz/targets.mjs <corpus folder> --fuzzEntryPoint pickle --includes /dist/
 */
import { rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { CheckpointError } from '../../../dist/engine/checkpoint/error.js'
import { openCheckpoint } from '../../../dist/engine/checkpoint/open.js'
import { readPickle } from '../../../dist/engine/checkpoint/pickle.js'
import { readStateDict } from '../../../dist/engine/checkpoint/torch.js'
import { catalog } from '../../../dist/nodes/index.js'
import { describe } from '../../../dist/nodes/describe.js'
import { parseJson } from '../../../dist/server/body.js'
import { BadRequest } from '../../../dist/server/problem.js'
import { graphKind, parsePrompt, parseWorkflow, problems, toPrompt } from '../../../dist/workflows/graph.js'
import { readPngGraph } from '../../../dist/workflows/png.js'
import { GraphError } from '../../../dist/workflows/types.js'
import { crc32 } from 'node:zlib'

/** Errors that say what is wrong with what came. */
const isTold = error => [CheckpointError, BadRequest, GraphError].some(one => error instanceof one)
const told = error => {
  if (!isTold(error)) throw error
}

/** A file on a disk of memory where there is one: the reader opens a path. */
const disk = path.join(process.platform === 'linux' ? '/dev/shm' : os.tmpdir(), `patronus-fuzz-${process.pid}`)
process.once('exit', () => rmSync(disk, { force: true }))

/** The whole way of a file into the program: told apart by content, read, checked. */
export async function safetensors(bytes) {
  writeFileSync(disk, bytes)
  await openCheckpoint(disk, { image: { height: 32, width: 32 } }).catch(told)
}

/** A zip by torch.save, without a disk. */
export async function torch(bytes) {
  const read = async (into, at) => {
    if (at + into.length > bytes.length) throw new CheckpointError('fuzz', { wanted: 'more bytes', got: 'the end' })
    bytes.copy(into, 0, at)
  }
  await readStateDict({ path: 'fuzz', size: bytes.length, read }).catch(told)
}

export function pickle(bytes) {
  try {
    readPickle('fuzz', bytes)
  } catch (error) {
    told(error)
  }
}

/** A dropped picture: its checksums are set right, or no fuzzer would get past them. */
export function png(bytes) {
  try {
    const { prompt, workflow } = readPngGraph(withChecksums(bytes))
    for (const graph of [prompt, workflow]) if (graph !== undefined) readGraph(graph)
  } catch (error) {
    told(error)
  }
}

function withChecksums(bytes) {
  const out = Buffer.from(bytes)
  for (let at = 8; at + 12 <= out.length;) {
    const end = at + 12 + out.readUInt32BE(at)
    if (end > out.length) break
    out.writeUInt32BE(crc32(out.subarray(at + 4, end - 4)), end - 4)
    at = end
  }
  return out
}

/** The body of POST /prompt, or a workflow file. */
export function graph(bytes) {
  try {
    readGraph(parseJson(bytes))
  } catch (error) {
    told(error)
  }
}

const info = describe(catalog, { input: ['a.png'], checkpoints: ['a.safetensors'], datasets: [], inception: [] })
function readGraph(value) {
  const prompt = graphKind(value) === 'workflow' ? toPrompt(parseWorkflow(value), info).prompt : parsePrompt(value)
  JSON.stringify(problems(prompt, info))
}
