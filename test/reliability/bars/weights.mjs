import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { fuzz, targets } from '../fuzz/run.mjs'

const script = fileURLToPath(new URL('../weights.mjs', import.meta.url))

/** Files made to harm, then mutations of honest ones, read in a process of its own. */
async function read(seconds, seed) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-weights-'))
  const child = fork(script, [folder, String(seconds), String(seed)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const found = await new Promise(resolve => {
    child.once('message', resolve)
    child.once('exit', (code, signal) => resolve({ findings: [`the reader died of ${signal ?? code}`], files: 0, mutations: 0 }))
  })
  await rm(folder, { recursive: true, force: true })
  return found
}

/** jazzer.js, where the environment names it: it wants a newer glibc than some systems have, so it is no dependency. */
async function guided(seconds, seed) {
  const jazzer = process.env.JAZZER
  if (!jazzer) return { figure: 'no jazzer.js here (JAZZER names none): mutations without its guidance only', findings: [] }
  const found = []
  for (const target of targets) found.push(await fuzz(jazzer, target, seconds, seed))
  return {
    figure: `jazzer.js ${seconds} s each: ${found.map(({ target, runs, edges }) => `${target} ${runs} runs, ${edges} edges`).join(', ')}`,
    findings: found.flatMap(({ finding }) => finding ?? []),
  }
}

export default {
  number: 10,
  name: 'evil weights',
  wanted:
    '30 files: typed errors only, nothing run, memory +< 64 MB each; 10 minutes of fuzzing (jazzer.js, else mutations): 0 findings',
  async run({ quick, seed }) {
    const hasJazzer = !!process.env.JAZZER
    // Ten minutes in all at full count, however they are divided.
    const seconds = quick ? 3 : hasJazzer ? 60 : 600
    const { findings, files, mutations, polluted } = await read(seconds, seed)
    const { figure, findings: more } = await guided(quick ? 3 : 110, seed)
    return {
      ok: findings.length + more.length === 0 && files >= 30 && mutations > 0 && !polluted,
      figure: [
        ...findings.slice(0, 6),
        ...more,
        `${files} evil files, ${mutations} mutations in ${seconds} s (seed ${seed})`,
        figure,
        `${findings.length + more.length} findings`,
      ].join('; '),
      files,
      mutations,
    }
  },
}
