import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../weights.mjs', import.meta.url))

export default {
  number: 10,
  name: 'evil weights',
  wanted: '30 files and mutations: typed errors only, nothing run, memory +< 64 MB a file',
  async run({ quick, seed }) {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-weights-'))
    const seconds = quick ? 3 : 120
    const child = fork(script, [folder, String(seconds), String(seed)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const found = await new Promise(resolve => {
      child.once('message', resolve)
      child.once('exit', (code, signal) =>
        resolve({ findings: [`the reader died of ${signal ?? code}`], files: 0, mutations: 0 }),
      )
    })
    await rm(folder, { recursive: true, force: true })
    const { findings, files, mutations, polluted } = found
    return {
      ok: findings.length === 0 && files >= 30 && mutations > 0 && !polluted,
      figure: [
        ...findings.slice(0, 6),
        `${files} evil files, ${mutations} mutations in ${seconds} s (seed ${seed}), ${findings.length} findings`,
      ].join('; '),
      files,
      mutations,
    }
  },
}
