import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { limits } from '../body.ts'
import { isDiskFault } from '../disk.ts'
import { nameProblem } from '../files.ts'
import { BadRequest } from '../problem.ts'
import type { SavedWorkflows } from '../saved-workflows.ts'

/** Files that were taken over are kept here with their bytes and times; no client sees the folder, and nothing reads it. */
export const takenFolder = 'workflows-taken'

type Tell = (problem: string) => void
type Outcome = ReturnType<SavedWorkflows['take']>
type Taken = { readonly name: string; readonly outcome: Outcome }

/**
 * Saved workflows were files once, `user/data/workflows/…`, and a person may still put some there: takes over all of them in one
 * transaction, then moves the files to `user/workflows-taken/…`. A process that dies between the two does it again at its next
 * start, and what is known already changes nothing. What cannot be taken stays where it is, and is told.
 */
export function takeOldWorkflows(workflows: SavedWorkflows, user: string, tell: Tell): void {
  const folder = path.join(user, 'data', 'workflows')
  const names = filesBelow(folder, tell)
  if (names.length === 0) return
  try {
    const taken = workflows.together(() => names.flatMap(name => takeOne(workflows, folder, name, tell)))
    for (const { name } of taken) putAside(path.join(folder, name), path.join(user, takenFolder, name))
    removeEmpty(folder)
    report(taken, tell)
  } catch (error) {
    // The server is of use without them, and the files are where they were.
    if (!isDiskFault(error)) throw error
    tell(`Files in user/data/workflows were not all taken over (${(error as Error).message}); mend the disk and start again`)
  }
}

function takeOne(workflows: SavedWorkflows, folder: string, name: string, tell: Tell): Taken[] {
  const file = path.join(folder, name)
  const { size, mtimeMs, birthtimeMs } = statSync(file)
  const leave = (why: string): Taken[] => {
    tell(`user/data/workflows/${name} was not taken over: ${why}`)
    return []
  }
  if (size > limits.json) return leave(`it has ${size} bytes, a workflow may have ${limits.json}`)
  const modified = Math.round(mtimeMs)
  try {
    const times = { modified, created: Math.min(modified, Math.round(birthtimeMs) || modified) }
    return [{ name, outcome: workflows.take(name, readFileSync(file), times) }]
  } catch (error) {
    if (error instanceof BadRequest) return leave(error.message)
    throw error
  }
}

function report(taken: readonly Taken[], tell: Tell): void {
  const names = (wanted: Outcome) => taken.filter(({ outcome }) => outcome === wanted).map(({ name }) => name)
  const [current, earlier] = [names('current'), names('earlier')]
  if (taken.length === 0) return
  const older = earlier.length ? `; older than what is kept and so among earlier versions: ${earlier.join(', ')}` : ''
  tell(
    `${current.length} of ${taken.length} files in user/data/workflows are now workflows in state.db${older}. The files are kept in user/${takenFolder}; \`patronus workflows export\` writes new ones`,
  )
}

/** Names below the folder that may be names of workflows; links are not followed. */
function filesBelow(folder: string, tell: Tell, prefix = ''): string[] {
  const place = path.join(folder, prefix)
  if (!existsSync(place) || !lstatSync(place).isDirectory()) return []
  return readdirSync(place, { withFileTypes: true }).flatMap(entry => {
    const name = prefix + entry.name
    if (nameProblem(`data/workflows/${name}`)) return entry.name.startsWith('.') ? [] : (tell(unusable(name)), [])
    if (entry.isDirectory()) return filesBelow(folder, tell, `${name}/`)
    if (!entry.isFile()) tell(`user/data/workflows/${name} is no plain file and was not taken over; copy the file itself there`)
    return entry.isFile() ? [name] : []
  })
}

const unusable = (name: string) =>
  `user/data/workflows/${name} was not taken over: its name ${nameProblem(`data/workflows/${name}`)}; rename it`

/** Never over a file that was put aside before. */
function putAside(from: string, to: string): void {
  const { dir, name, ext } = path.parse(to)
  mkdirSync(dir, { recursive: true })
  let place = to
  for (let i = 1; existsSync(place); i++) place = path.join(dir, `${name} (${i})${ext}`)
  renameSync(from, place)
}

function removeEmpty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(path.join(folder, entry.name))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}
