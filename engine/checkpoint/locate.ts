import { opendir, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { CheckpointError, list } from './error.ts'
import { fileError } from './file.ts'

/** Where the files of one official model lie; paths that do not exist are absent. */
export type OfficialFiles = { readonly weights: string; readonly config?: string; readonly prior?: string }

const limits = { depth: 12, entries: 20_000 }

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    s => s.isFile(),
    () => false,
  )

/** All files called `name` below a folder. Links are not followed; a folder too large to be a run directory is refused. */
async function find(folder: string, name: string): Promise<string[]> {
  const found: string[] = []
  let seen = 0
  const walk = async (path: string, depth: number): Promise<void> => {
    for await (const entry of await opendir(path)) {
      if (++seen > limits.entries)
        throw new CheckpointError(folder, {
          wanted: `a folder of at most ${limits.entries} files`,
          got: 'more',
          remedy: 'Give the folder of the run itself.',
        })
      if (entry.isFile() && entry.name === name) found.push(join(path, entry.name))
      if (entry.isDirectory() && depth < limits.depth) await walk(join(path, entry.name), depth + 1)
    }
  }
  await walk(folder, 0)
  return found.sort()
}

/** N of the folder `version_N` a file lies in; -1 without one. */
const versionOf = (path: string): number => Number(/^version_(\d{1,9})$/.exec(basename(dirname(path)))?.[1] ?? -1)

const newest = (paths: readonly string[]): string | undefined => [...paths].sort((a, b) => versionOf(b) - versionOf(a))[0]

/** The newest run below a folder; runs of several data sets or models are not chosen between. */
function choose(folder: string, candidates: readonly string[]): string {
  const runs = new Set(candidates.map(path => (versionOf(path) < 0 ? dirname(path) : dirname(dirname(path)))))
  if (runs.size > 1)
    throw new CheckpointError(folder, {
      wanted: 'the files of one model',
      got: `${runs.size}: ${list([...runs])}`,
      remedy: 'Give the path of the one to import.',
    })
  const chosen = newest(candidates)
  if (chosen) return chosen
  throw new CheckpointError(folder, {
    wanted: 'a ckpt.tar in this folder or below it',
    got: 'none',
    remedy:
      'Give the folder the authors’ archive was unpacked into (records/diffusion/patronus/<data set>-train/…); links in it are not followed.',
  })
}

/**
 * The prior trained on this very run, where the authors' training puts it: records/latent_ddim/trained_models/<ds>-<N>/
 * version_K/best_model.pt for run version_N of data set <ds>, newest K. A prior of another run samples another s.
 */
export async function locatePrior(weights: string, dataset: string): Promise<string | undefined> {
  const version = versionOf(weights)
  const parts = weights.split(sep)
  const records = parts.lastIndexOf('records')
  if (version < 0 || records < 0) return undefined
  const folder = join(parts.slice(0, records + 1).join(sep), 'latent_ddim', 'trained_models', `${dataset}-${version}`)
  if (
    !(await stat(folder).then(
      s => s.isDirectory(),
      () => false,
    ))
  )
    return undefined
  return newest(await find(folder, 'best_model.pt')) ?? newest(await find(folder, 'final_model.pt'))
}

/** `path`: a folder in the authors' layout, or the weight file itself, whatever its name. */
export async function locate(path: string): Promise<OfficialFiles> {
  try {
    const weights = (await stat(path)).isDirectory() ? choose(path, await find(path, 'ckpt.tar')) : path
    const config = join(dirname(weights), 'config.pickle')
    return { weights, config: (await isFile(config)) ? config : undefined }
  } catch (error) {
    throw fileError(path, error, 'a folder in the authors’ layout or a ckpt.tar')
  }
}
