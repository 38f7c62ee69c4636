import type { Patronus } from '../engine/patronus.ts'
import { encodeIn } from '../analysis/batches.ts'
import { compareEdits } from '../analysis/compare-edits.ts'
import { adviseDepth, editStrength } from '../analysis/edit-depth.ts'
import { emergence, type PrototypeEmergence } from '../analysis/emergence.ts'
import { frequencyRelation } from '../analysis/emergence-frequency.ts'
import { emergenceStrip } from '../analysis/emergence-strip.ts'
import { changeOf, partialEdit } from '../analysis/partial-edit.ts'
import { column, withColumn } from '../analysis/ranges.ts'
import { emergenceReport } from '../analysis/reports/emergence.ts'
import { invertImages, invertThrough, sampleFrom } from '../analysis/sampling.ts'
import { gaussian } from '../model/noise.ts'
import { map, rows, type Tensor } from '../model/tensor.ts'
import { flat, knownWorld, sluggish } from './known-world.ts'
import { tinyPatronus } from './tiny-model.ts'

/** Emergence over batches, edit depth and partial edits: relations that hold for any weights, and answers known beforehand. */

let tiny: Patronus
beforeAll(async () => void (tiny = await tinyPatronus()))
afterAll(() => tiny.dispose())

const pictures = (count: number): Tensor => map(gaussian([count, 16, 16, 3], 3), v => Math.tanh(0.4 * v)) // prettier-ignore
const furthest = (a: Tensor, b: Tensor) => a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0)
const raised = async (x0: Tensor, j: number, value: number) => {
  const { s } = await encodeIn(tiny, x0, 16)
  return { s, edited: withColumn(s, j, value) }
}
/** Every number that a report or a table could show, however deep. */
const numbersIn = (value: unknown): number[] =>
  typeof value === 'number' ? [value] : value && typeof value === 'object' ? Object.values(value).flatMap(numbersIn) : []

describe('emergence in batches', () => {
  test('gives what one batch gives: curves, onsets, intervals, fineness and depth', async () => {
    const x0 = pictures(5)
    const [whole, parts] = await Promise.all([16, 2].map(batch => emergence(tiny, x0, [0, 2], { steps: 4, batch })))
    expect(parts.pictures).toBe(5)
    expect(parts.frames[0].x0.shape[0]).toBe(2)
    const [a, b] = [whole, parts].map(found => numbersIn(found.prototypes))
    expect(a).toHaveLength(b.length)
    // float32 convolutions round differently by batch size
    a.forEach((value, i) => expect(Math.abs(value - b[i])).toBeLessThan(1e-4 * Math.max(1, Math.abs(value))))
  })

  test('of one picture has no intervals and no NaN, and says the same in its report', async () => {
    const found = await emergence(tiny, pictures(1), [1], { steps: 3 })
    expect(found.prototypes[0].rise.interval).toBeNull()
    expect(found.prototypes[0].pictureOnset.interval).toBeNull()
    expect(numbersIn(found.prototypes).every(Number.isFinite)).toBe(true)
    const report = emergenceReport(found, { info: tiny.info, facts: [] })
    expect(JSON.stringify(report)).not.toMatch(/NaN|undefined|Infinity/)
    expect(report.summary[1]).toContain('cannot be related over')
  })

  test('of a prototype that the model ignores says that it does not rise, and gives it no onset and no depth', async () => {
    const deaf: Patronus = { ...tiny, denoiser: s => tiny.denoiser(map(s, () => 0)) }
    const found = await emergence(deaf, pictures(3), [0], { steps: 3 })
    const [{ rises, onset, depth, strength, fineness }] = found.prototypes
    expect({ rises, onset, depth, strength }).toEqual({ rises: false, onset: { t10: null, t50: null, t90: null }, depth: null, strength: null }) // prettier-ignore
    expect(fineness).toEqual({ frequency: null, area: null })
    expect(emergenceStrip(found, deaf.info).values).toEqual([[null, null, null]])
  })

  test('the strip begins with the prototype that rises first and ends at 1', async () => {
    const found = await emergence(knownWorld(tiny, [300, 900, 600, 999]), flat([0, 0.1]), [0, 1, 2], { steps: 21, value: 3 })
    const { rows: names, values } = emergenceStrip(found, { ...tiny.info, names: {} })
    expect(names).toEqual(['1', '2', '0'])
    expect(values.map(row => row.at(-1))).toEqual([1, 1, 1])
  })
})

