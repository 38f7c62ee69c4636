import { readFile, stat } from 'node:fs/promises'
import {
  checkChange,
  checkNamesFile,
  limits,
  NamesError,
  otherCheckpoint,
  parseNames,
  plainNames,
  serialise,
  type NamesChange,
  type NamesFile,
  type PrototypeNames,
} from '../analysis/naming.ts'
import type { Files } from './files.ts'
import { BadRequest } from './problem.ts'
import type { NamesTable } from './store.ts'

/** Which checkpoint is named: its SHA-256, what it calls itself, how many prototypes it has. */
export type Subject = { readonly id: string; readonly title: string; readonly count: number }

/** What people call prototypes, kept by the checkpoint's SHA-256, so that names follow the weights. */
export type Names = {
  /** The names kept for the checkpoint of that SHA-256; none where none were given. Ones that cannot be used are a BadRequest. */
  read(id: string): Promise<PrototypeNames>
  /** Writes what `by` makes of the names; whole or not at all, and changes wait for each other. */
  change(subject: Subject, by: (names: PrototypeNames) => PrototypeNames): Promise<NamesFile>
  /** Writes `names` in place of whatever is there, readable or not. */
  replace(subject: Subject, names: PrototypeNames): Promise<NamesFile>
}

/** Where they were kept before there was a table, and still are when nobody could read them: `user/names/<sha-256>.json`. */
const fileName = (id: string) => `names/${id}.json`

/** The text of a names file; throws NamesError when it is none. */
export async function readNamesFile(file: string): Promise<string> {
  // Four bytes a character at most; what is larger is not read to find that out.
  if ((await stat(file)).size > 4 * limits.characters) throw new NamesError(['the file is too large'])
  const text = await readFile(file, 'utf8')
  parseNames(text)
  return text
}

/** Over a table of names files; `files` finds those that were not taken over into it (database/old-files.ts). */
export function createNames(table: NamesTable, files: Pick<Files, 'find'>): Names {
  const ofFile = async (id: string): Promise<PrototypeNames> => {
    const file = await files.find('user', fileName(id))
    if (!file) return {}
    try {
      return parseNames(await readNamesFile(file)).names
    } catch (error) {
      if (!(error instanceof NamesError)) throw error
      throw new BadRequest(
        'bad_names',
        `The names kept for this checkpoint cannot be used (${error.message}); correct or remove ${fileName(id)} in the user folder`,
        422,
      )
    }
  }
  const textOf = ({ id, title }: Subject, names: PrototypeNames): string => {
    const text = serialise({ checkpoint: id, checkpointName: title, names })
    if (text.length > limits.characters)
      throw new BadRequest('names_too_large', `These are more than ${limits.characters} characters of names and notes`, 413)
    return text
  }
  const read = async (id: string) => {
    const text = await table.get(id)
    return text === undefined ? ofFile(id) : parseNames(text).names
  }
  return {
    read,
    change: async (subject, by) => {
      const before = await read(subject.id)
      return parseNames(
        await table.change(subject.id, now => textOf(subject, by(now === undefined ? before : parseNames(now).names))),
      )
    },
    replace: async (subject, names) => {
      const text = textOf(subject, names)
      return parseNames(await table.change(subject.id, () => text))
    },
  }
}

/** Names for labels. A spoilt file of names is told where names are asked for; a checkpoint must stay usable all the same. */
export const shownNames = async (names: Pick<Names, 'read'>, id: string): Promise<Readonly<Record<string, string>>> =>
  plainNames(
    await names.read(id).catch((error: unknown) => {
      if (error instanceof BadRequest) return {}
      throw error
    }),
  )

/**
 * A change as it comes from outside: a whole names file, or only `{ names }`. One that was made for another checkpoint is
 * refused with 409 unless `force`; everything else that is wrong with it with 400.
 */
export function readChange(value: unknown, { id, count }: Subject, force: boolean): NamesChange {
  try {
    if (typeof value !== 'object' || value === null || !('format' in value))
      return checkChange((value as { names?: unknown } | undefined | null)?.names, count)
    // The other checkpoint may have more prototypes: that is told first, since it says why.
    const other = otherCheckpoint(checkNamesFile(value), id)
    if (other && !force) throw new BadRequest('other_checkpoint', other, 409)
    return checkNamesFile(value, count).names
  } catch (error) {
    throw error instanceof NamesError ? new BadRequest('bad_names', error.message) : error
  }
}
