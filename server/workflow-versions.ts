import { createHash } from 'node:crypto'
import { graphKind } from '../workflows/graph.ts'
import { parseJson } from './body.ts'

/** One saved state of a workflow, without its bytes. */
export type Version = {
  /** Counts up within one workflow; never given twice. */
  readonly number: number
  /** When it was saved, ms since 1970. */
  readonly saved: number
  readonly size: number
  /** SHA-256 of its bytes, hex. */
  readonly digest: string
  /** Null where it is no graph: clients may keep anything. */
  readonly nodes: number | null
}

/**
 * What is kept of one workflow. `newest` are kept whatever their times; a page that saves by itself writes one every few seconds,
 * and those must not push out what was there yesterday.
 */
export const kept: Bounds = { versions: 50, newest: 10, bytes: 32 << 20 }

/** Days for which a deleted workflow can be brought back. */
export const daysAfterDelete = 30

export const describeBytes = (bytes: Uint8Array): Pick<Version, 'size' | 'digest' | 'nodes'> => ({
  size: bytes.length,
  digest: createHash('sha256').update(bytes).digest('hex'),
  nodes: nodesIn(bytes),
})

function nodesIn(bytes: Uint8Array): number | null {
  try {
    const value = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)) as { nodes: unknown[] }
    const kind = graphKind(value)
    return kind === undefined ? null : kind === 'workflow' ? value.nodes.length : Object.keys(value).length
  } catch {
    return null
  }
}

const oldestFirst = (a: Version, b: Version): number => a.saved - b.saved || a.number - b.number
export const newestFirst = (a: Version, b: Version): number => oldestFirst(b, a)

/**
 * Numbers of the versions that must go. Beyond the bounds the one goes that was replaced soonest, so that what stays is spread
 * over time; never the `current` one, and of the newest ones only for their bytes.
 */
export function surplus(versions: readonly Version[], current: number | null, bounds: Bounds = kept): number[] {
  const left = [...versions].sort(oldestFirst)
  const gone: number[] = []
  let bytes = left.reduce((sum, { size }) => sum + size, 0)
  while (left.length > bounds.versions || bytes > bounds.bytes) {
    const free = left.filter(({ number }) => number !== current)
    if (free.length === 0) break
    const older = left.slice(0, -bounds.newest).filter(({ number }) => number !== current)
    const lasted = (version: Version) => left[left.indexOf(version) + 1].saved - version.saved
    const next = older.length ? older.reduce((a, b) => (lasted(b) < lasted(a) ? b : a)) : free[0]
    left.splice(left.indexOf(next), 1)
    gone.push(next.number)
    bytes -= next.size
  }
  return gone
}

export type Bounds = { readonly versions: number; readonly newest: number; readonly bytes: number }
