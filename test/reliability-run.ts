import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

/** The bars of test/reliability/, as `npm run test:reliability` runs them, with fewer of everything. */

const house = path.join(__dirname, '..')
export const isBuilt = existsSync(path.join(house, 'dist/server/decode-process.js'))

export type Result = { readonly bar: number; readonly ok: boolean; readonly figure: string }

export async function runBars(numbers: readonly number[]): Promise<Result[]> {
  // Other tests may run beside it: ten times the time, but not for ever.
  const args = [path.join(house, 'test/reliability/run.mjs'), '--quick', '--slack', '10', '--only', numbers.join()]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (part: Buffer) => (said += part.toString()))
  await new Promise(resolve => child.once('close', resolve))
  return (JSON.parse(said.trim().split('\n').at(-1)!) as { results: Result[] }).results
}
