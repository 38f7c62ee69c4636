// The program as people start it, `patronus serve`, in a process group of its own: for bars that end it, or look at all it says.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const house = fileURLToPath(new URL('../..', import.meta.url))
/** The nodes of nodes.mjs, for `--plugin`. */
export const plugin = fileURLToPath(new URL('./plugin.mjs', import.meta.url))

const running = new Set()
process.once('exit', () => running.forEach(child => end(child)))

/** Once it says where it is, and thus listens. What is wrong with its start is thrown with all it said. */
export async function startProgram(data, args = [], env = {}) {
  const all = ['cli/patronus.mjs', 'serve', '--port', '0', '--data', data, '--device', 'cpu', ...args]
  const child = spawn(process.execPath, all, {
    cwd: house,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATRONUS_DEBUG: '', ...env },
  })
  running.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (said += text))
  const ended = new Promise(resolve => child.once('close', (code, signal) => (running.delete(child), resolve(code ?? signal))))
  let origin
  while (!(origin = /is at (http:\S+?)\/\s/.exec(said)?.[1])) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server did not start:\n${said}`)
    await sleep(2)
  }
  const kill = async (signal, isGroup = false) => {
    process.kill(isGroup ? -child.pid : child.pid, signal)
    return ended
  }
  return {
    pid: child.pid,
    origin,
    port: Number(new URL(origin).port),
    said: () => said,
    ended,
    kill,
    close: () => stop(child, ended),
  }
}

/** Asked to stop; after ten seconds it has to. */
async function stop(child, ended) {
  child.kill('SIGTERM')
  const timer = setTimeout(() => end(child), 10_000)
  await ended
  clearTimeout(timer)
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

/** The processes that a process started, where the system tells. */
export async function childrenOf(pid) {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.trim().split(/\s+/).filter(Boolean).map(Number)
}

/** Whether a process is gone within so many ms. */
export async function isGone(pid, within) {
  for (const until = Date.now() + within; Date.now() < until; await sleep(20))
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
  return false
}
