import { changeMap, meanOf, shareInside } from '../analysis/change.ts'
import { heatColor } from '../analysis/overlay.ts'
import { fillGrid, gridSvg } from '../analysis/picture-grid.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { maxDifference } from './npy.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

let model: Patronus
beforeAll(async () => void (model = await tinyPatronus()))
afterAll(() => model.dispose())

const pictures = (count: number, seed = 3, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], seed), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
const left = { x0: 0, y0: 0, x1: 5, y1: 16 }
const right = { x0: 5, y0: 0, x1: 16, y1: 16 }

describe('the share of a change inside a box', () => {
  test('and the share outside are 1, and so are their areas, for grey pictures and RGB', () => {
    for (const channels of [1, 3]) {
      const [before, after] = [pictures(2, 3, channels), pictures(2, 4, channels)]
      for (const b of [0, 1]) {
        const [inside, outside] = [shareInside(before, after, b, left), shareInside(before, after, b, right)]
        expect(inside.share! + outside.share!).toBeCloseTo(1, 12)
        expect(inside.area + outside.area).toBeCloseTo(1, 12)
        expect(inside.ratio! * inside.area).toBeCloseTo(inside.share!, 12)
      }
    }
  })

  test('is the share of the area when the change is even, and 1 when all of it is inside', () => {
    const before = zeros([1, 16, 16, 3])
    const even = map(before, () => 0.25)
    expect(shareInside(before, even, 0, left).ratio).toBeCloseTo(1, 12)
    const inside = map(before, (_, i) => (Math.floor(i / 3) % 16 < 5 ? 0.7 : 0))
    expect(shareInside(before, inside, 0, left)).toMatchObject({ share: 1, area: 5 / 16, ratio: 16 / 5 })
  })

  test('does not exist when nothing changed', () =>
    expect(shareInside(pictures(1), pictures(1), 0, left)).toEqual({ share: null, area: 5 / 16, ratio: null }))

  test('is averaged over the pictures that have one', () => {
    expect(meanOf([0.2, null, 0.4])).toBeCloseTo(0.3)
    expect(meanOf([null, null])).toBeNull()
  })
})

test('a change map is the mean absolute change over channels, whichever way it goes; grey counts as three equal channels', () => {
  const [before, after] = [tensor([1, 1, 2, 3], [0, 0.5, 1, 0, 0, 0]), tensor([1, 1, 2, 3], [0.3, 0.2, 1, 0, 0, 0])]
  expect(changeMap(before, after).data[0]).toBeCloseTo(0.2)
  expect(changeMap(after, before)).toEqual(changeMap(before, after))
  expect(changeMap(before, after).data[1]).toBe(0)
  const grey = tensor([1, 1, 2, 1], [0.5, 0.5])
  expect([...changeMap(grey, before).data].map(v => Number(v.toFixed(4)))).toEqual([0.3333, 0.5])
})

describe('Change Map', () => {
  const change = async (inputs: Record<string, unknown>, { context, heard } = quietContext(model)) => {
    const result = (await catalog
      .get('PatronusChangeMap')!
      .run({ before: pictures(2), after: pictures(2, 4), ...inputs }, context)) as {
      grid: Tensor
      changes: Tensor
      table: Table
      ui: Ui
    }
    return { ...result, svg: heard.svgs[0] }
  }

  test('measures every picture, and the mean of them in the last row', async () => {
    const { table, changes, ui } = await change({ model, prototype: 1 })
    expect(table.columns).toEqual(['image', 'mean change', 'largest change', 's after', 'share inside', 'share of area', 'ratio'])
    expect(table.rows.map(([image]) => image)).toEqual([0, 1, 'mean'])
    for (let c = 1; c < table.columns.length; c++) {
      const [a, b, mean] = table.rows.map(row => Number(row[c]))
      expect(mean).toBeCloseTo((a + b) / 2, 2)
    }
    expect(changes.shape).toEqual([2, 16, 16, 3])
    expect(ui.tables).toEqual([table])
  })

  test('without a model compares pictures of any one size, and leaves out what only a located prototype has', async () => {
    const { table } = await change({ before: zeros([1, 9, 12, 1]), after: map(zeros([1, 9, 12, 3]), () => 0.5) })
    expect(table.rows).toEqual([
      [0, 0.5, 0.5],
      ['mean', 0.5, 0.5],
    ])
  })

  test('brings pictures of different sizes and colours to the size of the model', async () => {
    const { table } = await change({ model, before: zeros([1, 40, 30, 1]), after: map(zeros([1, 16, 16, 3]), () => 1) })
    expect(table.rows[0].slice(0, 3)).toEqual([0, 1, 1])
  })

  test('states the scale of its colours: the largest change, or what was asked for', async () => {
    const [before, after] = [zeros([1, 4, 4, 3]), map(zeros([1, 4, 4, 3]), (_, i) => (i < 3 ? 0.4 : 0))]
    const largest = await change({ before, after })
    expect(largest.svg).toContain('0.400 of 1')
    const fixed = await change({ before, after, full_scale: 0.8 })
    expect(fixed.svg).toContain('0.800 of 1')
    // at its own scale the pixel is the brightest colour there is, at twice the scale the middle one
    expect(maxDifference(largest.changes.data.subarray(0, 3), heatColor(1))).toBeLessThan(1e-6)
    expect(maxDifference(fixed.changes.data.subarray(0, 3), heatColor(0.5))).toBeLessThan(1e-6)
  })

  test('has no share and no ratio where nothing changed, and never NaN', async () => {
    const { table, grid, svg } = await change({ model, prototype: 2, after: pictures(2) })
    const shares = table.columns.indexOf('share inside')
    expect(table.rows.map(row => [row[1], row[shares], row[shares + 2]])).toEqual(Array(3).fill([0, null, null]))
    expect(JSON.stringify(table.rows)).not.toContain('NaN')
    expect(grid.data.every(Number.isFinite)).toBe(true)
    expect(svg).toContain('image 1: no change')
  })

  test.each([
    [{ after: pictures(3) }, 'before holds 2 pictures and after 3; both need the same number'],
    [{ after: zeros([2, 8, 16, 3]) }, 'before is 16×16 and after 16×8 pixels; link model to bring both to its size'],
    [{ prototype: 4, linked: true }, 'prototype 4 does not exist: "tiny" has 4'],
    [{ after: pictures(3), linked: true }, 'before holds 2 pictures and after 3'],
  ])('refuses what cannot be compared: %#', ({ linked, ...inputs }: Record<string, unknown>, message) =>
    expect(change({ ...inputs, ...(linked === true && { model }) })).rejects.toThrow(message),
  )
})

test('a grid shows every picture whole, wraps long rows, and takes names as text', async () => {
  const plain = (value: number) => map(zeros([1, 20, 10, 3]), () => value)
  const grid = {
    title: 'A <b> & more',
    columns: 2,
    rows: [{ label: 'one', cells: [0.2, 0.4, 0.6].map(value => ({ picture: plain(value), caption: ['a', `${value}`] })) }],
  }
  const svg = gridSvg(grid)
  expect(svg).toContain('A &lt;b&gt; &amp; more')
  const figure = fillGrid(await quietContext(model).context.drawSvg(svg), grid)
  const bytes = figure.data.map(value => Math.round(value * 100))
  for (const value of [20, 40, 60]) expect(bytes.reduce((sum, v) => sum + Number(v === value), 0)).toBe(20 * 10 * 3)
})
