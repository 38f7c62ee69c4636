import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { mebibytes, note, ok, problem, type Finding } from './finding.ts'

/** Until when each line of Node gets security releases (nodejs/Release, schedule.json). */
const endOfLife: Readonly<Record<number, string>> = { 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30' }

/** The program and the Node it runs on. `engines`: what package.json asks for, such as `>=20.19`. */
export function nodeFinding(engines: string, version = process.versions.node, today = new Date()): Finding {
  const [major, minor] = version.split('.').map(Number)
  const [, wantedMajor = 0, wantedMinor = 0] = (/(\d+)\.(\d+)/.exec(engines) ?? []).map(Number)
  const newer = `install Node ${today.toISOString() < endOfLife[24] ? 24 : 'LTS'} from nodejs.org`
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor))
    return problem('Node', `${version}; wanted ${engines}`, newer)
  const end = endOfLife[major]
  if (end !== undefined && today.toISOString().slice(0, 10) > end)
    return note('Node', `${version}; this line has had no security releases since ${end}`, newer)
  if (major % 2 === 1) return note('Node', `${version}; odd lines live for half a year only`, newer)
  return ok('Node', end === undefined ? version : `${version}, kept up until ${end}`)
}

export function machineFindings(): Finding[] {
  const memory = process.constrainedMemory?.() || Infinity
  const total = Math.min(os.totalmem(), memory)
  const has = `${mebibytes(total)}, ${mebibytes(Math.min(os.freemem(), total))} of it free`
  const enough = total >= 1 << 30
  return [
    ok('system', `${process.platform} ${os.release()} on ${process.arch}`),
    ok('processor', `${os.availableParallelism()} cores (${os.cpus().at(0)?.model.trim() ?? 'unknown'})`),
    enough
      ? ok('memory', has)
      : problem('memory', has, 'give it at least 1 GiB: networks, pictures and results are held in memory'),
  ]
}

/** Files and sockets that may be open at once. Linux says it in a file; elsewhere nothing is known and nothing said. */
export async function limitFindings(file = '/proc/self/limits'): Promise<Finding[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1]
  if (soft === undefined) return []
  return [
    soft === 'unlimited' || Number(soft) >= 1024
      ? ok('open files', `${soft} at once`)
      : problem('open files', `${soft} at once`, 'raise it to 1024 or more: ulimit -n 1024, or LimitNOFILE= in the systemd unit'),
  ]
}

/** The editor page is built, not checked in. */
export const pageFinding = (house: string): Finding =>
  existsSync(path.join(house, 'dist', 'editor', 'index.html'))
    ? ok('editor page', 'built')
    : problem('editor page', 'not built', `npm run build, in ${house}`)
