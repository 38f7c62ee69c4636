import { createHash, randomUUID } from 'node:crypto'
import type { FileKind } from '../../nodes/node.ts'
import { asLink, linksInto, signatureOf, walkSources, type Facts, type NodeId } from '../../workflows/graph.ts'
import type { RunGraph } from './run-graph.ts'

export type Keys = {
  /** Of a node that was signed. */
  of(id: NodeId): string
  /** Signs nodes and all they read from; those that were not signed before are given, each after what it reads from. */
  sign(ids: readonly NodeId[]): Promise<NodeId[]>
}

/** The keys under which results of a run are remembered (workflows/signatures.ts). */
export function createKeys(graph: RunGraph, hash: (kind: FileKind, name: string) => Promise<string>): Keys {
  const keys = new Map<NodeId, string>()
  const sourcesOf = (id: NodeId) => (keys.has(id) ? [] : [...new Set(linksInto(graph.node(id)).map(([, [from]]) => from))])

  /** What the node depends on besides its inputs. One that cannot say is like no other, not even itself of another run. */
  const factsOf = async (id: NodeId): Promise<Facts> => {
    const spec = graph.spec(id)
    const own = spec.notIdempotent ? { id } : {}
    if (!spec.fingerprint) return own
    const literals = Object.fromEntries(Object.entries(graph.node(id).inputs).filter(([, value]) => !asLink(value)))
    const fingerprint = await Promise.resolve()
      .then(() => spec.fingerprint!(literals, { hash }))
      .catch(() => NaN)
    return { ...own, fingerprint: Number.isNaN(fingerprint) ? randomUUID() : String(fingerprint) }
  }
  return {
    of: id => keys.get(id)!,
    sign: async ids => {
      const fresh = walkSources(sourcesOf, ids).order.filter(id => !keys.has(id))
      for (const id of fresh)
        keys.set(
          id,
          signatureOf(graph.node(id), await factsOf(id), from => keys.get(from), sha256),
        )
      return fresh
    },
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
