import { reconstruct } from '../analysis/conditional-samples.ts'
import { firstPictures, type DataSet } from '../analysis/data-set.ts'
import {
  columnOf,
  exclusiveGroups,
  raiseEffects,
  randomRaises,
  raisesOf,
  shiftOf,
  shuffledShifts,
  suspiciousPairs,
  usualShifts,
  type Diagnosis,
  type RaiseEffect,
} from '../analysis/diagnose.ts'
import { examine } from '../analysis/examine.ts'
import { column, withColumn } from '../analysis/ranges.ts'
import { startNoise } from '../analysis/conditional-samples.ts'
import { sampleMany } from '../analysis/regenerate.ts'
import { diagnoseReport, isSuspicious, mostMoved, type Diagnosed } from '../analysis/reports/diagnose.ts'
import { standFor } from '../analysis/stand-for.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian, random } from '../model/noise.ts'
import { tensor, zeros, type Tensor } from '../model/tensor.ts'
import { badNumbers } from './bad-numbers.ts'
import { brightPictures, brightReader } from './bright-reader.ts'
import { tinyPatronus } from './tiny-model.ts'

const options = { steps: 2, seed: 1, resamples: 200 }
const asked = { top: 1, random: 2, pictures: 4, steps: 2, seed: 1 }

