import { Resvg } from '@resvg/resvg-js'
import fc from 'fast-check'
import { colorScale } from '../analysis/figures/color-scale.ts'
import { axisOf, escapeXml, fit, textWidth } from '../analysis/figures/draw.ts'
import { histogramSvg } from '../analysis/figures/histogram.ts'
import { intervalsSvg } from '../analysis/figures/intervals.ts'
import { placeLabels } from '../analysis/figures/label-places.ts'
import { plotSvg } from '../analysis/figures/line-plot.ts'
import { matrixSvg } from '../analysis/figures/matrix.ts'
import { scatterSvg } from '../analysis/figures/scatter.ts'
import { tagsOf } from './html-tags.ts'
import { specimen } from './report-specimen.ts'

const hostile = `</text><script>alert(1)</script>'"&\u0000\ud800`

/** Numbers as measurements give them at their worst: all the same, alone, huge, tiny, missing. */
const anyNumber = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1e-320, 1e308, -1e308, 0.5, NaN, Infinity))
const numbers = fc.oneof(
  fc.array(anyNumber, { maxLength: 8 }),
  anyNumber.map(value => [value, value, value]),
)
const perhaps = fc.option(anyNumber)
const names = fc.constantFrom(hostile, '', 'a', 'prototype 12 glasses', '日本語', '0')

const figures = {
  matrix: fc
    .record({
      title: names,
      rows: fc.array(names, { maxLength: 5 }),
      columns: fc.array(names, { maxLength: 40 }),
      rowLabel: names,
      columnLabel: names,
      values: fc.array(fc.array(perhaps, { maxLength: 40 }), { maxLength: 5 }),
      label: names,
      colors: fc.constantFrom('diverging' as const, 'sequential' as const),
      numbers: fc.option(fc.boolean(), { nil: undefined }),
    })
    .map(matrixSvg),
  intervals: fc
    .record({
      title: names,
      x: fc.record({ label: names }),
      rows: fc.array(fc.record({ name: names, group: names, mean: perhaps, low: perhaps, high: perhaps }), { maxLength: 8 }),
      reference: fc.option(fc.double({ noNaN: true, min: -10, max: 10 })),
    })
    .map(intervalsSvg),
  scatter: fc
    .record({
      title: names,
      x: fc.record({ label: names }),
      y: fc.record({ label: names }),
      points: fc.array(
        fc.record({ x: anyNumber, y: anyNumber, label: names, group: names, yInterval: fc.tuple(anyNumber, anyNumber) }),
        { maxLength: 8 },
      ),
      line: fc.record({ slope: anyNumber, intercept: anyNumber }),
      note: names,
    })
    .map(scatterSvg),
  histogram: fc
    .record({
      title: names,
      x: fc.record({ label: names }),
      y: fc.record({ label: names }),
      min: anyNumber,
      max: anyNumber,
      counts: fc.array(fc.nat()),
      marks: fc.array(fc.record({ x: anyNumber, label: names })),
      size: fc.constantFrom('full' as const, 'small' as const),
    })
    .map(histogramSvg),
  lines: fc
    .record({ title: names, values: numbers, y: numbers, band: numbers, name: names, mark: anyNumber, reverse: fc.boolean() })
    .map(({ title, values, y, band, name, mark, reverse }) =>
      plotSvg({
        title,
        x: { label: name, values, reverse },
        y: { label: name },
        series: [{ name, y, band }],
        marks: [{ x: mark, label: name }],
      }),
    ),
}

describe.each(Object.entries(figures))('a figure of %s', (_, figure: fc.Arbitrary<string>) => {
  test('has only finite coordinates and a size, whatever the numbers', () =>
    fc.assert(
      fc.property(figure, svg => {
        const values = tagsOf(svg).flatMap(({ attributes }) => [...attributes.values()])
        expect(values.filter(value => /NaN|Infinity|undefined|null/.test(value))).toEqual([])
        const [, width, height] = /^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number)
        expect(Math.min(width, height)).toBeGreaterThan(50)
        expect(Math.max(width, height)).toBeLessThan(4000)
      }),
      { numRuns: 200 },
    ))

  test('shows names as text, never as markup, and is XML that a rasteriser takes', () =>
    fc.assert(
      fc.property(figure, svg => {
        const found = new Set(tagsOf(svg).map(({ name }) => name))
        for (const name of found) expect(['svg', 'rect', 'text', 'path', 'circle']).toContain(name)
        expect(() => new Resvg(svg, { font: { loadSystemFonts: false } })).not.toThrow()
      }),
      { numRuns: 60 },
    ))
})

test('what has no numbers says so', () => {
  const [x, y] = [{ label: '' }, { label: '' }]
  const empty = [
    matrixSvg({ title: 't', rows: ['a'], columns: ['b'], values: [[null]], label: '', colors: 'diverging' }),
    intervalsSvg({ title: 't', x, rows: [] }),
    scatterSvg({ title: 't', x, y, points: [] }),
    histogramSvg({ title: 't', x, y, min: 0, max: 1, counts: [0, 0] }),
    plotSvg({ title: 't', x: { label: '', values: [] }, y, series: [] }),
  ]
  for (const svg of empty) expect(svg).toContain('>no data<')
})

