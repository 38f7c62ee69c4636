import { describeNode } from '../nodes/describe.ts'
import type { AnyNode, Catalog, FileKind, InputPort } from '../nodes/node.ts'
import type { NodeInfo, ObjectInfo } from '../nodes/object-info.ts'
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
 * every folder for each small graph that is submitted would cost more than to run it; what depends on no folder is said once.
 */
export function createObjectInfo(catalog: Catalog, files: Files): (types?: Iterable<string>) => Promise<ObjectInfo> {
  const same = new Map<string, NodeInfo>()
  const infoOf = (type: string, node: AnyNode, lists: FileLists): NodeInfo => {
    if (kindsIn(node).length > 0) return describeNode(node, lists)
    const info = same.get(type) ?? describeNode(node)
    same.set(type, info)
    return info
  }
  return async types => {
    const wanted = types ? [...new Set(types)].flatMap(type => entryOf(catalog, type)) : [...catalog]
    const kinds = new Set(wanted.flatMap(([, node]) => kindsIn(node)))
    const lists = await Promise.all([...kinds].map(async kind => [kind, await listings[kind](files)] as const))
    const found = Object.fromEntries(lists)
    return Object.fromEntries(wanted.map(([type, node]) => [type, infoOf(type, node, found)]))
  }
}

type FileLists = Parameters<typeof describeNode>[1]

const entryOf = (catalog: Catalog, type: string) => {
  const node = catalog.get(type)
  return node ? [[type, node] as const] : []
}

const kindsIn = ({ inputs }: AnyNode): FileKind[] =>
  Object.values(inputs as Readonly<Record<string, InputPort>>).flatMap(port =>
    port.type === 'COMBO' && port.files ? [port.files] : [],
  )
