import { execFileSync, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isBuilt } from './cli-process.ts'
import { pngOf, submit, getJson } from './server-parts.ts'

/** Nobody can pull a plug here. What the system was asked for can be seen, and in which order. */

const hasStrace = (() => {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})()
if (!hasStrace || !isBuilt)
  console.warn('test/server-power.test.ts is skipped: it wants strace (Linux, allowed to trace) and dist/')
const whenSeen = hasStrace && isBuilt ? test : test.skip

whenSeen(
  'a prompt is on the disk before it is acknowledged, a picture and its folders before its job ends',
  async () => {
    const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-power-'))
    await mkdir(path.join(data, 'input'))
    await writeFile(path.join(data, 'input/a.png'), await pngOf(8, 8))
    const trace = path.join(data, 'trace')
    const program = [path.join(__dirname, '../cli/patronus.mjs'), 'serve', '--port', '0', '--data', data, '--device', 'cpu']
    // -D: the tracer stands aside, and the process that is started is the server.
    const calls = 'trace=fsync,fdatasync,rename,write,writev,pwrite64'
    const server = spawn('strace', ['-D', '-f', '-yy', '-s', '4096', '-e', calls, '-o', trace, process.execPath, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(resolve => server.once('exit', resolve))
    try {
      let said = ''
      server.stdout.on('data', (text: Buffer) => (said += text.toString()))
      while (!said.includes('is at')) await sleep(50)
      const origin = /is at (http:\S+?)\/?\s/.exec(said)![1]
      const { body } = await submit(
        { origin },
        {
          1: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
          2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'new/kept' } },
        },
      )
      while (Object.keys(await getJson({ origin }, `/history/${body.prompt_id}`)).length === 0) await sleep(50)
      const lines = (await readFile(trace, 'utf8')).split('\n')
      let at = -1
      /** Where the next line that fits stands; each has to come after the one before. */
      const next = (what: RegExp) => (at = lines.findIndex((line, i) => i > at && what.test(line)))
      const answer = new RegExp(`writev?\\(.*TCP.*HTTP/1\\.1 200 OK.*${body.prompt_id}`)
      const syncs = [
        next(new RegExp(`pwrite64\\(.*state\\.db-wal>.*${body.prompt_id}`)),
        next(/ (fsync|fdatasync)\(.*state\.db-wal>/),
        next(answer),
        next(/ fsync\(.*output>/),
        next(/ write\(.*new\/\.\d+-\d+\.part>/),
        next(/ (fsync|fdatasync)\(.*new\/\.\d+-\d+\.part/),
        next(/ rename\(.*\.part", ".*kept_00001_\.png"/),
        next(/ fsync\(.*output\/new>/),
        next(/pwrite64\(.*state\.db-wal>.*kept_00001_\.png/),
        next(/ (fsync|fdatasync)\(.*state\.db-wal>/),
      ]
      expect(syncs.filter(found => found < 0)).toEqual([])
      expect(lines.findIndex(line => answer.test(line))).toBe(syncs[2])
    } finally {
      server.kill('SIGINT')
      await ended
      await rm(data, { recursive: true, force: true })
    }
  },
  60_000,
)
