import sharp from 'sharp'
import { tensor, type Tensor } from '../model/tensor.ts'
import { createCache, sizeInBytes } from '../server/cache.ts'
import { montage } from '../server/images.ts'
import { createPreviews } from '../server/preview.ts'
import { quickPng } from '../server/quick-png.ts'

const picture = (shape: number[], value = (i: number) => (i * 37) % 256): Tensor =>
  tensor(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i) / 255),
  )

test('a preview holds exactly the pixels it was given, for grey, colour and colour with opacity', async () => {
  for (const channels of [1, 3, 4]) {
    const image = picture([1, 5, 7, channels])
    const { data, info } = await sharp(quickPng(image))
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, info.channels]).toEqual([7, 5, channels])
    expect([...data]).toEqual([...image.data].map(value => Math.round(value * 255)))
  }
})

test('a large preview is compressed, a small one is not, and both hold their pixels', async () => {
  for (const [side, isStored] of [
    [100, true],
    [200, false],
  ] as const) {
    const image = picture([1, side, side, 3])
    const png = quickPng(image)
    expect(png.length > image.data.length).toBe(isStored)
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
    expect([...data]).toEqual([...image.data].map(value => Math.round(value * 255)))
  }
})

test('values beyond 0…1 are clamped and what is not a number is black', async () => {
  const { data } = await sharp(quickPng(tensor([1, 1, 3, 1], [-1, 2, NaN])))
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([...data]).toEqual([0, 255, 0])
})

test('a batch becomes a grid in reading order, its free places black', () => {
  const batch = picture([3, 1, 2, 1], i => i + 1)
  expect(montage(batch).shape).toEqual([1, 2, 4, 1])
  expect([...montage(batch).data].map(value => Math.round(value * 255))).toEqual([1, 2, 3, 4, 5, 6, 0, 0])
})

test('while the receiver is behind, the newest picture takes the place of those that wait, and comes at last', async () => {
  const received: Buffer[] = []
  const answers: (() => void)[] = []
  // Decoded afterwards: sharp may finish the second before the first.
  const values = () => Promise.all(received.map(async png => (await sharp(png).raw().toBuffer())[0]))
  const previews = createPreviews(png => {
    received.push(png)
    return new Promise(resolve => answers.push(resolve))
  }, 2)
  for (let i = 1; i <= 6; i++) await previews.show(picture([1, 1, 1, 1], () => i))
  await new Promise(resolve => setTimeout(resolve, 50))
  expect(await values()).toEqual([1, 2])
  answers.shift()!()
  await new Promise(resolve => setTimeout(resolve, 50))
  expect(await values()).toEqual([1, 2, 6])
})

test('previews let messages in: shown one after another, they give the event loop a turn every few milliseconds', async () => {
  const previews = createPreviews(() => {})
  await previews.show(picture([1, 1, 1, 1]))
  let arrived = false
  setImmediate(() => (arrived = true))
  const began = performance.now()
  while (!arrived && performance.now() - began < 1000) await previews.show(picture([1, 1, 1, 1]))
  expect(arrived).toBe(true)
  expect(performance.now() - began).toBeLessThan(100)
})

describe('the cache', () => {
  const result = (size: number) => ({ outputs: { value: [{ shape: [size], data: new Float32Array(size) }] } })

  test('forgets what was used longest ago, within both bounds', () => {
    const cache = createCache({ entries: 2, bytes: 1000 })
    cache.set('a', result(1))
    cache.set('b', result(1))
    cache.get('a')
    cache.set('c', result(1))
    expect(['a', 'b', 'c'].map(cache.has)).toEqual([true, false, true])
    cache.set('d', result(250))
    expect(['a', 'c', 'd'].map(cache.has)).toEqual([false, false, true])
  })

  test('keeps the newest however large, counts shared data once, and forgets by value', () => {
    const cache = createCache({ entries: 9, bytes: 10 })
    const { outputs } = result(100)
    cache.set('big', { outputs })
    expect(cache.has('big')).toBe(true)
    expect(sizeInBytes([outputs, outputs])).toBe(sizeInBytes([outputs]))
    cache.forget(outputs.value[0])
    expect(cache.has('big')).toBe(false)
  })
})