describe.each([1, 3] as const)('a model of %i colours under diagnosis', channels => {
  let model: Patronus
  const data = brightPictures(12, channels)
  beforeAll(async () => void (model = await tinyPatronus({ channels })))
  afterAll(() => model.dispose())

  test('moves, when nothing is raised, by exactly what inversion and sampling alone do', async () => {
    const x0 = firstPictures(data, 3)
    const { unchanged, raises } = await raiseEffects(model, x0, brightReader, [{ name: 'none', prototypes: [] }], options)
    const back = await brightReader.probabilities(await reconstruct(model, x0, { steps: 2 }))
    const before = await brightReader.probabilities(x0)
    unchanged.deltas.data.forEach((delta, i) => expect(delta).toBeCloseTo(back.data[i] - before.data[i], 4))
    expect(raises[0].deltas).toEqual(unchanged.deltas)
  })

  test('from fresh noise measures against what that noise becomes with nothing raised, whatever the pictures showed', async () => {
    const x0 = firstPictures(data, 3)
    const raise = { name: 'a', prototypes: [0], value: 3 }
    const heard: number[] = []
    const ask = (pictures: Tensor) =>
      raiseEffects(
        model,
        pictures,
        brightReader,
        [raise],
        { ...options, noise: 'fresh' },
        { onStep: done => void heard.push(done) },
      )
    const { unchanged, raises, before, noise } = await ask(x0)
    expect([noise, heard]).toEqual(['fresh', [1, 2, 3, 4]])
    expect([...unchanged.deltas.data].every(delta => delta === 0)).toBe(true)
    const { s } = await model.encode(x0)
    const from = { x: startNoise(model.info.config, options.seed, 0, x0.shape[0]), t: 999 }
    expect([...before.data]).toEqual([...(await sampleMany(model, from, s, { steps: 2 })).data])
    const formed = await sampleMany(model, from, withColumn(s, 0, 3), { steps: 2 })
    const [known, after] = [await brightReader.probabilities(before), await brightReader.probabilities(formed)]
    raises[0].deltas.data.forEach((delta, i) => expect(delta).toBeCloseTo(after.data[i] - known.data[i], 6))
  })

  test('averages an effect over the pictures it is asked about, and tells that of every picture', async () => {
    const raise = { name: 'a', prototypes: [0], among: [0, 2] }
    const { raises } = await raiseEffects(model, firstPictures(data, 3), brightReader, [raise], options)
    raises[0].shifts.forEach(({ mean }, a) => {
      const deltas = columnOf(raises[0].deltas, a)
      expect(deltas).toHaveLength(3)
      expect(mean).toBeCloseTo((deltas[0] + deltas[2]) / 2, 6)
    })
  })

  test('takes both ways to bring an attribute, over the pictures that lack it', async () => {
    for (const edit of ['maximum', 'usual'] as const) {
      const { diagnosis } = await examine(model, data, brightReader, { ...asked, edit, random: 1 })
      const labels = (name: string) => columnOf(tensor([12, 2], Array.from(data.attributes!.values)), data.attributes!.names.indexOf(name)) // prettier-ignore
      for (const { raise } of diagnosis.raises) {
        expect(raise.shift?.length).toBe(edit === 'usual' ? 4 : undefined)
        expect(raise.among).toEqual([0, 1, 2, 3].filter(i => labels(raise.name)[i] === 0))
      }
    }
  })

  test('counts its steps from 1 to the total, once each, whatever the batch; throwing stops it within a step', async () => {
    const heard: [number, number][] = []
    const run = (stopAt = Infinity) =>
      raiseEffects(
        model,
        firstPictures(data, 3),
        brightReader,
        [{ name: 'a', prototypes: [0] }],
        { ...options, batch: 2 },
        {
          onStep: (done, total) => {
            heard.push([done, total])
            if (done === stopAt) throw new Error('cancelled')
          },
        },
      )
    await run()
    // 2 batches of 2 steps for the inversion, nothing, and the raise
    expect(heard).toEqual(Array.from({ length: 12 }, (_, i) => [i + 1, 12]))
    heard.length = 0
    await expect(run(3)).rejects.toThrow('cancelled')
    expect(heard).toHaveLength(3)
  })

  test.each([1, 4])('on %i pictures gives a page without NaN, an interval only where there is more than one', async pictures => {
    const found = await examine(model, data, brightReader, { ...asked, pictures })
    const control = await examine(model, data, brightReader, { ...asked, pictures, random: 0 })
    expect(found.diagnosis.raises.map(({ raise }) => raise.name)).toEqual(brightReader.names)
    expect(found.random).toHaveLength(2)
    for (const { shifts } of [...found.diagnosis.raises, ...found.random, found.diagnosis.unchanged])
      for (const { interval } of shifts) expect(interval === null).toBe(pictures === 1)
    const pairs = suspiciousPairs(found.diagnosis, found.random, control.diagnosis, exclusiveGroups(data))
    // The control is the model itself, so nothing is beyond it.
    expect(pairs.map(({ suspicion }) => suspicion)).toEqual([0, 0])
    expect(pairs.some(isSuspicious)).toBe(false)
    const all: Diagnosed = { ...found, info: model.info, pairs, control: { info: model.info, diagnosis: control.diagnosis } }
    expect(badNumbers(diagnoseReport(all, []))).toEqual([])
    expect(badNumbers(diagnoseReport({ ...all, control: undefined, random: [], pairs: [] }, []))).toEqual([])
  })

  test('says what is missing: pictures, attributes, a known name, both kinds of pictures, the right size', async () => {
    const { attributes, ...bare } = data
    const constant: DataSet = { ...data, attributes: { names: brightReader.names, values: new Uint8Array(24) } }
    const ask = (set: DataSet, more = {}) => examine(model, set, brightReader, { ...asked, ...more })
    await expect(raiseEffects(model, zeros([0, 16, 16, channels]), brightReader, [], options)).rejects.toThrow(
      'at least one picture',
    )
    await expect(ask(bare)).rejects.toThrow('grounds has no attributes to tell shortcuts by')
    await expect(ask(data, { attributes: ['hat'] })).rejects.toThrow('no attribute "hat"; it has: bright above, bright below')
    await expect(ask(constant, { attributes: ['bright above'] })).rejects.toThrow('"bright above" is the same in all 12 pictures')
    await expect(ask(constant)).rejects.toThrow('every attribute is the same in all 12 pictures')
    await expect(ask({ ...data, shape: [8, 32, channels] })).rejects.toThrow(
      `are 8×32×${channels}, "tiny" wants 16×16×${channels}`,
    )
    await expect(ask(data, { raises: [{ name: 'x', prototypes: [4] }] })).rejects.toThrow('prototype 4 does not exist')
    expect(attributes).toBeDefined()
  })
})

