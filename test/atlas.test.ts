import { makeAtlas, meanCosine, type Atlas } from '../analysis/atlas.ts'
import { decodePart, encodePart, type AtlasPart } from '../analysis/atlas-part.ts'
import type { Artefacts } from '../analysis/artefacts.ts'
import { startNoise } from '../analysis/conditional-samples.ts'
import { column, maximumOf, withColumn } from '../analysis/ranges.ts'
import { sampleMany } from '../analysis/regenerate.ts'
import { stepped, usualWith } from '../analysis/usual.ts'
import { atlasReport } from '../analysis/reports/atlas.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { badNumbers } from './bad-numbers.ts'
import { tinyPatronus } from './tiny-model.ts'

const faces = (count: number, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], 3), v => Math.max(-1, Math.min(1, v / 2)))

/** A folder in memory. */
function shelf() {
  const kept = new Map<string, Uint8Array>()
  const artefacts: Artefacts = { read: async key => kept.get(key), write: async (key, bytes) => void kept.set(key, bytes) }
  return { kept, artefacts }
}

/** The model, counting calls of its denoiser. */
function counted(model: Patronus) {
  let calls = 0
  const patronus: Patronus = {
    ...model,
    denoiser: s => {
      const denoise = model.denoiser(s)
      return (x, t) => (calls++, denoise(x, t))
    },
  }
  return { patronus, calls: () => calls }
}

const whole = ({ entries, images, rebuilt, shuffled }: Atlas) => ({
  entries,
  images: [...images.data],
  rebuilt: [...rebuilt.data],
  shuffled,
})

