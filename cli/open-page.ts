import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** How long a browser may take to start and read the file, ms. */
const patience = 60_000

/**
 * Opens the page in the person's browser. The arguments of every program can be read by whoever is logged in on the machine (`ps`),
 * so an address that holds a token is none: the browser is given a file that only its owner can read, and that leads there. An
 * address that works once would be no better: who watches `ps` is quicker than a browser that starts. The file lies in the data
 * folder, as browsers from snaps may read neither hidden folders nor /tmp. Returns what takes it away; time does so, too.
 */
export async function openPage(url: string, data: string): Promise<() => Promise<void>> {
  if (!new URL(url).search) {
    start(url)
    return async () => {}
  }
  const file = path.resolve(data, 'open.html')
  const remove = () => rm(file, { force: true })
  try {
    await remove()
    await writeFile(file, leadingTo(url), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    process.stderr.write(`--open: ${file} could not be written (${(error as Error).message}); open the address yourself\n`)
    return async () => {}
  }
  start(file)
  setTimeout(() => void remove().catch(() => {}), patience).unref()
  return remove
}

const leadingTo = (url: string): string =>
  `<!doctype html><meta charset="utf-8"><title>Patronus Nodes</title><meta http-equiv="refresh" content="0;url=${attribute(url)}">\n`

const attribute = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')

/** The system's own way to open something; where there is none, the address has been printed. */
function start(what: string): void {
  const [program, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', '""'] }[process.platform as string] ?? ['xdg-open']
  spawn(program, [...args, what], { stdio: 'ignore', detached: true })
    .on('error', () => process.stderr.write(`--open: ${program} could not be started; open the address yourself\n`))
    .unref()
}
