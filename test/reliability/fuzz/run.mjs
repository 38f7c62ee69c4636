/**
 * Coverage-guided fuzzing of what reads bytes from outside, with jazzer.js:
 *   JAZZER='npx --yes --package @jazzer.js/core@4.0.0 jazzer' node test/reliability/fuzz/run.mjs [seconds a target] [target …]
 * JAZZER is the command that starts it; its prebuilt library wants glibc 2.38. What it finds stays in a folder that is named.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { seeds } from './seeds.mjs'

export const targets = Object.keys(seeds)

/** Runs one target for so long; what libFuzzer says of it. */
export async function fuzz(jazzer, target, seconds, seed = 1) {
  const base = await mkdtemp(path.join(os.tmpdir(), `patronus-fuzz-${target}-`))
  await mkdir(path.join(base, 'corpus'))
  for (const [i, bytes] of seeds[target].entries()) await writeFile(path.join(base, 'corpus', `seed-${i}`), bytes)
  const file = fileURLToPath(new URL('./targets.mjs', import.meta.url))
  const options = ['corpus', '--fuzzEntryPoint', target, '--includes', '/dist/', '--includes', 'yauzl', '--timeout', '5000']
  if (['pickle', 'png', 'graph'].includes(target)) options.push('--sync')
  const engine = [`-max_total_time=${seconds}`, `-seed=${seed}`, '-max_len=16384', '-rss_limit_mb=1024', '-print_final_stats=1']
  const [command, ...before] = jazzer.split(' ')
  const child = spawn(command, [...before, file, ...options, '--', ...engine], { cwd: base, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (said = (said + data).slice(-200_000)))
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(said)?.[1] ?? /Done (\d+) runs/.exec(said)?.[1] ?? 0)
  const edges = Math.max(0, ...[...said.matchAll(/ cov: (\d+)/g)].map(([, count]) => Number(count)))
  const corpus = (await readdir(path.join(base, 'corpus'))).length
  const ok = code === 0 && runs > 0
  if (ok) await rm(base, { recursive: true, force: true })
  // The stack comes before the statistics.
  const finding = ok
    ? undefined
    : `${target} ended with ${code}, see ${base}: ${(/==\d+==[^]*/.exec(said)?.[0] ?? said).slice(0, 1500)}`
  return { target, runs, edges, corpus, finding }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const jazzer = process.env.JAZZER
  if (!jazzer) throw new Error("JAZZER is not set: wanted the command that starts jazzer.js, such as 'npx jazzer'")
  const [seconds = '60', ...wanted] = process.argv.slice(2)
  for (const target of wanted.length ? wanted : targets) {
    const { finding, ...figures } = await fuzz(jazzer, target, Number(seconds))
    console.log(JSON.stringify(figures))
    if (finding) process.exitCode = (console.error(finding), 1)
  }
}
