import { describe } from '../nodes/describe.ts'
import type { Catalog, FileKind, InputPort } from '../nodes/node.ts'
import type { ObjectInfo } from '../workflows/graph.ts'
import type { Files } from './files.ts'
import { isCheckpoint, isImage, isInception } from './offered.ts'

const listings: Readonly<Record<FileKind, (files: Files) => Promise<readonly string[]>>> = {
  input: files => files.list('input', isImage),
  checkpoints: files => files.list('checkpoints', isCheckpoint),
  datasets: files => files.folders('datasets'),
  inception: files => files.list('inception', isInception),
}

/**
 * The catalog as `/object_info` says it, with the files that lie in the folders now; or only some of its classes. To look through
 * every folder for each small graph that is submitted would cost more than to run it.
 */
export const createObjectInfo =
  (catalog: Catalog, files: Files) =>
  async (types?: Iterable<string>): Promise<ObjectInfo> => {
    const wanted = types ? new Map([...new Set(types)].flatMap(type => entryOf(catalog, type))) : catalog
    const kinds = new Set([...wanted.values()].flatMap(({ inputs }) => kindsIn(inputs as Readonly<Record<string, InputPort>>)))
    const lists = await Promise.all([...kinds].map(async kind => [kind, await listings[kind](files)] as const))
    return describe(wanted, Object.fromEntries(lists))
  }

const entryOf = (catalog: Catalog, type: string) => {
  const node = catalog.get(type)
  return node ? [[type, node] as const] : []
}

const kindsIn = (inputs: Readonly<Record<string, InputPort>>): FileKind[] =>
  Object.values(inputs).flatMap(port => (port.type === 'COMBO' && port.files ? [port.files] : []))
