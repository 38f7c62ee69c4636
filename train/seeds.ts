/** Random numbers of training as a function of (seed, purpose, step): a run that was killed draws exactly what it would have drawn. */

const purposes = {
  face: 1,
  order: 2,
  time: 3,
  noise: 4,
  dropout: 5,
  sheet: 6,
  prototypes: 7,
  weights: 8,
  principal: 9,
  'warm-up': 10,
  kid: 11,
} as const
export type Purpose = keyof typeof purposes

/** One 32-bit seed out of several numbers; murmur3's block step and finaliser, so that neighbours share nothing. */
export function seedFor(purpose: Purpose, ...parts: readonly number[]): number {
  let hash = 0x9747b28c
  for (const part of [purposes[purpose], ...parts]) {
    let k = Math.imul(part | 0, 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    hash ^= k
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
