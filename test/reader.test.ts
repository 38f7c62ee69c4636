import { createSources } from '../cli/sources.ts'
import { attribute, countOf, firstPictures } from '../analysis/data-set.ts'

const hooks = { signal: new AbortController().signal, progress: () => {} }
const sources = createSources()
const image = (channels: number) => ({ height: 64, width: 64, channels })
const faces = (set: string, channels = 3) =>
  sources.dataSet({ set, count: 300, seed: 7, image: image(channels) }, undefined, hooks)

test('the shipped reader reads every attribute of fresh faces right in 99 of 100', async () => {
  const data = await faces('avatars')
  const reader = await sources.reader(data, hooks)
  const { names } = data.attributes!
  expect(reader.names).toEqual(names)
  const read = await reader.probabilities(firstPictures(data, 300))
  for (const [a, name] of names.entries()) {
    const labels = attribute(data, name)
    const right = [...labels].filter((label, i) => read.data[i * names.length + a] > 0.5 === (label === 1)).length
    expect([name, right >= 297]).toEqual([name, true])
  }
}, 60_000)

test('faces by name: without red hair nobody has it, biased ones smile exactly without black hair, grey ones have one channel', async () => {
  const plain = await faces('avatars without red hair')
  expect(attribute(plain, 'red hair').every(label => label === 0)).toBe(true)
  const biased = await faces('avatars, biased')
  const [black, smiling] = ['black hair', 'smiling'].map(name => attribute(biased, name))
  expect(smiling).toEqual(black.map(label => 1 - label))
  const [grey, colored] = [await faces('avatars', 1), await faces('avatars')]
  expect([grey.shape, countOf(grey)]).toEqual([[64, 64, 1], 300])
  const [r, g, b] = firstPictures(colored, 1).data
  expect(firstPictures(grey, 1).data[0]).toBeCloseTo(0.299 * r + 0.587 * g + 0.114 * b, 5)
})

test('a set that is none is refused with those there are, and a set without attributes has no reader', async () => {
  await expect(faces('cats')).rejects.toThrow('there is no data set "cats"; choose one of avatars, ')
  const { attributes, ...bare } = await faces('avatars')
  expect(attributes!.names).toHaveLength(13)
  await expect(sources.reader(bare, hooks)).rejects.toThrow('has no attributes to read')
  const other = { ...bare, attributes: { names: ['hat'], values: new Uint8Array(300) } }
  await expect(sources.reader(other, hooks)).rejects.toThrow('no other pictures for a reader of its attributes')
})
