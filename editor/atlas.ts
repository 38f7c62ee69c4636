/** The prototype atlas as the bank shows it: what is known of it, and its numbers in words. Pure; read-atlas.ts reads it. */
import type { AtlasFile } from '../server/protocol.ts'
import { fixed, withoutZero } from './format.ts'
import type { Bank } from './shell.ts'

/** What is known of an atlas: whether there is one, and, once somebody looked, what it says. */
export type AtlasView =
  | 'none'
  | 'unread'
  | { readonly error: string }
  /** `readAt`, in ms: pictures are asked for under it, so that those of an older atlas are not taken from a cache. */
  | { readonly file: AtlasFile; readonly readAt: number }

export const atlasOf = (bank: Bank | undefined): AtlasView => (bank && 'info' in bank ? bank.atlas : 'none')

/** Whether there are pictures to be had, as far as is known. */
export const hasPictures = (atlas: AtlasView): boolean => atlas === 'unread' || (typeof atlas === 'object' && 'file' in atlas)

/** Consistency by prototype; nothing before the atlas was read. */
export function scoresOf(atlas: AtlasView): ReadonlyMap<number, number> {
  if (typeof atlas === 'string' || 'error' in atlas) return new Map()
  return new Map(
    atlas.file.entries.flatMap(({ prototype, consistency }) => (consistency === null ? [] : [[prototype, consistency]])),
  )
}

/** Columns of its grid of pictures: four, more where there are many. */
export const columnsFor = (faces: number): number => Math.max(4, Math.ceil(Math.sqrt(faces)))

type Entry = AtlasFile['entries'][number]

/** Whether groups of unlike patches agree as much, one time in twenty. */
export const isChance = ({ consistency }: Entry, { shuffled }: AtlasFile): boolean =>
  consistency !== null && shuffled !== null && consistency <= shuffled.high

/** "consistency .93 (chance .74)", or "consistency .77 (chance up to .82)" where it may be chance; nothing for a single picture. */
export function consistencyText(entry: Entry, file: AtlasFile): string | undefined {
  if (entry.consistency === null) return undefined
  const text = `consistency ${withoutZero(entry.consistency)}`
  if (!file.shuffled) return text
  const { mean, high } = file.shuffled
  return `${text} (chance ${isChance(entry, file) ? `up to ${withoutZero(high)}` : withoutZero(mean)})`
}

/** What the numbers mean. */
export function chanceText({ faces, shuffled }: AtlasFile): string {
  const what = `How much the framed patches of ${faces} pictures agree: mean cosine of the encoder's features.`
  return shuffled
    ? `${what} Patches of different prototypes: ${withoutZero(shuffled.mean)}, 95 % of groups below ${withoutZero(shuffled.high)}.`
    : what
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** s before and after, over all pictures, or on one of them. */
export const changeText = ({ before, after }: Entry, e?: number): string =>
  `s ${fixed(e === undefined ? mean(before) : before[e])} → ${fixed(e === undefined ? mean(after) : after[e])}`