describe('onset and frequency', () => {
  const traced = (prototype: number, t50: number | null, frequency: number): PrototypeEmergence =>
    ({
      prototype,
      onset: { t10: t50, t50, t90: t50 },
      effectOnset: { t10: t50, t50, t90: t50 },
      pictureOnset: { mean: t50, interval: null, pictures: 1 },
      fineness: { frequency, area: 1 / frequency },
    }) as PrototypeEmergence

  test('fine concepts that come late correlate negatively; those without onset are listed, not used', () => {
    const found = frequencyRelation([
      traced(4, 900, 1),
      traced(7, null, 2),
      traced(2, 500, 3),
      traced(9, 300, 6),
      traced(1, 250, 7),
    ])
    expect(found.spearman.value).toBeCloseTo(-1, 12)
    expect(found.area.value).toBeCloseTo(1, 12)
    expect(found.spearman.interval!.high).toBeLessThan(0)
    expect(found.left).toEqual([7])
  })

  test('one or two prototypes have no correlation', () => {
    for (const few of [[], [traced(0, 5, 1)], [traced(0, 5, 1), traced(1, 6, 2)]])
      expect(frequencyRelation(few).spearman).toEqual({ value: null, interval: null })
  })
})

describe('edit depth', () => {
  const curve = (strength: readonly number[]) => ({ t: [200, 400, 600, 800, 999].slice(0, strength.length), strength, change: 1 })

  test('is where the strength falls below the share asked for, between the levels measured', () => {
    expect(adviseDepth(curve([0.1, 0.5, 0.9, 0.97, 1]), 0.7)).toBe(500)
    expect(adviseDepth(curve([0.1, 0.5, 0.9, 0.97, 1]), 1)).toBe(999)
    expect(adviseDepth(curve([1, 1, 1, 1, 1]), 0.75)).toBe(150)
  })

  test('looks from the noise downward, so that noise in weak edits does not count', () =>
    expect(adviseDepth(curve([0.8, 0.2, 0.6, 1, 1]), 0.8)).toBe(700))

  test('does not exist when the full edit changes nothing', () =>
    expect(adviseDepth({ t: [999], strength: [], change: 0 })).toBeNull())

  test('a strength curve ends at 1, the full edit, and is that of partial edits from its levels', async () => {
    const world = sluggish(knownWorld(tiny), 0.3)
    const x0 = flat([0.1, 0.3])
    const { s } = await world.encode(x0)
    const change = { s, edited: withColumn(s, 2, 3) }
    const [{ t, strength, change: full }] = await editStrength(world, { images: x0, s: change.s }, [change.edited], {
      steps: 7,
      levels: 3,
    })
    expect(t).toEqual([333, 666, 999])
    expect(strength).toEqual([...strength].sort((a, b) => a - b))
    expect(strength.at(-1)).toBe(1)
    const { images } = await partialEdit(world, x0, change, { steps: 7, depth: 666 })
    const rises = changeOf(change.s, change.edited, (await world.encode(images)).s)
    expect(strength[1]).toBeCloseTo((rises[0] + rises[1]) / 2 / full, 5)
  })
})

test('every row of a report has a cell for every column, also when an edit has no depth', async () => {
  const found = await emergence(knownWorld(tiny), flat([0, 0.1]), [0, 1], { steps: 4, value: 3 })
  const [first, second] = found.prototypes
  const unsure = { ...second, depth: null, strength: { ...second.strength!, strength: [] } }
  const report = emergenceReport({ ...found, prototypes: [first, unsure] }, { info: tiny.info, facts: [] })
  const tables = report.sections.flatMap(({ tables = [] }) => tables)
  expect(tables.map(({ rows }) => rows.length)).toEqual([2, 5, 2, 1])
  for (const { columns, rows } of tables) for (const row of rows) expect(row).toHaveLength(columns.length)
})

