import { extrapolate as extrapolateOn } from '../analysis/extrapolate.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Noise, Table, Ui } from '../nodes/node.ts'
import { maxDifference } from './npy.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

/** Editing s and x_T: relations that hold for any weights, on a tiny model. */

let model: Patronus
beforeAll(async () => void (model = await tinyPatronus()))
afterAll(() => model.dispose())

type Result = Record<string, unknown> & { ui?: Ui }
const run = async (type: string, inputs: Record<string, unknown>, { context } = quietContext(model)): Promise<Result> =>
  (await catalog.get(type)!.run({ model, ...inputs }, context)) as Result
const pictures = (count: number, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], 3), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
const noise = (count: number, seed = 1, t = 999): Noise => ({ x: gaussian([count, 16, 16, 3], seed), t })
const round = (x: Tensor) => [...x.data].map(v => Number(v.toFixed(4)))

describe('Blend Activations', () => {
  const a = tensor([2, 4], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
  const b = tensor([1, 4], [0.5, 0.1, 0.9, 0])
  const blend = async (inputs: Record<string, unknown>) =>
    (
      await run('PatronusBlendActivations', {
        activations_a: a,
        activations_b: b,
        mode: 'mix',
        amount: 0.5,
        take_part: 'all',
        ...inputs,
      })
    ).activations as Tensor

  test('mixing is a at amount 0 and b at amount 1, exactly, and in the middle half way', async () => {
    expect((await blend({ amount: 0 })).data).toEqual(a.data)
    expect((await blend({ amount: 1 })).data).toEqual(Float32Array.of(...b.data, ...b.data))
    expect(round(rows(await blend({}), 0, 1))).toEqual([0.3, 0.15, 0.6, 0.2])
  })

  test('take, maximum and minimum choose entry by entry, whatever the amount', async () => {
    for (const amount of [0, 0.7]) {
      expect(round(await blend({ mode: 'take', amount }))).toEqual([0.5, 0.1, 0.9, 0, 0.5, 0.1, 0.9, 0])
      expect(round(await blend({ mode: 'maximum', amount }))).toEqual([0.5, 0.2, 0.9, 0.4, 0.5, 0.6, 0.9, 0.8])
      expect(round(await blend({ mode: 'minimum', amount }))).toEqual([0.1, 0.1, 0.3, 0, 0.5, 0.1, 0.7, 0])
    }
  })

  test('leaves prototypes that take no part as they are in a', async () => {
    const only = await blend({ mode: 'take', take_part: 'only these', prototypes: '2-3' })
    expect(round(only)).toEqual([0.1, 0.2, 0.9, 0, 0.5, 0.6, 0.9, 0])
    const but = await blend({ mode: 'take', take_part: 'all but these', prototypes: '2-3' })
    expect(round(but)).toEqual([0.5, 0.1, 0.3, 0.4, 0.5, 0.1, 0.7, 0.8])
  })

  test('serves many rows with one on either side, and refuses other numbers', async () => {
    expect((await blend({ activations_a: b, activations_b: a })).shape).toEqual([2, 4])
    await expect(blend({ activations_b: zeros([3, 4]) })).rejects.toThrow('the two activations are of 2 and 3 pictures')
  })

  test.each([
    [{ take_part: 'only these', prototypes: ' ' }, '"only these" wants a list such as "3, 17, 30-35", got none'],
    [{ take_part: 'all but these', prototypes: '2, 9' }, 'prototype 9 does not exist: "tiny" has 4'],
    [{ take_part: 'only these', prototypes: 'hat' }, 'cannot read "hat" as prototypes'],
    [{ activations_b: zeros([1, 7]) }, 'activations should be [B,4] for "tiny", got [1,7]'],
  ])('refuses: %#', (inputs, message) => expect(blend(inputs)).rejects.toThrow(message))
})

describe('Interpolate', () => {
  const s = tensor([1, 4], [0.1, 0.2, 0.3, 0.4])
  const interpolate = (inputs: Record<string, unknown> = {}) =>
    run('PatronusInterpolate', {
      activations_a: s,
      activations_b: zeros([1, 4]),
      noise_a: noise(1, 1),
      noise_b: noise(1, 2),
      count: 5,
      ...inputs,
    }) as Promise<Result & { activations: Tensor; noise: Noise }>

  test('gives count rows of s and noises, the first and the last exactly those of the two pictures', async () => {
    const { activations, noise: between } = await interpolate()
    expect([activations.shape, between.x.shape]).toEqual([
      [5, 4],
      [5, 16, 16, 3],
    ])
    expect(rows(activations, 0, 1).data).toEqual(s.data)
    expect(rows(activations, 4, 5).data).toEqual(zeros([1, 4]).data)
    expect(rows(between.x, 0, 1).data).toEqual(noise(1, 1).x.data)
    expect(rows(between.x, 4, 5).data).toEqual(noise(1, 2).x.data)
    expect(between.t).toBe(999)
  })

  test('is ready for Sample DDIM', async () => {
    const { activations, noise: between } = await interpolate()
    const { image } = await run('PatronusSampleDDIM', { activations, noise: between, steps: 2, eta: 0, seed: 0 })
    expect((image as Tensor).shape).toEqual([5, 16, 16, 3])
  })

  test('with the same noise twice holds the noise and moves s alone', async () => {
    const { noise: between } = await interpolate({ noise_b: noise(1, 1) })
    for (let k = 0; k < 5; k++) expect(maxDifference(rows(between.x, k, k + 1).data, noise(1, 1).x.data)).toBeLessThan(1e-6)
  })

  test.each([
    [{ activations_b: zeros([2, 4]) }, 'activations_a and activations_b are of 1 and 2 pictures; wanted one each'],
    [{ activations_b: zeros([1, 5]) }, 'activations_a is [1,4] and activations_b [1,5]'],
    [{ noise_a: noise(2) }, 'noise_a and noise_b are of 2 and 1 pictures'],
    [{ noise_b: noise(1, 2, 300) }, 'noise_a stands at timestep 999 and noise_b at 300'],
  ])('refuses what does not fit together: %#', (inputs, message) => expect(interpolate(inputs)).rejects.toThrow(message))
})

describe('Vary Noise', () => {
  const vary = async (inputs: Record<string, unknown> = {}) =>
    (await run('PatronusVaryNoise', { noise: noise(1), count: 3, strength: 1, seed: 5, ...inputs })).noise as Noise

  test('at strength 0 is the noise itself, at strength 1 the fresh noise of that seed', async () => {
    const unchanged = await vary({ strength: 0 })
    for (let i = 0; i < 3; i++) expect(rows(unchanged.x, i, i + 1).data).toEqual(noise(1).x.data)
    const fresh = (await run('PatronusGaussianNoise', { seed: 5, count: 3 })).noise as Noise
    expect(await vary()).toEqual(fresh)
  })

  test('goes further away the greater the strength', async () => {
    const own = noise(1).x.data
    const far = async (strength: number) =>
      (await vary({ strength, count: 1 })).x.data.reduce((sum, value, i) => sum + (value - own[i]) ** 2, 0)
    const [little, half, all] = [await far(0.1), await far(0.5), await far(1)]
    expect(little).toBeLessThan(half)
    expect(half).toBeLessThan(all)
  })

  test('gives a variation the same noise however many there are', async () =>
    expect((await vary({ count: 1, strength: 0.4 })).x.data).toEqual(rows((await vary({ strength: 0.4 })).x, 0, 1).data))

  test('refuses more than one noise, and noise that still holds part of a picture', async () => {
    await expect(vary({ noise: noise(2) })).rejects.toThrow('noise holds 2 images, wanted one to vary')
    await expect(vary({ noise: noise(1, 1, 400) })).rejects.toThrow('noise stands at timestep 400, wanted pure noise (999')
  })
})

describe('Extrapolate', () => {
  const extrapolate = (inputs: Record<string, unknown> = {}, quiet = quietContext(model)) =>
    run(
      'PatronusExtrapolate',
      { images: pictures(2), prototypes: '1, 3', unit: 'value', from: 0, to: 3, count: 3, steps: 2, ...inputs },
      quiet,
    ) as Promise<Result & { grid: Tensor; images: Tensor; table: Table }>
  const column = ({ columns, rows }: Table, name: string) => rows.map(row => row[columns.indexOf(name)])

  test('forms a picture for every prototype, picture and value, and says what was set and what is read', async () => {
    const quiet = quietContext(model)
    const { images, table, ui, grid } = await extrapolate({}, quiet)
    expect(images.shape).toEqual([2 * 2 * 3, 16, 16, 3])
    expect(column(table, 'prototype')).toEqual([...Array(6).fill('1 corner'), ...Array(6).fill('3')])
    expect(column(table, 'set to')).toEqual([0, 1.5, 3, 0, 1.5, 3, 0, 1.5, 3, 0, 1.5, 3])
    const { s } = await model.encode(map(pictures(2), v => 2 * v - 1))
    expect(column(table, 's before')[6]).toBeCloseTo(s.data[3], 3)
    expect(quiet.heard.progress.at(-1)).toEqual([2 * 5, 2 * 5])
    expect(quiet.heard.svgs[0]).toContain('prototype 1 corner, image 1')
    expect(ui).toMatchObject({ images: [expect.anything()], tables: [table] })
    expect(grid.shape[3]).toBe(3)
  })

  test('reads what the encoder says of each result', async () => {
    const options = { from: 0, to: 2, count: 3, unit: 'value', steps: 2 } as const
    const [, second] = await extrapolateOn(
      model,
      map(pictures(2), v => 2 * v - 1),
      [3],
      options,
    )
    const { s } = await model.encode(second.images)
    expect(second).toMatchObject({ prototype: 3, image: 1, values: [0, 1, 2], after: [s.data[3], s.data[7], s.data[11]] })
  })

  test('begins every row at one noise: at the value s had, the result is the reconstruction', async () => {
    const images = pictures(1)
    const { s } = await model.encode(map(images, v => 2 * v - 1))
    const own = s.data[2]
    const { images: swept } = await extrapolate({ images, prototypes: '2', from: own, to: own + 1, count: 2 })
    const { noise: start } = await run('PatronusInvertDDIM', { images, steps: 2 })
    const { image } = await run('PatronusSampleDDIM', { activations: s, noise: start, steps: 2, eta: 0, seed: 0 })
    expect(maxDifference(rows(swept, 0, 1).data, (image as Tensor).data)).toBeLessThan(1e-4)
    const given = await extrapolate({ images, prototypes: '2', from: own, to: own + 1, count: 2, noise: start })
    expect(maxDifference(given.images.data, swept.data)).toBeLessThan(1e-4)
  })

  test('has no reading, and no NaN, of a picture driven beyond all numbers', async () => {
    const { table } = await extrapolate({ images: pictures(1), prototypes: '2', to: 1e39, count: 2 })
    expect(column(table, 's read')).toEqual([expect.any(Number), null])
  })

  test("multiplies the prototype's own maximum when asked", async () => {
    const { table } = await extrapolate({ unit: 'times its maximum', prototypes: '3', images: pictures(1, 1), to: 2, count: 3 })
    expect(column(table, 'set to')).toEqual([0, 0.8, 1.6])
    expect(column(table, 'times its maximum')).toEqual([0, 1, 2])
  })

  test('without measured ranges has no share of the maximum, and multiplies the largest s of the pictures', async () => {
    const bare = await tinyPatronus({ ranges: false })
    const { table } = await extrapolate({ model: bare, unit: 'times its maximum', prototypes: '3', from: 1, to: 2, count: 2 })
    const { s } = await bare.encode(map(pictures(2), v => 2 * v - 1))
    expect(column(table, 'set to')[0]).toBeCloseTo(Math.max(...s.data), 3)
    expect(column(table, 'times its maximum')).toEqual([null, null, null, null])
  })

  test.each([
    [{ prototypes: '' }, 'prototypes: wanted at least one'],
    [{ prototypes: '4' }, 'prototype 4 does not exist: "tiny" has 4; choose 0 … 3'],
    [{ noise: noise(3) }, 'noise holds 3 images, but there are 2 pictures'],
    [{ prototypes: '0-3', count: 100 }, 'a grid holds at most 512 pictures, this one would have 800'],
  ])('refuses before it samples anything: %#', async (inputs, message) => {
    const quiet = quietContext(model)
    await expect(extrapolate(inputs, quiet)).rejects.toThrow(message)
    expect(quiet.heard.previews).toEqual([])
  })
})
