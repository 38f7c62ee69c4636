import { meanSquaredDistance, nearestPatches, ownPatches, percentileBox, showPatches } from '../analysis/nearest.ts'
import { crop } from '../analysis/overlay.ts'
import { centred, nearestReport } from '../analysis/reports/nearest.ts'
import { gaussian } from '../model/noise.ts'
import { concat, rows, tensor, zeros } from '../model/tensor.ts'
import { badNumbers } from './bad-numbers.ts'
import { tinyPatronus } from './tiny-model.ts'

test('the nearest patches are those of a search over all distances, whatever the batches', async () => {
  const net = await tinyPatronus()
  const { height, width, channels } = net.info.config.image
  const images = gaussian([7, height, width, channels], 5)
  const [inOne, inParts] = [
    await nearestPatches(net, [images], 3),
    await nearestPatches(net, [rows(images, 0, 2), rows(images, 2, 3), rows(images, 3, 7)], 3),
  ]
  const { minDistance } = await net.encode(images)
  const m = net.info.config.prototypes.count
  for (let j = 0; j < m; j++) {
    const all = Array.from({ length: 7 }, (_, image) => ({ image, distance: minDistance.data[image * m + j] })).sort(
      (a, b) => a.distance - b.distance,
    )
    expect(inOne[j].map(p => p.image)).toEqual(all.slice(0, 3).map(p => p.image))
    expect(inParts[j].map(p => p.image)).toEqual(inOne[j].map(p => p.image))
  }
  await expect(nearestPatches(net, [], 3)).rejects.toThrow(/at least one picture/)
})

describe("ProtoPNet's own box", () => {
  test('surrounds the peak of the activation map, stretched over the whole picture', () => {
    for (const [row, column] of [
      [0, 0],
      [2, 5],
      [7, 3],
      [7, 7],
    ]) {
      // prettier-ignore
      const peak = zeros([8, 8])
      peak.data[row * 8 + column] = 1
      const { x0, y0, x1, y1 } = percentileBox(peak, 64, 64)
      const [x, y] = [(column + 0.5) * 8, (row + 0.5) * 8]
      expect(x0 <= x && x < x1 && y0 <= y && y < y1).toBe(true)
      expect(Math.max(x1 - x0, y1 - y0)).toBeLessThanOrEqual(24)
    }
  })

  test('holds every pixel of the highest 5 %, and no smaller box does: of a ramp the last columns', () => {
    // 100 columns of a map that needs no up-sampling: the 95th percentile of 0 … 99 is 94.05.
    const ramp = tensor(
      [100, 100],
      Array.from({ length: 10_000 }, (_, i) => i % 100),
    )
    expect(percentileBox(ramp, 100, 100)).toEqual({ x0: 95, y0: 0, x1: 100, y1: 100 })
    const turned = tensor(
      [100, 100],
      Array.from({ length: 10_000 }, (_, i) => Math.floor(i / 100)),
    )
    expect(percentileBox(turned, 100, 100)).toEqual({ x0: 0, y0: 95, x1: 100, y1: 100 })
  })

  test('is the whole picture where the map is the same everywhere, and is never empty', () => {
    expect(percentileBox(zeros([3, 3]), 16, 12)).toEqual({ x0: 0, y0: 0, x1: 12, y1: 16 })
    for (let seed = 0; seed < 20; seed++) {
      const { x0, y0, x1, y1 } = percentileBox(gaussian([4, 4], seed), 16, 16)
      expect(x0 < x1 && y0 < y1 && x1 <= 16 && y1 <= 16 && x0 >= 0 && y0 >= 0).toBe(true)
    }
  })
})

describe.each([1, 3] as const)('patches in pictures of %i colours', channels => {
  test('are the same in both kinds of box but for the box; their spread is that of the features at their cells', async () => {
    const net = await tinyPatronus({ channels })
    const images = gaussian([5, 16, 16, channels], 5)
    const own = await ownPatches(net, 2, images)
    const [field, protopnet] = [
      await showPatches(net, 2, own, images, 'receptive field'),
      await showPatches(net, 2, own, images, '95th percentile'),
    ]
    const bare = (shown: typeof field) => shown.patches.map(({ image, cell, distance, s }) => [image, cell, distance, s])
    expect(bare(protopnet)).toEqual(bare(field))
    expect(field.patches).toEqual(own)
    const z = await net.features(images)
    const [, n, , D] = z.shape
    const at = own.map(({ cell }, i) => ({
      shape: [1, D],
      data: z.data.slice((i * n * n + cell) * D, (i * n * n + cell + 1) * D),
    }))
    expect(field.spread).toBe(meanSquaredDistance(concat(at)))
    expect(field.spread).toBeGreaterThan(0)
    const alone = await showPatches(net, 2, own.slice(0, 1), rows(images, 0, 1), '95th percentile')
    expect(alone.spread).toBeNull()
    for (const shown of [[field], [protopnet, alone]])
      expect(
        badNumbers(nearestReport({ info: net.info, data: 'noise', pictures: 5, mode: '95th percentile', shown }, [])),
      ).toEqual([])
    await net.dispose()
  })
})

test('the mean squared distance of pairs is 0 for equal rows, the square of their distance for two, and null for one or none', () => {
  expect(meanSquaredDistance(tensor([3, 2], [1, 2, 1, 2, 1, 2]))).toBe(0)
  expect(meanSquaredDistance(tensor([2, 2], [0, 0, 3, 4]))).toBe(25)
  expect(meanSquaredDistance(tensor([3, 1], [0, 1, 3]))).toBeCloseTo((1 + 9 + 4) / 3, 6)
  expect([meanSquaredDistance(zeros([1, 2])), meanSquaredDistance(zeros([0, 2]))]).toEqual([null, null])
})

test('a patch stands enlarged by a whole factor in the middle of white, pixel for pixel', () => {
  const patch = tensor(
    [1, 2, 3, 3],
    Array.from({ length: 18 }, (_, i) => i / 20),
  )
  const framed = centred(patch, 8, 8)
  expect(framed.shape).toEqual([1, 8, 8, 3])
  // 8 / 3 and 8 / 2: twice as large, 6×4, two rows above and one column at the left.
  expect([...crop(framed, { x0: 1, y0: 2, x1: 2, y1: 3 }).data]).toEqual([...patch.data.subarray(0, 3)])
  expect([...crop(framed, { x0: 6, y0: 5, x1: 7, y1: 6 }).data]).toEqual([...patch.data.subarray(15, 18)])
  expect([...crop(framed, { x0: 0, y0: 0, x1: 8, y1: 2 }).data].every(v => v === 1)).toBe(true)
})