describe('a partial edit', () => {
  test('from pure noise is the full edit, and in batches it is the same', async () => {
    const x0 = pictures(3)
    const change = await raised(x0, 1, 0.6)
    const { images, t } = await partialEdit(tiny, x0, change, { steps: 5, depth: 1000 })
    const noise = await invertImages(tiny, x0, change.s, { steps: 5 })
    let x = noise.x
    for await (const step of sampleFrom(tiny, noise, change.edited, { steps: 5 })) x = step.x
    expect(t).toBe(999)
    expect(furthest(images, x)).toBe(0)
    const batched = await partialEdit(tiny, x0, change, { steps: 5, depth: 1000, batch: 2 })
    expect(furthest(batched.images, images)).toBeLessThan(1e-4)
  })

  test('that edits nothing is its own control', async () => {
    const x0 = pictures(2)
    const { s } = await tiny.encode(x0)
    const { images, control } = await partialEdit(tiny, x0, { s, edited: s }, { steps: 5, depth: 500, control: true })
    expect(furthest(images, control!)).toBe(0)
  })

  test('tells every network call, and fewer the less deep it goes', async () => {
    const x0 = pictures(3)
    const change = await raised(x0, 1, 0.6)
    const calls = async (depth: number) => {
      const seen: number[] = []
      await partialEdit(
        tiny,
        x0,
        change,
        { steps: 5, depth, batch: 2 },
        { onStep: (done, total) => void seen.push(done / total) },
      )
      expect(seen.at(-1)).toBe(1)
      return seen.length
    }
    // two batches; to 500 two steps back and three forward, to pure noise five and five
    expect(await calls(500)).toBe(10)
    expect(await calls(999)).toBe(20)
  })

  test('passes the levels that inversions to them end at', async () => {
    const x0 = pictures(1)
    const { s } = await tiny.encode(x0)
    const levels = await invertThrough(tiny, x0, s, { steps: 5, stops: [250, 749, 999] })
    for (const { x, t } of levels) {
      const alone = await invertImages(tiny, x0, s, { steps: 5, stopAt: t })
      expect([alone.t, furthest(alone.x, x)]).toEqual([t, 0])
    }
    await expect(invertThrough(tiny, x0, s, { steps: 5, stops: [600] })).rejects.toThrow('timestep 600 is not one of the 5')
  })
})

describe('partial against full edit', () => {
  test('compares at one change of the target, inside the range of what was asked, with the cost of both', async () => {
    const world = sluggish(knownWorld(tiny), 0.3)
    const x0 = flat([0.1, 0.3])
    const { s } = await world.encode(x0)
    const change = { s, edited: withColumn(s, 2, 3) }
    let clock = 0
    const found = await compareEdits(world, x0, change, { steps: 7, depth: 600, now: () => (clock += 1000) })
    const { partial, full, equal, preserved } = found
    expect([partial.steps, full.steps]).toEqual([4 + 5, 14])
    expect([partial.seconds, full.seconds]).toEqual([2, 2])
    expect(numbersIn({ ...found, noise: 0 }).every(Number.isFinite)).toBe(true)
    expect(full.change).toBeGreaterThan(partial.change)
    expect(equal?.partial).toBe(partial)
    expect(equal?.full.share).toBeLessThan(1)
    expect(equal!.full.change / partial.change).toBeCloseTo(1, 1)
    const mean = ([a, b]: readonly number[]) => (a + b) / 2
    expect(preserved?.share).toBeCloseTo(1 - mean(partial.outside) / mean(equal!.full.outside), 10)
  })

  test('by a clock too coarse for them is reported without a word on time', async () => {
    const world = sluggish(knownWorld(tiny), 0.3)
    const x0 = flat([0.1, 0.3])
    const { s } = await world.encode(x0)
    const change = { s, edited: withColumn(s, 2, 3) }
    const comparison = await compareEdits(world, x0, change, { steps: 7, depth: 600, now: () => 0 })
    const found = await emergence(world, x0, [2], { steps: 3, advise: false })
    const report = emergenceReport(found, { info: tiny.info, facts: [], edits: [{ prototype: 2, comparison }] })
    expect(comparison.preserved).not.toBeNull()
    expect(report.summary.at(-1)).toMatch(/for \d of 1 prototypes\.$/)
  })

  test('an edit that changes nothing has nothing to compare', async () => {
    const deaf: Patronus = { ...tiny, denoiser: s => tiny.denoiser(map(s, () => 0)) }
    const x0 = pictures(1)
    const { s } = await deaf.encode(x0)
    // s falls on its own on the way there and back, or rises: raise or lower against it, so that the target never follows
    const { images } = await partialEdit(deaf, x0, { s, edited: s }, { steps: 5, depth: 999 })
    const drift = column((await deaf.encode(images)).s, 0)[0] - column(s, 0)[0]
    const edited = withColumn(s, 0, column(s, 0)[0] - Math.sign(drift) * 0.1)
    const { equal, preserved } = await compareEdits(deaf, x0, { s, edited }, { steps: 5, depth: 500, now: () => 0 })
    expect({ equal, preserved }).toEqual({ equal: null, preserved: null })
  })

  test('a fall that was asked for counts as a change', () => {
    const [s, edited, after] = [[1, 1], [2, 0], [1.5, 0.25]].map(row => ({ shape: [1, 2], data: Float32Array.from(row) })) // prettier-ignore
    expect(changeOf(s, edited, after)).toEqual([1.25])
    expect(changeOf(s, s, after)).toEqual([0])
    expect(rows(s, 0, 1).data).toEqual(s.data)
  })
})
