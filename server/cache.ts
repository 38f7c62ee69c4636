import type { Ui } from '../nodes/node.ts'

/** What one run of one node gave; of each output the list of its items, one where it gives no list. Immutable by rule, so it may be shared. */
export type Result = {
  readonly outputs: Readonly<Record<string, readonly unknown[]>>
  readonly ui?: Ui
  /** What the nodes show that it expanded to, by their ids behind its own: `.0.0.show`. */
  readonly inner?: Readonly<Record<string, Ui>>
}

/** Results by input signature: equal signature, equal result. */
export type Cache = {
  has(signature: string): boolean
  get(signature: string): Result | undefined
  set(signature: string, result: Result): void
  /** Drops results that hold `value` among their outputs (a checkpoint that is about to be unloaded). */
  forget(value: unknown): void
  clear(): void
  /** Bytes of what it holds. */
  size(): number
}

/** Keeps the most recently used results within both bounds; the newest always stays, however large. */
export function createCache({ entries = 256, bytes = 768 << 20 } = {}): Cache {
  const results = new Map<string, { result: Result; size: number }>()
  let total = 0
  const drop = (signature: string) => {
    total -= results.get(signature)?.size ?? 0
    results.delete(signature)
  }
  return {
    has: signature => results.has(signature),
    get: signature => {
      const found = results.get(signature)
      if (!found) return undefined
      // A Map keeps insertion order: what was used last stands last.
      results.delete(signature)
      results.set(signature, found)
      return found.result
    },
    set: (signature, result) => {
      drop(signature)
      const size = sizeInBytes(result)
      results.set(signature, { result, size })
      total += size
      for (const oldest of results.keys()) {
        if (oldest === signature || (results.size <= entries && total <= bytes)) break
        drop(oldest)
      }
    },
    forget: value => {
      for (const [signature, { result }] of results)
        if (Object.values(result.outputs).some(items => items.includes(value))) drop(signature)
    },
    clear: () => {
      results.clear()
      total = 0
    },
    size: () => total,
  }
}

/** Bytes of the numbers and texts in plain data; functions and class instances (a loaded checkpoint) belong to somebody else. */
export function sizeInBytes(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value === 'string') return 2 * value.length
  if (typeof value !== 'object' || value === null) return 8
  if (seen.has(value)) return 0
  seen.add(value)
  if (ArrayBuffer.isView(value)) return value.byteLength
  return Object.values(value).reduce<number>((sum, item) => sum + sizeInBytes(item, seen), 0)
}
