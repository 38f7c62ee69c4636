import fc from 'fast-check'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { tableCsv } from '../analysis/csv.ts'
import { digitsOf } from '../analysis/digits.ts'
import { plotSvg } from '../analysis/figures/line-plot.ts'
import { reportHtml } from '../analysis/report-html.ts'
import type { Report, Table } from '../analysis/report.ts'
import { uniqueSlugs, writeReport } from '../cli/report-files.ts'
import { toCsv } from '../editor/csv.ts'
import { gaussian } from '../model/noise.ts'
import { map, tensor } from '../model/tensor.ts'
import { tagsOf } from './html-tags.ts'

let folder: string
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'patronus-report-'))))
afterAll(() => rm(folder, { recursive: true }))

/** A name as a stranger might give it to a prototype. */
const hostile = `</title><script src="https://evil.example/x.js">'"&<img onerror=alert(1)>`

const picture = map(gaussian([6, 8, 8, 3], 1), v => v / 6 + 0.5)
const curve = plotSvg({
  title: hostile,
  x: { label: hostile, values: [0, 1, 2] },
  y: { label: 's' },
  series: [{ name: hostile, y: [0, 1, 0.5] }],
})

const report = (text = 'An ordinary name'): Report => ({
  title: text,
  summary: [`The answer: ${text}`],
  sections: [
    { heading: text, text: [text], figures: [{ title: text, svg: curve }] },
    {
      heading: 'Pictures',
      figures: [
        { title: text, caption: text, images: picture, columns: 3, rowLabels: [text, 'b'], columnLabels: ['x', text, 'z'] },
        { title: 'grey', images: tensor([1, 2, 2, 1], [0, 0.2, 0.4, 2]), scale: 4 },
      ],
    },
    {
      heading: 'Tables',
      tables: [
        {
          title: text,
          columns: [text, 's'],
          rows: [
            [text, 0.25],
            ['b', null],
          ],
        },
      ],
    },
    { heading: 'More tables', tables: [{ title: text, columns: ['a'], rows: [] }] },
  ],
  facts: [['command', text]],
})

