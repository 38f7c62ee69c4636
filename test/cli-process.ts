import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

/** The real command as a person starts it, over the compiled code. */

const root = path.join(__dirname, '..')
export const isBuilt = existsSync(path.join(root, 'dist/cli/main.js'))

export type Ended = { readonly code: number | null; readonly out: string; readonly err: string }
export type Started = {
  readonly pid: number
  readonly ended: Promise<Ended>
  signal(name: NodeJS.Signals): void
  readonly said: () => string
}

/** Starts `patronus …args` in `folder`. */
export function start(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [path.join(root, 'cli/patronus.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, PATRONUS_CACHE: 'off', PATRONUS_DEBUG: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (err += data.toString()))
  const ended = new Promise<Ended>(resolve => child.on('close', code => resolve({ code, out, err })))
  return { pid: child.pid!, ended, signal: name => void child.kill(name), said: () => out + err }
}

export const patronus = (folder: string, ...args: readonly string[]): Promise<Ended> => start(folder, args).ended

/** stdout of `--json`, line by line. */
export const lines = ({ out }: Ended): { type: string; data: Record<string, unknown> }[] =>
  out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { type: string; data: Record<string, unknown> })
