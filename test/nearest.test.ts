import { nearestPatches } from '../analysis/nearest.ts'
import { gaussian } from '../model/noise.ts'
import { rows } from '../model/tensor.ts'
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