/** RFC 4180, as a reader would read it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  return rows
}

const anyText = fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', '=', '+', '-', '@', '\t', ' ', 'é', '<', "'") })
const anyTable: fc.Arbitrary<Table> = fc.integer({ min: 1, max: 4 }).chain(width =>
  fc.record({
    title: anyText,
    columns: fc.array(anyText, { minLength: width, maxLength: width }),
    rows: fc.array(
      fc.array(fc.oneof(anyText, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)), {
        minLength: width,
        maxLength: width,
      }),
    ),
  }),
)

describe('a table as CSV', () => {
  test('comes back cell by cell: text as it was behind at most an apostrophe, numbers in full, absence as nothing', () =>
    fc.assert(
      fc.property(anyTable, table => {
        const read = parseCsv(tableCsv(table))
        const cells = [table.columns, ...table.rows]
        expect(read.map(row => row.length)).toEqual(cells.map(row => row.length))
        cells.forEach((row, r) =>
          row.forEach((cell, c) => {
            const found = read[r][c]
            if (cell === null) expect(found).toBe('')
            else if (typeof cell === 'number') expect(Number(found)).toBe(cell + 0)
            else expect(found).toBe(/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)
          }),
        )
      }),
    ))

  test('holds no text that a spreadsheet would run', () =>
    fc.assert(
      fc.property(anyText, text => {
        const [[cell]] = parseCsv(tableCsv({ columns: [text], rows: [] }))
        expect(cell).not.toMatch(/^[=+\-@]/)
      }),
    ))

  test('is the same from the page and from the command line', () =>
    fc.assert(fc.property(anyTable, table => void expect(toCsv(table)).toBe(tableCsv(table)))))
})

describe('numbers in a table', () => {
  test.each([
    [
      [1, 25, 25_300_000],
      ['1', '25', '25,300,000'],
    ],
    [
      [0.98123, 0.5, 0.00012],
      ['0.981', '0.500', '0.00012'],
    ],
    [
      [-12.345, 0.04, 0],
      ['−12.3', '0.04', '0.0'],
    ],
    [
      [1234.5, 3.25],
      ['1235', '3.3'],
    ],
    [
      [1, 0.989],
      ['1.000', '0.989'],
    ],
    [[1e-9], ['1.0e-9']],
    [
      [0.5, Infinity],
      ['0.500', '–'],
    ],
  ])('%j read as %j', (numbers, expected) => {
    const format = digitsOf(numbers)
    expect(numbers.map(format)).toEqual(expected)
  })

  test('are within a twentieth of the truth, whatever stands beside them', () =>
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { minLength: 1 }), numbers => {
        const format = digitsOf(numbers)
        for (const value of numbers) {
          const read = Number(format(value).replace('\u2212', '-').replaceAll(',', ''))
          expect(Math.abs(read - value)).toBeLessThanOrEqual(0.0501 * Math.abs(value))
        }
      }),
    ))
})

describe('a report on the disk', () => {
  test('is one page and one CSV for every table, under names that stay in the folder', async () => {
    const within = path.join(folder, 'names')
    const files = await writeReport(within, '../../Escape: me', report('../Same title'))
    expect(files.map(file => path.relative(within, file))).toEqual([
      'escape-me.html',
      'escape-me-same-title.csv',
      'escape-me-same-title-2.csv',
    ])
    expect((await readdir(within)).sort()).toEqual(files.map(file => path.basename(file)).sort())
    expect(await readFile(files[1], 'utf8')).toBe('../Same title,s\r\n../Same title,0.25\r\nb,\r\n')
  })

  test('shows hostile names as text: no tag, no attribute, no address of theirs', async () => {
    const [page] = await writeReport(folder, 'hostile', report(hostile))
    const text = await readFile(page, 'utf8')
    const tags = tagsOf(text)
    expect(tags.filter(({ name }) => ['script', 'iframe', 'object', 'link', 'base', 'form'].includes(name))).toEqual([])
    for (const { attributes } of tags) {
      expect([...attributes.keys()].filter(key => key.startsWith('on'))).toEqual([])
      for (const key of ['src', 'href', 'xlink:href'])
        expect(attributes.get(key) ?? '#').toMatch(/^(#[\w-]+|#|data:image\/png;base64,[\w+/=]+)$/)
    }
    expect(text.match(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/g)?.length).toBe(text.match(/&lt;script src=&quot;https:/g)?.length)
  })

  test('allows itself nothing but its own style and pictures, and speaks UTF-8', async () => {
    const [page] = await writeReport(folder, 'plain', report())
    const tags = tagsOf(await readFile(page, 'utf8'))
    const policies = tags.filter(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy')
    expect(policies.map(({ attributes }) => attributes.get('content'))).toEqual([
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    ])
    expect(tags.find(({ name }) => name === 'meta')!.attributes.get('charset')).toBe('utf-8')
  })

  test('holds its pictures pixel by pixel, a clear line between them, at a whole factor', async () => {
    const [page] = await writeReport(folder, 'pixels', report())
    const images = tagsOf(await readFile(page, 'utf8')).filter(({ name }) => name === 'img')
    expect(images.map(({ attributes }) => [attributes.get('width'), attributes.get('height')])).toEqual([
      [String(3 * 9 * 8), String(2 * 9 * 8)],
      ['12', '12'],
    ])
    const png = Buffer.from(images[1].attributes.get('src')!.split(',')[1], 'base64')
    const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([3, 3])
    const grey = (v: number) => [v, v, v, 255]
    expect([...data.subarray(0, 24)]).toEqual([...grey(0), ...grey(51), 0, 0, 0, 0, ...grey(102), ...grey(255), 0, 0, 0, 0])
  })

  test('that cannot be made leaves no page', async () => {
    const broken: Report = { ...report(), sections: [{ heading: 'x', figures: [{ title: 'y', svg: 'no drawing' }] }] }
    await expect(writeReport(path.join(folder, 'broken'), 'broken', broken)).rejects.toThrow(/figure "y": wanted an SVG/)
    expect(await readdir(path.join(folder, 'broken')).catch(() => [])).toEqual([])
  })
})

test('a page without pictures for a figure is refused, by the figure it lacks', () =>
  expect(() => reportHtml(report(), new Map())).toThrow(
    /figure "An ordinary name": wanted its pictures as a PNG data URI, got none/,
  ))

test('slugs of any titles differ, and hold nothing a file system might read', () =>
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'A', 'a 2', '..', '')), { maxLength: 20 }), titles => {
      const names = uniqueSlugs(titles)
      expect(new Set(names).size).toBe(titles.length)
      for (const name of names) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    }),
  ))