describe('what stands for an attribute', () => {
  const stream = random(3)
  const labels = Uint8Array.from({ length: 60 }, () => stream.int(2))
  /** Five prototypes of noise; 3 is higher with the attribute, 1 lower, 4 a little higher. */
  const s = tensor([60, 5], Array.from(labels).flatMap(y => [stream.normal(), -3 * y + stream.normal(), stream.normal(), 3 * y + stream.normal(), y + stream.normal()])) // prettier-ignore

  test('is the prototype that was planted, then the weaker one; one that tells it by its absence comes last', () => {
    const found = standFor(s, labels, 'hat', 5)
    expect(found.map(({ prototype }) => prototype).slice(0, 2)).toEqual([3, 4])
    expect(found[4].prototype).toBe(1)
    expect(found[0].auroc).toBeGreaterThan(0.95)
    expect(standFor(s, labels, 'hat', 1)).toEqual(found.slice(0, 1))
  })

  test('is nothing for an attribute that does not vary, and the error names it', () =>
    expect(() => standFor(s, new Uint8Array(60), 'hat', 2)).toThrow('attribute "hat" is the same in all 60 pictures'))

  test('is asked only of attributes that vary in the pictures at hand', () => {
    const values = Uint8Array.from([...labels].flatMap((y, i) => [y, 1, i < 60 ? 0 : 1]))
    const data: DataSet = {
      name: 'x',
      shape: [1, 1, 1],
      images: new Uint8Array(60),
      attributes: { names: ['hat', 'head', 'tail'], values },
    }
    expect(raisesOf(s, data, 2)).toEqual([{ name: 'hat', prototypes: [3, 4] }])
    expect(usualShifts(s, data, 2).map(({ name }) => name)).toEqual(['hat'])
  })

  test('moves s, the usual way, by the difference between pictures with it and without it; random steps are as large', () => {
    const data: DataSet = { name: 'x', shape: [1, 1, 1], images: new Uint8Array(60), attributes: { names: ['hat'], values: labels } } // prettier-ignore
    const raises = usualShifts(s, data, 2)
    const [{ shift = [] }] = raises
    const meanOf = (j: number, label: number) => {
      const own = column(s, j).filter((_, i) => labels[i] === label)
      return own.reduce((sum, value) => sum + value, 0) / own.length
    }
    shift.forEach((step, j) => expect(step).toBeCloseTo(meanOf(j, 1) - meanOf(j, 0), 6))
    expect(shift[3]).toBeGreaterThan(2)
    expect(shift[1]).toBeLessThan(-2)
    const [one, two] = shuffledShifts(raises, 2, 3)
    for (const other of [one, two]) expect([...other.shift!].sort()).toEqual([...shift].sort())
    expect(one.shift).not.toEqual(two.shift)
    expect(shuffledShifts([{ name: 'a', prototypes: [1] }], 2, 3)).toEqual([])
    // As many for each edit, though fewer were asked for, and over the same pictures.
    const small = { name: 'small', prototypes: [], shift: [0.1, 0, 0, 0, 0], among: [4] }
    const dealt = shuffledShifts([...raises, small], 1, 3)
    expect(dealt.map(({ of, among }) => [of, among])).toEqual([['hat', undefined], ['small', [4]]]) // prettier-ignore
    expect([...dealt[1].shift!].sort()).toEqual([0, 0, 0, 0, 0.1])
  })

  test('random groups hold no prototype that was named, none twice, and are the same for the same seed', () => {
    const groups = randomRaises(10, 3, 4, [0, 1, 2], 7)
    for (const { prototypes } of groups) {
      expect(new Set(prototypes).size).toBe(3)
      expect(prototypes.every(j => j >= 3 && j < 10)).toBe(true)
    }
    expect(randomRaises(10, 3, 4, [0, 1, 2], 7)).toEqual(groups)
    expect(randomRaises(3, 2, 1, [0, 1, 2], 7)[0].prototypes).toEqual([])
  })
})

