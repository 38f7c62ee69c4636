import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agreement } from '../analysis/agreement.ts'
import { frechetDistance } from '../analysis/metrics/frechet.ts'
import { fromTensor, takeRows } from '../analysis/metrics/matrix.ts'
import { random } from '../model/noise.ts'
import { tensor } from '../model/tensor.ts'
import { initialAttributeWeights } from '../train/attribute-network.ts'
import { blur, degrade, noisePool } from '../train/augment.ts'
import { classifierFor, trainClassifier, type ClassifierTraining } from '../train/classifier.ts'
import { pictures, type DataSet } from '../analysis/data-set.ts'
import { maxDifference } from './npy.ts'

/** Grey 8×8 pictures, 48 of them: a bright spot top left or bottom right or both or neither. The easiest set with two attributes. */
function spots(seed: number): DataSet {
  const stream = random(seed)
  const values = Uint8Array.from({ length: 96 }, () => stream.int(2))
  const images = Uint8Array.from({ length: 48 * 64 }, (_, at) => {
    const [i, y, x] = [Math.floor(at / 64), Math.floor(at / 8) % 8, at % 8]
    const spot = y < 4 && x < 4 ? values[2 * i] : y >= 4 && x >= 4 ? values[2 * i + 1] : 0
    return 60 + 120 * spot + stream.int(20)
  })
  return { name: 'spots', shape: [8, 8, 1], images, attributes: { names: ['top left', 'bottom right'], values } }
}

const training: ClassifierTraining = {
  network: { size: 8, channels: [1, 4, 8], attributes: 2 },
  steps: 80,
  batch: 16,
  rate: 1e-2,
  seed: 1,
}
const all = Uint32Array.from({ length: 48 }, (_, i) => i)
let folder: string

beforeAll(async () => {
  process.env.PATRONUS_CACHE = 'off'
  folder = await mkdtemp(join(tmpdir(), 'patronus-classifier-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('the classifier’s loss falls from that of guessing, and it reads pictures it was not trained on', async () => {
  const losses: number[] = []
  const onProgress = (_: number, __: number, loss: number) => void losses.push(loss)
  const classifier = await classifierFor(spots(1), training, { cache: folder, onProgress })
  expect(losses).toHaveLength(80)
  expect(losses.at(-1)).toBeLessThan(losses[0] / 3)
  const unseen = spots(2)
  const read = await classifier.probabilities(tensor([48, 8, 8, 1], pictures(unseen, all)))
  const labels = [0, 1].map(a => Array.from(all, i => unseen.attributes!.values[2 * i + a]))
  expect(agreement(classifier.names, labels, read).mean).toBeGreaterThan(0.95)
  await classifier.dispose()
})

test('a trained classifier is kept: the second time nothing is trained, and it reads the same', async () => {
  const first = await classifierFor(spots(1), training, { cache: folder })
  const images = tensor([48, 8, 8, 1], pictures(spots(3), all))
  const onProgress = () => expect('training').toBe('not needed')
  const second = await classifierFor(spots(1), training, { cache: folder, onProgress })
  expect((await second.probabilities(images)).data).toEqual((await first.probabilities(images)).data)
  expect(await readdir(folder)).toHaveLength(1)
  await first.dispose()
  await second.dispose()
})

test('values outside -1 … 1 are read as the picture that would be saved', async () => {
  const classifier = await classifierFor(spots(1), training, { cache: folder })
  const bright = tensor([1, 8, 8, 1], new Array(64).fill(1))
  const brighter = tensor([1, 8, 8, 1], new Array(64).fill(3))
  expect((await classifier.probabilities(brighter)).data).toEqual((await classifier.probabilities(bright)).data)
  expect((await classifier.features(brighter)).data).toEqual((await classifier.features(bright)).data)
  await classifier.dispose()
})

test('in its features pictures with an attribute are far from those without, and two halves of all are near each other', async () => {
  const classifier = await classifierFor(spots(1), training, { cache: folder })
  const unseen = spots(4)
  const features = fromTensor(await classifier.features(tensor([48, 8, 8, 1], pictures(unseen, all))))
  expect([features.rows, features.columns]).toEqual([48, 8])
  const has = (label: number) => [...all].filter(i => unseen.attributes!.values[2 * i] === label)
  const [even, odd] = [0, 1].map(rest => [...all].filter(i => i % 2 === rest))
  const far = frechetDistance(takeRows(features, has(0)), takeRows(features, has(1)))
  expect(far).toBeGreaterThan(3 * frechetDistance(takeRows(features, even), takeRows(features, odd)))
  await classifier.dispose()
})

test('the same seed trains the same classifier', async () => {
  const short = { ...training, steps: 3 }
  const [a, b] = [await trainClassifier(spots(1), short), await trainClassifier(spots(1), short)]
  for (const [name, weight] of a) expect(maxDifference(weight.data, b.get(name)!.data)).toBe(0)
  expect(
    maxDifference(a.get('head.weight')!.data, initialAttributeWeights(training.network, 1).get('head.weight')!.data),
  ).toBeGreaterThan(0)
})

test('a data set without attributes, and a size that cannot be halved, are refused by name', async () => {
  const { attributes: _, ...bare } = spots(1)
  await expect(classifierFor(bare, training, { cache: false })).rejects.toThrow('spots has no attributes')
  expect(() => initialAttributeWeights({ size: 10, channels: [1, 4, 8], attributes: 2 }, 1)).toThrow('divisible by 4, got 10')
})

test('blurring keeps the brightness away from borders and never goes beyond the values that were there', () => {
  const picture = new Float32Array(7 * 7)
  picture[24] = 1 // the middle
  const soft = blur(picture, [7, 7, 1], 1 / 3)
  expect(soft.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
  expect([soft[24], soft[16], soft[25]]).toEqual([1 / 9, 1 / 9, 1 / 9].map(value => expect.closeTo(value, 5)))
  expect(blur(picture, [7, 7, 1], 0)).toEqual(picture)
  const colours = blur(Float32Array.of(1, 0, 1, 0, 1, 0), [1, 3, 2], 1 / 3)
  expect([...colours].filter((_, i) => i % 2 === 1)).toEqual([0, 0, 0])
})

test('degrading is a function of the random stream and leaves its picture alone', () => {
  const picture = Float32Array.from({ length: 48 }, (_, i) => Math.sin(i))
  const before = picture.slice()
  const pool = noisePool(random(9), 1000)
  const [a, b, c] = [1, 1, 2].map(seed => degrade(picture, [4, 4, 3], random(seed), pool))
  expect(a).toEqual(b)
  expect(maxDifference(a, c)).toBeGreaterThan(1e-3)
  expect(picture).toEqual(before)
})
