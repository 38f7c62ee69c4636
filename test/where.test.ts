import { cellAt, cellMaps, locate, mapOf, speakersAt, strongestFirst } from '../analysis/where.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { exactBox } from '../model/receptive-field.ts'
import { map, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

/** Where prototypes are: relations that hold for any weights, on a tiny model. */

let model: Patronus
beforeAll(async () => void (model = await tinyPatronus({ prototypes: 6 })))
afterAll(() => model.dispose())

type Result = Record<string, unknown> & { ui?: Ui; table: Table }
const run = async (type: string, inputs: Record<string, unknown>, { context } = quietContext(model)): Promise<Result> =>
  (await catalog.get(type)!.run({ model, ...inputs }, context)) as Result
const pictures = (count: number, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], 3), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
const inModel = (images: Tensor) => map(images, v => 2 * v - 1)
const column = ({ columns, rows }: Table, name: string) => rows.map(row => row[columns.indexOf(name)])

/** The model, counting how often the encoder is asked for distances. */
function counted(): { patronus: Patronus; calls: () => number } {
  let calls = 0
  const distances: Patronus['distances'] = images => (calls++, model.distances(images))
  return { patronus: { ...model, distances }, calls: () => calls }
}

describe('the maps of a batch', () => {
  test("have the picture's s as their highest entry, at the cell the encoder names", async () => {
    const images = inModel(pictures(3))
    const [maps, { s, argmin }] = [await cellMaps(model, images), await model.encode(images)]
    for (let b = 0; b < 3; b++)
      for (let j = 0; j < 6; j++) {
        const found = locate(maps, b, j)
        expect(Math.max(...mapOf(maps, b, j).data)).toBeCloseTo(s.data[b * 6 + j], 5)
        expect(found.s).toBeCloseTo(s.data[b * 6 + j], 5)
        expect(found.cell).toBe(argmin.data[b * 6 + j])
        expect(found.box).toEqual(exactBox(maps.field, found.cell, 16))
      }
    const order = strongestFirst(maps, 1).map(found => found.s)
    expect(order).toEqual([...order].sort((a, b) => b - a))
  })

  test('say the strongest prototype of a picture first at the centre of its own cell, with the s of the picture', async () => {
    const images = inModel(pictures(3))
    const [maps, { s }] = [await cellMaps(model, images), await model.encode(images)]
    const { jump, start, n } = maps.field
    const centre = (cell: number) => ({
      x: (start + (cell % n) * jump) / 16,
      y: (start + Math.floor(cell / n) * jump) / 16,
    })
    for (let b = 0; b < 3; b++) {
      const [strongest] = strongestFirst(maps, b)
      for (const reading of ['nearest cell', 'between cells'] as const) {
        const [first] = speakersAt(maps, b, centre(strongest.cell), reading)
        expect(first.prototype).toBe(strongest.prototype)
        expect(first.s).toBeCloseTo(s.data[b * 6 + strongest.prototype], 5)
        // every other one has its own s there, too, at the centre of its own cell
        for (let j = 0; j < 6; j++) {
          const spoken = speakersAt(maps, b, centre(locate(maps, b, j).cell), reading).find(({ prototype }) => prototype === j)
          expect(spoken?.s).toBeCloseTo(s.data[b * 6 + j], 5)
          expect(spoken?.most).toBeCloseTo(s.data[b * 6 + j], 5)
        }
      }
    }
  })

  test('have a cell for every place, corners included, whose box holds the place', async () => {
    const maps = await cellMaps(model, inModel(pictures(1)))
    for (const x of [0, 0.2, 0.5, 0.99, 1])
      for (const y of [0, 0.31, 1]) {
        const box = exactBox(maps.field, cellAt(maps, { x, y }), 16)
        expect([box.x0 <= x * 16, x * 16 <= box.x1, box.y0 <= y * 16, y * 16 <= box.y1]).toEqual([true, true, true, true])
      }
  })
})

