import { parsePrototypes } from '../analysis/edits.ts'
import { checkPrototype } from '../analysis/ranges.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'

/** The prototypes that a port names, in the order they are written; all for an empty one. */
export function listedPrototypes(text: string, info: CheckpointInfo): number[] {
  if (text.trim() === '') return Array.from({ length: info.config.prototypes.count }, (_, j) => j)
  return parsePrototypes(text).map(j => checkPrototype(j, info))
}