describe('pairs', () => {
  const names = ['black', 'blond', 'smile']
  /** What raising `name` did to the three attributes on two pictures. */
  const effect = (name: string, means: readonly number[]): RaiseEffect => ({
    raise: { name, prototypes: [0] },
    shifts: means.map(mean => shiftOf([mean - 0.05, mean + 0.05], { seed: 1 })),
    deltas: tensor([2, 3], [...means.map(m => m - 0.05), ...means.map(m => m + 0.05)]),
    images: zeros([2, 2, 2, 1]),
  })
  const diagnosis = (raises: readonly RaiseEffect[], unchanged = [0, 0, 0]): Diagnosis => ({
    attributes: names,
    pictures: 2,
    noise: 'inverted',
    before: tensor([2, 2, 2, 1], [0, 0, 0, 0, 1, 1, 1, 1]),
    unchanged: effect('nothing', unchanged),
    raises,
  })
  const biased = diagnosis([
    effect('black', [0.9, -0.8, -0.5]),
    effect('blond', [-0.7, 0.8, 0.3]),
    effect('smile', [0.1, 0, 0.6]),
  ])
  const said = (pairs: ReturnType<typeof suspiciousPairs>) => pairs.map(({ raised, read }) => `${raised} → ${read}`)

  test('come most suspicious first, never of an attribute with itself or with one that excludes it', () => {
    const pairs = suspiciousPairs(biased, [effect('random 1', [0.02, 0, 0.05])], undefined, [['black', 'blond']])
    expect(said(pairs)).toEqual(['black → smile', 'blond → smile', 'smile → black', 'smile → blond'])
    expect(pairs.map(({ suspicion }) => Number(suspicion.toFixed(6)))).toEqual([0.45, 0.25, 0.08, 0])
    expect(said(suspiciousPairs(biased, [])).slice(0, 2)).toEqual(['black → blond', 'blond → black'])
  })

  test('lose what the clean model does as well, and what happens when random prototypes or none are raised', () => {
    const clean = diagnosis([effect('black', [0.9, -0.8, -0.48])])
    const [first] = suspiciousPairs(biased, [], clean, [['black', 'blond']])
    expect([first.raised, first.read, first.control]).toEqual(['blond', 'smile', undefined])
    // A step as large as another edit's is the measure for that one alone.
    const large = effect('dealt out', [0, 0, -0.45])
    const pairs = suspiciousPairs(biased, [{ ...large, raise: { ...large.raise, of: 'black' } }], undefined, [['black', 'blond']])
    expect(pairs.map(({ raised, random }) => [raised, Number(random.toFixed(2))])).toEqual([['blond', 0], ['smile', 0], ['black', 0.45], ['smile', 0]]) // prettier-ignore
    const shaky = diagnosis(biased.raises, [0, 0, -0.4])
    expect(suspiciousPairs(shaky, [], undefined, [['black', 'blond']])[0].suspicion).toBeCloseTo(0.1, 6)
  })

  test('show the pictures that moved most in the direction of the mean', () => {
    const all = { diagnosis: biased, random: [], pairs: [] }
    const [pair] = suspiciousPairs(biased, [], undefined, [['black', 'blond']])
    const moved = mostMoved(all as unknown as Diagnosed, pair)!
    // black → smile falls: the picture that fell further comes first
    expect([moved.chosen, moved.deltas.map(v => Number(v.toFixed(3)))]).toEqual([[0, 1], [-0.55, -0.45]]) // prettier-ignore
    expect([...moved.before.data]).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
  })

  test('know which attributes exclude each other only where chance would have brought them together', () => {
    const set = (count: number, at: (i: number) => readonly number[]): DataSet => ({
      name: 'x',
      shape: [1, 1, 1],
      images: new Uint8Array(count),
      attributes: { names, values: Uint8Array.from(Array.from({ length: count }, (_, i) => at(i)).flat()) },
    })
    const hair = (i: number) => [Number(i % 2 === 0), Number(i % 2 === 1), Number(i % 3 === 0)]
    expect(exclusiveGroups(set(60, hair))).toEqual([['black', 'blond']])
    expect(exclusiveGroups(set(6, hair))).toEqual([])
    expect(exclusiveGroups({ ...set(60, hair), attributes: undefined })).toEqual([])
  })
})

describe('the interval of a shift', () => {
  test('holds the mean, is null for one picture, has no width for equal ones, and is narrower for more', () => {
    for (let seed = 0; seed < 20; seed++) {
      const values = [...gaussian([12], seed).data]
      const { mean, interval } = shiftOf(values, { seed })
      expect(interval!.low).toBeLessThanOrEqual(mean)
      expect(interval!.high).toBeGreaterThanOrEqual(mean)
    }
    expect(shiftOf([0.3], { seed: 1 })).toEqual({ mean: 0.3, interval: null })
    expect(shiftOf([0.3, 0.3], { seed: 1 }).interval).toEqual({ low: 0.3, high: 0.3 })
    const width = (count: number) => {
      const { low, high } = shiftOf([...gaussian([count], 1).data], { seed: 1 }).interval!
      return high - low
    }
    expect(width(400)).toBeLessThan(width(20) / 2)
  })

  test('is of a column of the deltas', () => {
    const deltas: Tensor = tensor([2, 3], [1, 2, 3, 4, 5, 6])
    expect(columnOf(deltas, 1)).toEqual([2, 5])
  })
})