describe('Prototype Heat Maps', () => {
  const heat = (inputs: Record<string, unknown> = {}, quiet = quietContext(model)) =>
    run('PatronusHeatMaps', { images: pictures(2), show: 'strongest', count: 3, ...inputs }, quiet) as Promise<
      Result & { grid: Tensor; maps: Tensor }
    >

  test('show the strongest of each picture, strongest first, from one pass of the encoder', async () => {
    const { patronus, calls } = counted()
    const quiet = quietContext(model)
    const { table, maps, ui } = await heat({ model: patronus }, quiet)
    const { s } = await model.encode(inModel(pictures(2)))
    expect(calls()).toBe(1)
    expect(column(table, 'image')).toEqual([0, 0, 0, 1, 1, 1])
    for (const b of [0, 1]) {
      const wanted = [...s.data.subarray(b * 6, b * 6 + 6)].sort((x, y) => y - x).slice(0, 3)
      wanted.forEach((value, i) => expect(column(table, 's')[b * 3 + i]).toBeCloseTo(value, 3))
    }
    expect(maps.shape).toEqual([6, 128, 128, 3])
    expect(ui).toMatchObject({ images: [expect.anything()], tables: [table] })
  })

  test('show those listed, or all, in every picture; grey pictures and other sizes too', async () => {
    const listed = await heat({ show: 'only these', prototypes: '4, 1', images: pictures(1, 1) })
    expect(column(listed.table, 'prototype')).toEqual(['1 corner', '4'])
    expect((await heat({ show: 'all', images: zeros([2, 30, 20, 3]) })).table.rows).toHaveLength(12)
    expect((await heat({ count: 100, images: pictures(1) })).table.rows).toHaveLength(6)
  })

  test('say what the brightest colour means', async () => {
    const [own, common] = [quietContext(model), quietContext(model)]
    await heat({}, own)
    const { table } = await heat({ scale: 'common' }, common)
    const top = Math.max(...column(table, 's').map(Number))
    expect(own.heard.svgs[0]).toContain('own maximum')
    expect(common.heard.svgs[0]).toContain(`s = ${top.toFixed(2)}`)
  })

  test.each([
    [{ show: 'only these', prototypes: '6' }, 'prototype 6 does not exist: "tiny" has 6; choose 0 … 5'],
    [{ show: 'only these', prototypes: '' }, '"only these" wants a list'],
    [{ images: zeros([200, 4, 4, 3]) }, 'a grid holds at most 512 pictures, this one would have 800'],
    [{ images: zeros([1, 4, 4, 2]) }, 'images should have 1 (grey) or 3 (RGB) channels, got 2'],
  ])('refuses before it computes anything: %#', async (inputs, message) => {
    const { patronus, calls } = counted()
    await expect(heat({ model: patronus, ...inputs })).rejects.toThrow(message)
    expect(calls()).toBe(0)
  })
})

describe('What Speaks Here', () => {
  const speak = (inputs: Record<string, unknown> = {}) =>
    run('PatronusWhatSpeaksHere', { images: pictures(2), x: 0.3, y: 0.6, count: 4, ...inputs }) as Promise<
      Result & { boxed: Tensor }
    >

  test('lists the strongest first, never above the s of the picture, with the share of their own maximum', async () => {
    const { table, boxed } = await speak()
    expect(boxed.shape).toEqual([2, 256, 256, 3])
    expect(column(table, 'image')).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
    for (const from of [0, 4]) {
      const here = column(table, 's here')
        .slice(from, from + 4)
        .map(Number)
      expect(here).toEqual([...here].sort((a, b) => b - a))
    }
    for (const row of table.rows) {
      expect(Number(row[2])).toBeLessThanOrEqual(Number(row[4]))
      const j = Number.parseInt(String(row[1]), 10)
      expect(row[3]).toBeCloseTo(Number(row[2]) / (0.5 + 0.1 * (j % 5)), 2)
    }
  })

  test('names the cell it read, or says that it read between cells', async () => {
    expect((await speak()).table.title).toMatch(/at 0\.3 across, 0\.6 down \(cell \d+\)/)
    expect((await speak({ read: 'between cells' })).table.title).toContain('bilinear between cells')
  })

  test('has no share where no maximum was measured', async () => {
    const bare = await tinyPatronus({ prototypes: 6, ranges: false })
    expect(column((await speak({ model: bare })).table, 'of its maximum')).toEqual(Array(8).fill(null))
  })
})
