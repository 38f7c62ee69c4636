import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { histogramOf, prototypeRanges } from '../analysis/prototype-ranges.ts'
import { largestMaximum, paperMaximum, scalarMaximum } from '../analysis/ranges.ts'
import { rangesReport, spread } from '../analysis/ranges-report.ts'
import { writeReport } from '../cli/report-files.ts'
import { readCheckpoint, writeCheckpoint, writeCheckpointInfo } from '../engine/checkpoint/safetensors.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, tensor } from '../model/tensor.ts'
import { tagsOf } from './html-tags.ts'
import { tinyCheckpoint } from './tiny-model.ts'

let folder: string
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'patronus-ranges-'))))
afterAll(() => rm(folder, { recursive: true }))

const s = map(gaussian([500, 4], 3), v => Math.abs(v) / 3)
const measured = (changes: Partial<CheckpointInfo> = {}): CheckpointInfo => ({
  ...tinyCheckpoint().info,
  ranges: prototypeRanges(s),
  rangesOver: 500,
  ...changes,
})

describe('a histogram of s', () => {
  test('counts every value once, in the bin that holds it', () =>
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 1 }), values => {
        const ascending = values.toSorted((a, b) => a - b)
        const counts = histogramOf(ascending)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
        const [min, max] = [ascending[0], ascending[ascending.length - 1]]
        const edge = min + ((max - min) * 16) / 32
        const below = counts.slice(0, 16).reduce((sum, count) => sum + count, 0)
        const clearlyBelow = values.filter(value => value < edge - (max - min) * 1e-9).length
        const clearlyAbove = values.filter(value => value > edge + (max - min) * 1e-9).length
        expect(below).toBeGreaterThanOrEqual(min < max ? clearlyBelow : 0)
        expect(values.length - below).toBeGreaterThanOrEqual(min < max ? clearlyAbove : 0)
      }),
    ))

  test('of values that are all the same lies in one bin', () => {
    const [range] = prototypeRanges(tensor([3, 1], [0.5, 0.5, 0.5]))
    expect([range.min, range.max, range.histogram?.[0], range.histogram?.length]).toEqual([0.5, 0.5, 3, 32])
  })

  test('loses no picture when it is drawn over bins that all prototypes share', () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 32 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (histogram, width) => {
          const range = { ...prototypeRanges(s)[0], histogram, min: 0.2, max: 0.2 + width }
          const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)
          expect(total(spread(range, 0, 1.3 / 48))).toBeCloseTo(total(histogram), 4)
        },
      ),
    ))
})

test("the paper's single number is the largest of all measured maxima; without ranges the largest s of the batch", () => {
  const info = measured()
  expect(largestMaximum(info.ranges!)).toBe(scalarMaximum(s))
  expect(paperMaximum(info, tensor([1, 4], [9, 0, 0, 0]))).toBe(scalarMaximum(s))
  expect(paperMaximum(measured({ ranges: undefined }), tensor([1, 4], [9, 0, 0, 0]))).toBe(9)
})

describe('a checkpoint whose description is written anew', () => {
  test.each(['F32', 'F16'] as const)(
    'keeps its %s weights bit for bit, in place as in a new file, and its id is that of the file',
    async dtype => {
      const [from, to] = ['old', 'new'].map(name => path.join(folder, `${name}-${dtype}.safetensors`))
      const old = await writeCheckpoint(from, tinyCheckpoint(), { dtype })
      const before = await readCheckpoint(from)
      for (const target of [to, from]) {
        const id = await writeCheckpointInfo(from, target, measured())
        const bytes = await readFile(target)
        const after = await readCheckpoint(target)
        expect(id).toBe(createHash('sha256').update(bytes).digest('hex'))
        expect([after.id, after.id === old]).toEqual([id, false])
        expect(after.info).toEqual(measured())
        for (const [name, { data }] of before.weights)
          expect(Buffer.compare(bytesOf(after.weights.get(name)!.data), bytesOf(data))).toBe(0)
      }
    },
  )

  test('is left as it was when the new description does not fit its weights, and nothing lies beside it', async () => {
    const within = await mkdtemp(path.join(folder, 'whole-'))
    const file = path.join(within, 'model.safetensors')
    const id = await writeCheckpoint(file, tinyCheckpoint())
    const other = { ...tinyCheckpoint({ prototypes: 8 }).info, ranges: undefined }
    await expect(writeCheckpointInfo(file, file, other)).rejects.toThrow(/model\.safetensors/)
    await expect(writeCheckpointInfo(file, file, measured({ rangesOver: 7 }))).rejects.toThrow(
      /counts 500 images, rangesOver says 7/,
    )
    expect((await readCheckpoint(file)).id).toBe(id)
    expect(await readdir(within)).toEqual(['model.safetensors'])
  })

  test('is not taken from a file of another kind', async () => {
    const file = path.join(folder, 'other.safetensors')
    await writeFile(file, 'not weights')
    await expect(writeCheckpointInfo(file, file, measured())).rejects.toThrow(/other\.safetensors/)
  })
})

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

describe('the report on ranges', () => {
  test('says the single number first, and how many prototypes it pushes outside their own range', () => {
    const { summary } = rangesReport(measured({ ranges: [0.2, 0.9, 1, 2].map(max => ({ ...prototypeRanges(s)[0], max })) }))
    expect(summary[0]).toContain('max(s_X) is the largest of them: 2, of prototype 3')
    expect(summary[1]).toContain('2 of 4 prototypes never reached half of it')
  })

  test('has a histogram and a row of numbers for every prototype, and becomes a page', async () => {
    const report = rangesReport(measured({ names: { '1': '<b>corner</b>' } }))
    const [page, csv] = await writeReport(folder, 'ranges', report)
    const tags = tagsOf(await readFile(page, 'utf8'))
    expect(tags.filter(({ name }) => name === 'svg')).toHaveLength(5)
    expect(tags.filter(({ name }) => name === 'b' || name === 'table')).toHaveLength(2)
    expect((await readFile(csv, 'utf8')).split('\r\n')).toHaveLength(6)
  })

  test('of a file from before histograms still has the numbers, and says what is missing', () => {
    const { sections } = rangesReport(tinyCheckpoint().info)
    expect(sections.flatMap(({ figures = [] }) => figures)).toEqual([])
    expect(sections.flatMap(({ text = [] }) => text)).toEqual([expect.stringContaining('holds no histograms')])
    expect(sections.flatMap(({ tables = [] }) => tables)[0].rows).toHaveLength(4)
  })

  test('of a checkpoint without ranges is refused with the command that measures them', () =>
    expect(() => rangesReport(tinyCheckpoint({ ranges: false }).info)).toThrow(
      /"tiny" has no measured ranges of s.*patronus ranges/,
    ))
})
