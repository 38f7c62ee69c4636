import { makeAtlas, type Atlas } from '../analysis/atlas.ts'
import { partnerOf } from '../analysis/counterpart.ts'
import { couplings, excessOf, readAnswers, type Answers } from '../analysis/couplings.ts'
import { couplingsReport } from '../analysis/reports/couplings.ts'
import { createPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import { exactBox, receptiveField } from '../model/receptive-field.ts'
import { map, rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { badNumbers } from './bad-numbers.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const faces = (count: number, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], 3), v => Math.max(-1, Math.min(1, v / 2)))

/** The tiny model with patches so small that most of a picture is outside of each: 7×7 cells of 5 pixels, 2 apart. */
async function smallPatches(channels: 1 | 3): Promise<Patronus> {
  const { id, info } = tinyCheckpoint({ channels, prior: false })
  const config = { ...info.config, encoder: { ...info.config.encoder, kernels: [3, 2, 1, 1] } }
  return createPatronus(
    { id: `${id}-small`, info: { ...info, config }, weights: initialWeights(config, 1) },
    { device: 'tfjs-cpu' },
  )
}

const nowhere = { read: async () => undefined, write: async () => {} }

/** An atlas whose pictures are given: the pictures as they are, and for each prototype changed ones, raised at `cell`. */
function atlasOf(model: Patronus, rebuilt: Tensor, changed: readonly Tensor[], cell: number): Atlas {
  const { config } = model.info
  const count = rebuilt.shape[0]
  const field = receptiveField(config.encoder, config.image.height)
  const many = <T>(value: T): T[] => Array.from({ length: count }, () => value)
  return {
    entries: changed.map((_, prototype) => ({
      prototype,
      value: 1,
      before: many(0),
      after: many(1),
      cells: many(cell),
      boxes: many(exactBox(field, cell, config.image.height)),
      consistency: null,
    })),
    images: {
      shape: [count * changed.length, ...rebuilt.shape.slice(1)],
      data: Float32Array.from(changed.flatMap(({ data }) => [...data])),
    },
    rebuilt,
    faces: count,
    steps: 2,
    shuffled: null,
  }
}

describe.each([1, 3] as const)('answers read by a model of %i colours', channels => {
  let model: Patronus
  beforeAll(async () => void (model = await smallPatches(channels)))
  afterAll(() => model.dispose())

  /** x with other pixels inside, or outside, of the box of a cell. */
  const scrambled = (x: Tensor, cell: number, where: 'inside' | 'outside') => {
    const { config } = model.info
    const box = exactBox(receptiveField(config.encoder, 16), cell, 16)
    return map(x, (v, i) => {
      const [row, column] = [Math.floor(i / channels / 16) % 16, Math.floor(i / channels) % 16]
      const isInside = row >= box.y0 && row < box.y1 && column >= box.x0 && column < box.x1
      return isInside === (where === 'inside') ? -v : v
    })
  }

  test('never see the box of what was raised: whatever happens inside, nothing outside answers', async () => {
    const x = faces(2, channels)
    const { n } = receptiveField(model.info.config.encoder, 16)
    for (const cell of [0, n - 1, n * n - 1]) {
      const atlas = atlasOf(model, x, [scrambled(x, cell, 'inside'), scrambled(x, cell, 'outside')], cell)
      const [inside, outside] = await readAnswers(atlas, model)
      expect([...inside.changes.data].every(change => Math.abs(change) < 1e-4)).toBe(true)
      expect(outside.changes.shape).toEqual([2, 4])
      expect([...outside.changes.data].some(change => Math.abs(change) > 1e-3)).toBe(true)
    }
  })

  test('of one picture have no interval, so nothing is called a coupling; the page has no NaN', async () => {
    for (const count of [1, 3]) {
      const atlas = await makeAtlas(model, faces(count, channels), { steps: 2 }, nowhere)
      const answers = await readAnswers(atlas, model)
      const found = couplings(atlas, answers, model, { seed: 1 })
      if (count === 1) expect(found).toEqual([])
      for (const { raised, answers, answer } of found) {
        expect(raised).not.toBe(answers)
        expect(answer.interval!.low <= answer.mean && answer.mean <= answer.interval!.high).toBe(true)
      }
      expect(
        badNumbers(couplingsReport({ info: model.info, atlas, edit: 'maximum', noise: 'inverted', couplings: found }, [])),
      ).toEqual([])
    }
  })

  test('are refused to a reader of other pictures, with both sizes', async () => {
    const other = await smallPatches(channels === 1 ? 3 : 1)
    const x = faces(1, channels)
    await expect(readAnswers(atlasOf(model, x, [x], 0), other)).rejects.toThrow(`the atlas is of 16×16×${channels}`)
    await other.dispose()
  })
})

describe('couplings', () => {
  let model: Patronus
  beforeAll(async () => void (model = await smallPatches(3)))
  afterAll(() => model.dispose())

  /** Four prototypes raised on five pictures; `means[j][k]` is how k answers to j, with a little noise around it. */
  const answersOf = (means: readonly (readonly number[])[]): Answers[] =>
    means.map((row, raised) => {
      const noise = gaussian([5, 4], raised).data
      return {
        raised,
        changes: tensor(
          [5, 4],
          Array.from(noise, (v, i) => row[i % 4] + 0.01 * v),
        ),
        places: [0, 1, 2, 3],
      }
    })
  const none = [0, 0, 0, 0]
  const atlas = () => atlasOf(model, zeros([5, 16, 16, 3]), [zeros([5, 16, 16, 3]), zeros([5, 16, 16, 3]), zeros([5, 16, 16, 3]), zeros([5, 16, 16, 3])], 5) // prettier-ignore

  test('begin with the one that was planted, whichever way it goes, and leave out what a prototype does to itself', () => {
    const found = couplings(atlas(), answersOf([[9, 0, -2, 0], none, [0, 0, 0, 1], none]), model, { seed: 1 })
    expect([found[0].raised, found[0].answers]).toEqual([0, 2])
    expect(found[0].excess).toBeCloseTo(-2, 1)
    expect([found[1].raised, found[1].answers]).toEqual([2, 3])
    expect(found.some(({ raised, answers }) => raised === answers)).toBe(false)
  })

  test('lose what the clean model couples in the same way, though its prototypes stand in another order', () => {
    // Prototype j of the model is prototype 3 - j of the clean one, over the same pictures.
    const theirs = map(gaussian([30, 4], 9), Math.abs)
    const own = tensor([30, 4], Array.from({ length: 30 }, (_, i) => [...rows(theirs, i, i + 1).data].reverse()).flat())
    const counterparts = { theirs, own }
    expect([0, 1, 2, 3].map(j => partnerOf(j, counterparts).prototype)).toEqual([3, 2, 1, 0])
    expect(partnerOf(1, counterparts).alike).toBeCloseTo(1, 6)
    // Both are read by the clean model's encoder, so columns mean the same.
    const answers = answersOf([[0, 0, 2, 0], [0, 1.5, 0, 0], none, none])
    const clean = { answers: answersOf([[0, 0, 1.9, 0], none, none, none]), counterparts }
    const found = couplings(atlas(), answers, model, { seed: 1, clean })
    expect([found[0].raised, found[0].answers]).toEqual([1, 1])
    const subtracted = found.find(({ raised, answers }) => raised === 0 && answers === 2)!
    expect(subtracted.excess).toBeCloseTo(0.1, 1)
    expect(subtracted.clean!.prototype).toBe(3)
    const all = {
      info: model.info,
      control: model.info,
      atlas: atlas(),
      edit: 'usual' as const,
      noise: 'fresh' as const,
      couplings: found,
    }
    expect(badNumbers(couplingsReport(all, []))).toEqual([])
  })

  test('that are sure come before larger ones that hang on a single picture', () => {
    const [steady, chance] = [answersOf([[0, 0, 2, 0], none, none, none])[0], answersOf([none, none, none, none])[1]]
    // Prototype 3 answers to 1 by 15 in one picture of five, and by .1 in the others.
    const once = {
      ...chance,
      changes: tensor([5, 4], [...[0, 0, 0, 15], ...Array.from({ length: 4 }, () => [0, 0, 0, 0.1]).flat()]),
    }
    const found = couplings(atlas(), [steady, once], model, { seed: 1 })
    expect(found.slice(0, 2).map(({ raised, answers }) => [raised, answers])).toEqual([[0, 2], [1, 3]]) // prettier-ignore
    expect(found[1].excess).toBeGreaterThan(found[0].excess)
    expect(found[1].sure).toBeLessThan(found[0].sure)
  })

  test('of constant s are matched with nothing in particular, and never NaN', () =>
    expect(partnerOf(0, { theirs: zeros([4, 2]), own: zeros([4, 3]) })).toEqual({ prototype: 0, alike: 0 }))

  test('name the middles of the patches in pixels', () => {
    const [{ from, to }] = couplings(atlas(), answersOf([[0, 0, 2, 0], none, none, none]), model, { seed: 1 })
    const { n, jump, start } = receptiveField(model.info.config.encoder, 16)
    expect(from).toEqual({ x: start + (5 % n) * jump, y: start + Math.floor(5 / n) * jump })
    expect(to).toEqual({ x: start + (2 % n) * jump, y: start + Math.floor(2 / n) * jump })
  })
})

test('a coupling that only the clean model has is none of this one; what both have counts by the difference', () => {
  const of = (answer: number, explained: number) =>
    excessOf([answer - 0.1, answer, answer + 0.1], [explained, explained, explained], 1).excess
  expect(of(0.5, 2)).toBe(0)
  expect(Math.abs(of(-0.5, -2))).toBe(0)
  expect(of(2, 0.5)).toBeCloseTo(1.5)
  expect(of(-2, -0.5)).toBeCloseTo(-1.5)
  // The clean model answers the other way: nothing of it is explained.
  expect(of(-1, 3)).toBe(-1)
})

test('what differs from face to face alike in both models leaves an excess as sure as if faces were all the same', () => {
  const face = [0, 5, 1, 9, 3, 7]
  const shared = excessOf(face.map(v => v + 2), face, 1) // prettier-ignore
  expect([shared.excess, shared.sure]).toEqual([expect.closeTo(2), expect.closeTo(2)])
  expect(excessOf(face.map(v => v + 2), [...face].reverse(), 1).sure).toBeLessThan(1) // prettier-ignore
  expect(excessOf(face, undefined, 1).sure).toBeLessThan(4)
})
