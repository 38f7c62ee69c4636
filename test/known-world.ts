import type { Patronus } from '../engine/patronus.ts'
import { linearSchedule } from '../model/schedule.ts'
import { map, tensor, zeros, type Tensor } from '../model/tensor.ts'

/**
 * A world where s does what it says: an image holds one flat grey in each of its four quarters, s_j = 4·(grey of quarter j) for grey
 * 0 … 1, and the denoiser leads every x to the image that s describes, quarter j from timestep `from[j]` downward.
 */
export function knownWorld(tiny: Patronus, from: readonly number[] = [999, 999, 999, 999]): Patronus {
  const { alphaBar } = linearSchedule(1000)
  const quarter = (i: number) => 2 * Math.floor(Math.floor(i / 48) / 8) + Math.floor((Math.floor(i / 3) % 16) / 8)
  const members = [0, 1, 2, 3].map(j => Array.from({ length: 768 }, (_, i) => i).filter(i => quarter(i) === j))
  const mean = (x: Tensor, b: number, j: number) =>
    members[j].reduce((sum, i) => sum + x.data[b * 768 + i], 0) / members[j].length
  const s = (x: Tensor) =>
    tensor(
      [x.shape[0], 4],
      Array.from({ length: x.shape[0] * 4 }, (_, i) => 2 * (mean(x, Math.floor(i / 4), i % 4) + 1)),
    )
  return {
    ...tiny,
    encode: async x => ({
      s: s(x),
      minDistance: zeros([x.shape[0], 4]),
      argmin: tensor(
        [x.shape[0], 4],
        Array.from({ length: x.shape[0] * 4 }, (_, i) => i % 4),
      ),
    }),
    denoiser: given => async (x, t) => {
      const a = alphaBar[t]
      const target = (i: number) => {
        const [b, j] = [Math.floor(i / 768), quarter(i % 768)]
        return t <= from[j] ? given.data[(given.shape[0] === 1 ? 0 : b) * 4 + j] / 2 - 1 : -1
      }
      return map(x, (v, i) => (v - Math.sqrt(a) * target(i)) / Math.sqrt(1 - a))
    },
  }
}

/** Pictures of one grey each, 0…1. */
export const flat = (greys: readonly number[]): Tensor => ({
  shape: [greys.length, 16, 16, 3],
  data: Float32Array.from({ length: greys.length * 768 }, (_, i) => 2 * greys[Math.floor(i / 768)] - 1),
})

/** The same world in which every step goes but a part of the way to what s describes: the longer the run, the more of an edit is made. */
export const sluggish = (world: Patronus, part: number): Patronus => ({
  ...world,
  denoiser: s => async (x, t) => map(await world.denoiser(s)(x, t), eps => part * eps),
})
