import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { checkBinding } from '../../server/guard.ts'
import { freeBytes } from '../../server/health.ts'
import type { Configuration } from '../configuration.ts'
import { configurationList, environmentName, type Settings } from '../configuration-list.ts'
import { nearestName } from '../nearest-name.ts'
import { mebibytes, messageOf, note, ok, problem, type Finding } from './finding.ts'

/** Where the options come from; values only of what is no secret. */
export async function configurationFindings({ settings, from, file, strangers }: Configuration): Promise<Finding[]> {
  const given = configurationList.map(({ name }) => name).filter(name => from[name] !== 'default')
  const told = given.map(name => `${name} (${from[name]})`).join(', ')
  const findings = [ok('configuration', `${file ?? 'no file'}; ${told ? `set: ${told}` : 'all defaults'}`)]
  if (file !== undefined && from.token === 'file' && process.platform !== 'win32' && (await stat(file)).mode & 0o077)
    findings.push(problem('token', `${file} holds the token and other users can read it`, `chmod 600 ${file}`))
  const variables = configurationList.map(({ name }) => environmentName(name))
  for (const name of strangers) {
    const near = nearestName(name, variables)
    const todo = near ? `did you mean ${near}?` : 'take it out, or look it up in docs/configuration.md'
    findings.push(problem('environment', `${name} is no option`, todo))
  }
  try {
    checkBinding(settings)
  } catch (error) {
    findings.push(problem('address', messageOf(error), `set ${environmentName('token')}, or leave host alone`))
  }
  return findings
}

/** Whether files can be written below the data folder, and how much room there is. Makes nothing that stays. */
export async function dataFindings({ data, minimumFreeDisk }: Settings): Promise<Finding[]> {
  const folder = path.resolve(data)
  const there = nearestFolder(folder)
  const findings = [await writableFinding(folder, there)]
  try {
    const free = await freeBytes(there)
    const has = `${mebibytes(free)} free, ${minimumFreeDisk} MiB have to stay free`
    const todo = 'free some space, move the data folder with --data, or lower minimum-free-disk'
    findings.push(free >= minimumFreeDisk * (1 << 20) ? ok('disk', has) : problem('disk', has, todo))
  } catch (error) {
    findings.push(note('disk', `free space cannot be told: ${messageOf(error)}`))
  }
  return findings
}

async function writableFinding(folder: string, there: string): Promise<Finding> {
  const probe = path.join(there, `.patronus-doctor-${randomUUID()}`)
  try {
    if (!(await stat(there)).isDirectory()) return problem('data folder', `${there} is no folder`, 'choose another with --data')
    await writeFile(probe, 'a file to see whether files can be written')
    return ok('data folder', there === folder ? `${folder}, can be written` : `${folder}, will be made`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return problem(
      'data folder',
      `${there} cannot be written (${code})`,
      'give this user the right to, or choose another with --data',
    )
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}

/** The folder, or what of its path there is. */
function nearestFolder(folder: string): string {
  while (!existsSync(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  return folder
}

/** Whether the port can be had; if not, whether a server of ours has it. */
export async function portFinding({ host, port }: Settings): Promise<Finding> {
  const address = `${host}:${port}`
  if (port === 0) return ok('port', 'any free one')
  const code = await refusalOf(host.replace(/^\[|\]$/g, ''), port)
  if (code === undefined) return ok('port', `${address} is free`)
  if (code !== 'EADDRINUSE')
    return problem(
      'port',
      `${address} cannot be had (${code})`,
      'choose another with --port, or an address of this machine with --host',
    )
  return (await isOurs(host, port))
    ? note('port', `${address}: a Patronus server runs there`, 'a second one needs another --port and another --data')
    : problem('port', `${address} belongs to another program`, 'choose another with --port')
}

const refusalOf = (host: string, port: number): Promise<string | undefined> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })

async function isOurs(host: string, port: number): Promise<boolean> {
  const reached = ['0.0.0.0', '::', '[::]'].includes(host)
    ? '127.0.0.1'
    : host.includes(':')
      ? `[${host.replace(/^\[|\]$/g, '')}]`
      : host
  try {
    const answer = await fetch(`http://${reached}:${port}/healthz`, { signal: AbortSignal.timeout(1000) })
    return ((await answer.json()) as { service?: string }).service === 'patronus-nodes'
  } catch {
    return false
  }
}
