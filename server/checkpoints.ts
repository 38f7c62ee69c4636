import type { AtlasFile } from '../analysis/atlas-file.ts'
import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import { merge, withNames, type NamesFile } from '../analysis/naming.ts'
import { readCheckpointInfo, readCheckpointMetadata } from '../engine/checkpoint/safetensors.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Atlases } from './atlas.ts'
import type { Files } from './files.ts'
import { readChange, shownNames, type Names, type Subject } from './names.ts'
import { isCheckpoint } from './offered.ts'
import { BadRequest } from './problem.ts'
import type { CheckpointDetails, CheckpointSummary } from './protocol.ts'

/** What the checkpoint files in reach say about themselves. Their weights are the worker's business. */
export type Checkpoints = {
  list(): Promise<CheckpointSummary[]>
  /** With the names that people gave in its `info.names`. */
  details(name: string): Promise<CheckpointDetails>
  /** The texts in its header, as they stand in the file. */
  metadata(name: string): Promise<Readonly<Record<string, string>>>
  /** What people call its prototypes, with notes; the checkpoint's own names are not among them. */
  names(name: string): Promise<NamesFile>
  /** Takes a names file or `{ names }`; `replace` forgets what it does not list, `force` takes names of another checkpoint. */
  rename(name: string, body: unknown, how: { readonly replace: boolean; readonly force: boolean }): Promise<NamesFile>
  /** Names that the pictures it was trained on suggest, with their evidence; made once, and kept as long as the server runs. */
  suggestions(name: string): Promise<NameSuggestions>
  /** Its prototypes drawn: the file that lies beside it, checked. */
  atlas(name: string): Promise<AtlasFile>
  /** PNG of the pictures formed with one prototype raised, side by side. */
  atlasStrip(name: string, prototype: number): Promise<Buffer>
}

export type CheckpointParts = {
  readonly files: Files
  readonly names: Names
  readonly atlases: Atlases
  /** The long way to suggestions (runner.ts). */
  suggest(name: string): Promise<NameSuggestions>
}

export function createCheckpoints({ files, names, atlases, suggest }: CheckpointParts): Checkpoints {
  /** By the checkpoint's SHA-256; those that are still being made, too, so that nothing is made twice. */
  const suggested = new Map<string, Promise<NameSuggestions>>()
  const read = async <T>(name: string, by: (file: string) => Promise<T>): Promise<T> => {
    const file = await files.find('checkpoints', name)
    if (!file) throw new BadRequest('not_found', `There is no checkpoint "${name}"`, 404)
    try {
      return await by(file)
    } catch (error) {
      throw new BadRequest('bad_checkpoint', reason(error), 422)
    }
  }
  const open = (name: string): Promise<{ id: string; info: CheckpointInfo }> =>
    read(name, async file => ({ info: await readCheckpointInfo(file), id: await files.hash('checkpoints', name) }))
  return {
    list: async () => Promise.all((await files.list('checkpoints', isCheckpoint)).map(name => summarise(files, name))),
    details: async name => {
      const { id, info } = await open(name)
      return { name, id, info: withNames(info, await shownNames(names, id)), hasAtlas: await atlases.has(name) }
    },
    metadata: async name => {
      if (!isCheckpoint(name)) throw new BadRequest('not_found', `There is no checkpoint "${name}"`, 404)
      return Object.fromEntries(await read(name, readCheckpointMetadata))
    },
    names: async name => {
      const { id, info } = await open(name)
      return { format: 'patronus-names', version: 1, checkpoint: id, checkpointName: info.name, names: await names.read(id) }
    },
    rename: async (name, body, { replace, force }) => {
      const subject = subjectOf(await open(name))
      const change = readChange(body, subject, force)
      return replace ? names.replace(subject, merge({}, change)) : names.change(subject, now => merge(now, change))
    },
    suggestions: async name => {
      const { id } = await open(name)
      const found = suggested.get(id) ?? suggest(name)
      suggested.set(id, found)
      // What went wrong may be mended: the next one who asks tries again.
      found.catch(() => suggested.delete(id))
      return found
    },
    atlas: async name => atlases.read(name, subjectOf(await open(name))),
    atlasStrip: async (name, prototype) => atlases.strip(name, subjectOf(await open(name)), prototype),
  }
}

const subjectOf = ({ id, info }: { id: string; info: CheckpointInfo }): Subject => ({
  id,
  title: info.name,
  count: info.config.prototypes.count,
})

async function summarise(files: Files, name: string): Promise<CheckpointSummary> {
  try {
    const info = await readCheckpointInfo((await files.find('checkpoints', name))!)
    return {
      name,
      title: info.name,
      description: info.description,
      dataset: info.dataset,
      prototypes: info.config.prototypes.count,
      hasPrior: !!info.prior,
    }
  } catch (error) {
    return { name, error: reason(error) }
  }
}

/** The message without the folder the file lies in. */
const reason = (error: unknown): string => String((error as Error).message).replace(/(?:\/[^\s:/]+)+\//g, '')