describe.each([1, 3] as const)('the atlas of a model of %i colours', channels => {
  let model: Patronus
  beforeAll(async () => void (model = await tinyPatronus({ channels })))
  afterAll(() => model.dispose())

  const options = { steps: 2, batch: 2 }
  const make = (patronus: Patronus, artefacts: Artefacts, stopAfter = Infinity, x0 = faces(2, channels)) => {
    let steps = 0
    return makeAtlas(patronus, x0, options, artefacts, {
      onStep: () => {
        if (++steps > stopAfter) throw new Error('cancelled')
      },
    })
  }

  test('goes on after a cancel to exactly the same atlas, without forming anything finished a second time', async () => {
    const [never, stopped] = [shelf(), shelf()]
    const [first, second] = [counted(model), counted(model)]
    const straight = await make(first.patronus, never.artefacts)
    // 1 call a step: inversion 2, nothing raised 2, then 2 a prototype
    expect(first.calls()).toBe(2 + 2 + 4 * 2)
    await expect(make(second.patronus, stopped.artefacts, 7)).rejects.toThrow('cancelled')
    const before = second.calls()
    const resumed = await make(second.patronus, stopped.artefacts)
    // two parts of the five were finished; the noise is made once more
    expect(stopped.kept.size).toBe(5)
    expect(second.calls() - before).toBe(2 + 3 * 2)
    expect(whole(resumed)).toEqual(whole(straight))
    const third = counted(model)
    expect(whole(await make(third.patronus, stopped.artefacts))).toEqual(whole(straight))
    expect(third.calls()).toBe(0)
  })

  test('raises the usual way by the step of the pictures where a prototype is strong, and shares no part with the other way', async () => {
    const { artefacts } = shelf()
    const usual = map(gaussian([40, 4], 8), Math.abs)
    const alone = await make(model, artefacts)
    const seen: Tensor[] = []
    const watched = { ...model, denoiser: (s: Tensor) => (seen.push(s), model.denoiser(s)) }
    const milder = await makeAtlas(watched, faces(2, channels), { ...options, usual }, artefacts)
    expect([...milder.rebuilt.data]).toEqual([...alone.rebuilt.data])
    expect([...milder.images.data]).not.toEqual([...alone.images.data])
    const { s } = await model.encode(faces(2, channels))
    for (const { prototype, value } of milder.entries) {
      const wanted = stepped(s, usualWith(usual, prototype))
      expect(seen.some(({ data }) => data.every((v, i) => v === wanted.data[i]))).toBe(true)
      expect(value).toBeCloseTo((wanted.data[prototype] + wanted.data[4 + prototype]) / 2, 6)
    }
  })

  test('of what goes with the prototypes of another model: moved between the same pictures, or its partner raised', async () => {
    const own = map(gaussian([40, 4], 8), Math.abs)
    // Six prototypes of the other model; 4 - j of the first five are, but for a little noise, those of this one.
    const theirs = map(zeros([40, 6]), (_, i) =>
      i % 6 > 4 || i % 6 < 1 ? (i * 7) % 5 : own.data[Math.floor(i / 6) * 4 + 4 - (i % 6)],
    )
    const counterpart = { theirs, own }
    const { artefacts } = shelf()
    const x0 = faces(2, channels)
    const { s } = await model.encode(x0)
    const seen: Tensor[] = []
    const watched = { ...model, denoiser: (given: Tensor) => (seen.push(given), model.denoiser(given)) }
    const wasAsked = (wanted: Tensor) => seen.some(({ data }) => data.every((v, i) => v === wanted.data[i]))
    const usual = await makeAtlas(watched, x0, { ...options, usual: own, counterpart }, artefacts)
    expect(usual.entries.map(({ prototype }) => prototype)).toEqual([0, 1, 2, 3, 4, 5])
    for (const j of [1, 2, 3, 4, 5]) expect(wasAsked(stepped(s, usualWith(own, 0, column(theirs, j))))).toBe(true)
    const alone = await makeAtlas(watched, x0, { ...options, prototypes: [1, 4], counterpart }, artefacts)
    expect(wasAsked(withColumn(s, 3, maximumOf(3, model.info, s)))).toBe(true)
    expect(alone.entries.map(({ before }) => before)).toEqual([column(s, 3), column(s, 0)])
  })

  test('from fresh noise inverts nothing, and forms from the noise of its seed', async () => {
    const { artefacts } = shelf()
    const { patronus, calls } = counted(model)
    const x0 = faces(2, channels)
    const fresh = await makeAtlas(patronus, x0, { ...options, fresh: 5 }, artefacts)
    expect(calls()).toBe(2 + 4 * 2)
    const { s } = await model.encode(x0)
    const noise = startNoise(model.info.config, 5, 0, 2)
    const formed = await sampleMany(model, { x: noise, t: 999 }, s, { steps: 2, batch: 2 })
    fresh.rebuilt.data.forEach((v, i) => expect(Math.abs(v - Math.min(1, Math.max(-1, formed.data[i])))).toBeLessThan(0.004))
    const one = await makeAtlas(model, rows(x0, 0, 1), { ...options, fresh: 5 }, shelf().artefacts)
    one.rebuilt.data.forEach((v, i) => expect(Math.abs(v - fresh.rebuilt.data[i])).toBeLessThan(0.009))
    const other = await makeAtlas(model, x0, { ...options, fresh: 6 }, artefacts)
    expect([...other.rebuilt.data]).not.toEqual([...fresh.rebuilt.data])
  })

  test('makes a spoilt part again and no other', async () => {
    const { kept, artefacts } = shelf()
    const straight = await make(model, artefacts)
    const [, , name] = [...kept.keys()]
    const good = kept.get(name)!
    for (const spoilt of [new Uint8Array(), good.subarray(0, good.length - 1), new Uint8Array(200).fill(7), new Uint8Array(8)]) {
      kept.set(name, spoilt)
      const { patronus, calls } = counted(model)
      expect(whole(await make(patronus, artefacts))).toEqual(whole(straight))
      expect(calls()).toBe(2 + 2)
      expect(kept.get(name)).toEqual(good)
    }
  })

  test('depends on the batch in its time, not in its numbers, and other pictures or steps share no parts', async () => {
    const { kept, artefacts } = shelf()
    const small = await make(model, artefacts)
    const large = await makeAtlas(model, faces(2, channels), { steps: 2 }, shelf().artefacts)
    expect(large.entries.map(({ cells }) => cells)).toEqual(small.entries.map(({ cells }) => cells))
    large.entries.forEach(({ after }, i) => after.forEach((s, e) => expect(s).toBeCloseTo(small.entries[i].after[e], 4)))
    const parts = kept.size
    await makeAtlas(model, faces(2, channels), { ...options, steps: 3 }, artefacts)
    await make(
      model,
      artefacts,
      Infinity,
      map(faces(2, channels), v => v / 2),
    )
    expect(kept.size).toBe(3 * parts)
  })

  test('raises each prototype to its own maximum, frames a cell of each picture, and scores between -1 and 1', async () => {
    const { entries, images, rebuilt, shuffled } = await make(model, shelf().artefacts)
    expect([images.shape, rebuilt.shape]).toEqual([[8, 16, 16, channels], [2, 16, 16, channels]]) // prettier-ignore
    expect(entries.map(({ value }) => value)).toEqual([0.5, 0.6, 0.7, 0.8])
    for (const { consistency, boxes, cells } of entries) {
      expect(Math.abs(consistency!)).toBeLessThanOrEqual(1 + 1e-6)
      expect([boxes.length, cells.length]).toEqual([2, 2])
      for (const { x0, y0, x1, y1 } of boxes) expect(x0 >= 0 && y0 >= 0 && x1 <= 16 && y1 <= 16 && x0 < x1 && y0 < y1).toBe(true)
    }
    expect(shuffled!.mean).toBeLessThanOrEqual(shuffled!.high)
  })

  test.each([
    [1, [0, 1]],
    [3, [2]],
    [1, [3]],
  ])(
    'of %i pictures and prototypes %j has null where a number does not exist, and its page no NaN',
    async (count, prototypes) => {
      const atlas = await makeAtlas(model, faces(count, channels), { steps: 2, prototypes }, shelf().artefacts)
      expect(atlas.entries.map(({ prototype }) => prototype)).toEqual(prototypes)
      expect(atlas.entries.every(({ consistency }) => (consistency === null) === (count === 1))).toBe(true)
      expect(atlas.shuffled).toBeNull()
      expect(badNumbers(atlasReport(atlas, model.info, []))).toEqual([])
    },
  )

  test('wants at least one picture and one prototype, and prototypes that exist', async () => {
    const none = makeAtlas(model, faces(0, channels), options, shelf().artefacts)
    await expect(none).rejects.toThrow('at least one picture and one prototype')
    await expect(makeAtlas(model, faces(1, channels), { ...options, prototypes: [] }, shelf().artefacts)).rejects.toThrow(
      'got none',
    )
    await expect(makeAtlas(model, faces(1, channels), { ...options, prototypes: [9] }, shelf().artefacts)).rejects.toThrow(
      'prototype 9 does not exist: "tiny" has 4',
    )
  })
})