test('diverging colours are white at 0, equally far from it on both sides, and ordered by size in grey', () => {
  const { low, high, color } = colorScale([-0.1, 0.4], 'diverging')
  expect([low, high]).toEqual([-0.4, 0.4])
  expect(color(0)).toBe('#f7f7f7')
  const grey = (value: number) => [1, 3, 5].reduce((sum, i) => sum + parseInt(color(value).slice(i, i + 2), 16), 0)
  for (const sign of [-1, 1]) {
    const shades = [0, 0.1, 0.2, 0.3, 0.4].map(value => grey(sign * value))
    expect([...shades].sort((a, b) => b - a)).toEqual(shades)
  }
})

test('a strip of 500 prototypes × 50 timesteps stays small, keeps every row apart, and numbers only as many as fit', () => {
  const rows = Array.from({ length: 500 }, (_, j) => String(j))
  const columns = Array.from({ length: 50 }, (_, k) => String(999 - k * 20))
  const values = rows.map((_, j) => columns.map((_, k) => Math.sin(j) * k))
  const svg = matrixSvg({ title: 't', rows, columns, values, label: 's', colors: 'diverging' })
  expect(svg.length).toBeLessThan(800_000)
  expect(Number(/height="(\d+)"/.exec(svg)![1])).toBeGreaterThan(3 * 500)
  expect(svg.match(/text-anchor="end"/g)!.length).toBe(100)
})

test('a value that does not exist is hatched, and its cell bears no number', () => {
  const matrix = { title: 't', rows: ['a'], columns: ['b', 'c'], label: 's', colors: 'sequential' as const }
  const [full, holed] = [[[1.25, 2.5]], [[1.25, null]]].map(values => matrixSvg({ ...matrix, values }))
  expect(full).not.toContain('no value')
  expect(holed).toContain('no value')
  expect(full).toContain('>2.50<')
  expect(holed).not.toContain('>2.50<')
})

test('labels of points that leave room cover neither each other nor a point', () => {
  const area = { left: 0, right: 400, top: 0, bottom: 400 }
  const points = Array.from({ length: 9 }, (_, i) => ({ x: 60 + (i % 3) * 90, y: 60 + Math.floor(i / 3) * 90 }))
  const labels = points.map(point => ({ ...point, width: 70, height: 14 }))
  const boxes = placeLabels(labels, points, area).map(({ x, y }) => ({ left: x, right: x + 70, top: y - 11, bottom: y + 3 }))
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1))
      expect(a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).toBe(false)
    for (const { x, y } of points) expect(x > a.left && x < a.right && y > a.top && y < a.bottom).toBe(false)
  }
})

test('the fitted line never leaves the plot', () =>
  fc.assert(
    fc.property(
      fc.double({ min: -50, max: 50, noNaN: true }),
      fc.double({ min: -5, max: 5, noNaN: true }),
      (slope, intercept) => {
        const points = [
          { x: 0, y: 0 },
          { x: 1, y: 1 },
        ]
        const svg = scatterSvg({ title: 't', x: { label: 'x' }, y: { label: 'y' }, points, line: { slope, intercept } })
        const [, x0, y0, x1, y1] = /d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)" stroke="#666" stroke-width="1.5"/.exec(svg) ?? []
        for (const x of [x0, x1]) if (x) expect(Math.abs(Number(x) - 386)).toBeLessThan(314.1)
        for (const y of [y0, y1]) if (y) expect(Math.abs(Number(y) - 244)).toBeLessThan(200.1)
      },
    ),
  ))

test('an axis covers its values, and ends where they do when asked to', () => {
  const { ticks, to } = axisOf([0.13, 0.88], [0, 100], 5)
  expect([ticks[0], ticks.at(-1)]).toEqual([0, 1])
  expect(to(0.5)).toBeCloseTo(50)
  const tight = axisOf([0.13, 0.88], [0, 100], 5, true)
  expect([tight.to(0.13), tight.to(0.88)]).toEqual([0, 100])
  expect(tight.ticks).toEqual([0.2, 0.4, 0.6, 0.8])
})

test('a text is cut to the pixels it is given, and escaped into text that XML can hold', () => {
  expect(fit('short', 100)).toBe('short')
  expect(textWidth(fit('a name that is much too long for its place', 100))).toBeLessThanOrEqual(100)
  expect(escapeXml(hostile)).toBe('&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;&apos;&quot;&amp;')
})

test('the specimen shows every kind of figure, and each is a drawing of its own', () => {
  const figures = specimen().sections.flatMap(({ figures = [] }) => figures)
  for (const figure of figures) if ('svg' in figure) expect(tagsOf(figure.svg)[0].name).toBe('svg')
  expect(figures.filter(figure => 'svg' in figure).length).toBeGreaterThan(10)
})