describe('consistency', () => {
  test('is 1 for features that point the same way, however long, 0 for orthogonal ones, -1 for a pair of opposites', () => {
    expect(meanCosine(tensor([3, 2], [1, 2, 2, 4, 0.5, 1]))).toBeCloseTo(1, 6)
    expect(meanCosine(tensor([2, 2], [1, 0, 0, 3]))).toBe(0)
    expect(meanCosine(tensor([2, 2], [1, 1, -2, -2]))).toBeCloseTo(-1, 6)
  })

  test('is the mean over all pairs, lies in [-1, 1], and takes features of zeros for agreeing with nothing', () => {
    for (let seed = 0; seed < 20; seed++) {
      const z = gaussian([5, 3], seed)
      const row = (i: number) => [...rows(z, i, i + 1).data]
      const cosine = (a: number[], b: number[]) =>
        a.reduce((sum, v, d) => sum + v * b[d], 0) / Math.hypot(...a) / Math.hypot(...b)
      let sum = 0
      for (let i = 0; i < 5; i++) for (let j = 0; j < i; j++) sum += cosine(row(i), row(j))
      expect(meanCosine(z)).toBeCloseTo(sum / 10, 6)
      expect(Math.abs(meanCosine(z)!)).toBeLessThanOrEqual(1)
    }
    expect(meanCosine(zeros([3, 4]))).toBeCloseTo(0, 12)
    expect(meanCosine(tensor([2, 2], [0, 0, 1, 1]))).toBeCloseTo(0, 12)
  })

  test('does not exist for one picture or none', () =>
    expect([meanCosine(zeros([1, 4])), meanCosine(zeros([0, 4]))]).toEqual([null, null]))
})

describe('a part of an atlas', () => {
  const eight = (shape: number[], seed: number) =>
    map(gaussian(shape, seed), v => Math.round((Math.max(-1, Math.min(1, v)) + 1) * 127.5) / 127.5 - 1)
  const part: AtlasPart = {
    prototypes: [3, 5],
    values: [0.1 + 0.2, 1e-9],
    after: [[Math.PI], [0]],
    cells: [[4], [0]],
    z: gaussian([2, 7], 1),
    images: eight([2, 5, 3, 3], 2),
  }
  const empty: AtlasPart = { prototypes: [], values: [], after: [], cells: [], z: zeros([0, 7]), images: eight([1, 2, 2, 1], 4) }

  test.each([
    ['two prototypes in colour', part],
    ['nothing raised, grey', empty],
  ])('of %s comes back to the bit', (_, whole) => expect(decodePart(encodePart(whole))).toEqual(whole))

  test('is nothing when a byte is missing, at whatever place it was cut, or when the head is of something else', () => {
    const bytes = encodePart(part)
    for (let length = 0; length < bytes.length; length++) expect(decodePart(bytes.subarray(0, length))).toBeUndefined()
    for (const head of ['null', '[]', '{}', '{"z":[1,1]}', '"text"', '7', '{'.padEnd(8)]) {
      const text = new TextEncoder().encode(head.padEnd(Math.ceil(head.length / 4) * 4))
      expect(decodePart(Uint8Array.from([text.length, 0, 0, 0, ...text]))).toBeUndefined()
    }
    expect(decodePart(Uint8Array.from([3, 0, 0, 0, ...bytes.subarray(4)]))).toBeUndefined()
  })

  test('is read wherever it lies in a larger buffer', () => {
    const bytes = encodePart(part)
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(decodePart(shifted.subarray(3))).toEqual(part)
  })
})
