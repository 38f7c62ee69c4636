import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { writeReport } from '../cli/report-files.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { initialWeights } from '../model/initialize.ts'
import { avatarNetwork } from '../train/attribute-network.ts'
import { trainingConfigs } from '../train/configs.ts'
import { qualityReport, type QualityOptions } from '../train/quality.ts'
import { qualityPage, type Measured } from '../train/quality-page.ts'
import type { QualityReport } from '../train/quality-report.ts'
import { badNumbers } from './bad-numbers.ts'
import { idx } from './idx-files.ts'
import { tinyInception } from './tiny-inception.ts'

const { tiny } = trainingConfigs
let folder: string
let report: QualityReport
let measured: Measured

const options = (): QualityOptions => ({
  data: { kind: 'avatars', size: 16, train: 48, test: 40, seed: 3, bias: 0 },
  samples: 20,
  reconstructions: 4,
  steps: 4,
  device: 'cpu',
  output: folder,
  classifier: { network: avatarNetwork(13, 16), steps: 5, batch: 16, rate: 1e-3, seed: 1, images: 32 },
  cache: false,
  inception: join(folder, 'inception.onnx'),
})

/** Every number in a JSON value; JSON itself turns NaN and infinities into null. */
const numbers = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbers) : typeof value === 'number' ? [value] : []

beforeAll(async () => {
  process.env.PATRONUS_CACHE = 'off'
  folder = await mkdtemp(join(tmpdir(), 'patronus-quality-'))
  const info = { name: 'tiny', description: 'untrained', config: tiny.model, dataset: 'avatars', provenance: {}, licence: 'MIT' }
  await writeCheckpoint(join(folder, 'tiny.safetensors'), { info, weights: initialWeights(tiny.model, 1) })
  await writeFile(join(folder, 'inception.onnx'), tinyInception({ batch: 'N' }))
  measured = await qualityReport(join(folder, 'tiny.safetensors'), options())
  report = measured.report
}, 240_000)
afterAll(() => rm(folder, { recursive: true }))

test('every measured number is finite, also for a model that was never trained', () => {
  expect(numbers(report).length).toBeGreaterThan(200)
  for (const value of numbers(report)) expect(Number.isFinite(value)).toBe(true)
  expect(report.attributes!.reading!.samples.attributes).toHaveLength(13)
  expect(report.reconstruction.mean).toBeGreaterThan(0)
})

test('an untrained encoder tells attributes no better than the control, which has prototypes from real patches', () => {
  const { trained, control } = report.attributes!
  expect([trained.images, control.images]).toEqual([40, 40])
  expect(trained.auroc.mean! - control.auroc.mean!).toBeLessThan(0.1)
})

test('DCI is measured for the checkpoint and for the control, and what the trees read right stands beside the majority', async () => {
  for (const { dci } of [report.attributes!.trained, report.attributes!.control])
    for (const value of Object.values(dci)) expect(value).toEqual(expect.any(Number))
  expect(await readFile(join(folder, 'tiny.md'), 'utf8')).toMatch(/\| DCI completeness \| \d\.\d{3} \| \d\.\d{3} \|/)
})

test('noise that an untrained model draws is further from real faces than other real faces are, in the eyes of the held-out classifier', () => {
  const { features, width, images, samples, real } = report.fd!
  expect([features, width, images]).toEqual([expect.stringContaining('held-out attribute classifier'), 96, 20])
  expect(samples.fd).toBeGreaterThan(real.fd)
  expect(samples.kid.mean).toBeGreaterThan(real.kid.mean)
})

test('only what the network that was brought sees is called FID, and the page names its file', async () => {
  const { features, width, samples, real } = report.fid!
  expect([features, width]).toEqual([expect.stringContaining('inception.onnx (SHA-256 '), 3])
  expect(samples.fd).toBeGreaterThan(real.fd)
  const page = await readFile(join(folder, 'tiny.md'), 'utf8')
  expect(page.match(/^FID, features: .*/gm)).toEqual([expect.stringContaining('inception.onnx')])
  expect(page.match(/^FD, features: .*/gm)).toEqual([expect.stringContaining('fewer pictures (20) than features')])
})

test('the JSON beside the page holds the report itself, and the page names every attribute', async () => {
  expect(JSON.parse(await readFile(join(folder, 'tiny.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(report)))
  const page = await readFile(join(folder, 'tiny.md'), 'utf8')
  for (const { name } of report.attributes!.reading!.samples.attributes) expect(page).toContain(`| ${name} |`)
  expect(page).not.toMatch(/NaN|undefined|null|Infinity/)
})

test('a prototype has its name wherever the page shows it, the control keeps bare numbers, and so does the JSON', async () => {
  const asked: string[] = []
  // Whichever prototype is best gets a name, and the name is text, not markup.
  const named = Object.fromEntries(Array.from({ length: tiny.model.prototypes.count }, (_, j) => [j, `no|${j} <b>`]))
  const output = join(folder, 'named')
  const names = async (id: string) => (asked.push(id), named)
  const { report: again } = await qualityReport(join(folder, 'tiny.safetensors'), { ...options(), output, names })
  expect(asked).toEqual([report.checkpoint.id])
  const page = await readFile(join(output, 'tiny.md'), 'utf8')
  const { trained, control } = again.attributes!
  for (const [a, name] of again.attributes!.names.entries()) {
    const [own, bare] = [trained.best[a]!, control.best[a]!].map(({ prototype, auroc }) => [auroc.toFixed(3), prototype] as const)
    const row = page.split('\n').find(line => line.startsWith(`| ${name} | `) && line.includes('&#60;b&#62;'))
    expect(row).toMatch(
      new RegExp(`\\| ${own[0]} \\(${own[1]} no\\\\\\|${own[1]} &#60;b&#62;\\) \\| ${bare[0]} \\(${bare[1]}\\) \\|$`),
    )
  }
  expect(await readFile(join(output, 'tiny.json'), 'utf8')).not.toContain('no|')
}, 120_000)

describe('the page that needs nothing else', () => {
  const facts = [
    ['command', 'patronus quality tiny.safetensors --steps 4'],
    ['checkpoint', `tiny, ${'0123456789abcdef'.repeat(4)}`],
  ] as const
  /** The page and its tables as text; the bytes of pictures may spell any word. */
  const written = async (of: Measured) => {
    const files = await writeReport(join(folder, 'pages'), `${of.report.checkpoint.name}-quality`, qualityPage(of, facts))
    const texts = await Promise.all(files.map(file => readFile(file, 'utf8')))
    const [page, ...tables] = texts.map(text => text.replace(/data:image\/png;base64,[\w+/=]*/g, ''))
    return { page, tables, name: (file: number) => basename(files[file + 1]) }
  }

  test('says how it was made, names every attribute, has the sheet with its rows, and holds no number that is none', async () => {
    const { page, tables } = await written(measured)
    expect(badNumbers({ page, tables })).toEqual([])
    for (const [, value] of facts) expect(page).toContain(value)
    for (const name of report.attributes!.names) expect(page).toContain(`<td>${name}</td>`)
    for (const row of ['test picture', 'drawn from its s', 'drawn once more', 'reconstruction'])
      expect(page).toContain(`title="${row}"`)
    expect(page).not.toContain('`')
  })

  test('has the numbers of the JSON in its tables, in full, and every row as many cells as the head', async () => {
    const { tables, name } = await written(measured)
    const parsed = tables.map(text =>
      text
        .trimEnd()
        .split('\r\n')
        .map(line => line.split(',')),
    )
    for (const [head, ...body] of parsed) for (const row of body) expect(row).toHaveLength(head.length)
    const agreement = parsed[tables.findIndex((_, i) => name(i) === 'tiny-quality-agreement.csv')]
    const { samples } = report.attributes!.reading!
    expect(agreement.slice(1).map(([attribute, share]) => [attribute, share])).toEqual(
      samples.attributes.map(({ name, agreement }) => [name, agreement === null ? '' : String(agreement)]),
    )
    for (const [, share, low, high] of agreement.slice(1).filter(([, share]) => share !== '')) {
      expect(Number(low)).toBeLessThanOrEqual(Number(share))
      expect(Number(high)).toBeGreaterThanOrEqual(Number(share))
    }
    expect(name(0)).not.toBe(name(1))
  })

  test('of attributes that never vary has dashes, not numbers', async () => {
    const none = report.attributes!.names.map(() => null)
    const blind = { ...report.attributes!.trained, best: none, halves: null, auroc: { mean: null, std: null, attributes: none } }
    const reading = report.attributes!.reading!
    const silent = {
      mean: null,
      majorityMean: null,
      attributes: reading.samples.attributes.map(attribute => ({ ...attribute, agreement: null, balanced: null })),
    }
    const attributes = {
      ...report.attributes!,
      trained: blind,
      control: blind,
      reading: { images: 4, samples: silent, reconstructions: silent, originals: silent },
    }
    const { page, tables } = await written({ ...measured, report: { ...report, attributes } })
    expect(badNumbers({ page, tables })).toEqual([])
    expect(page).toContain('No attribute varies')
    expect(tables.join('')).not.toMatch(/–|null/)
  })
})

test('the sheet has a column for each picture and four rows', async () => {
  const { width, height } = await sharp(join(folder, 'tiny.png')).metadata()
  // Four columns (as many as were reconstructed) and four rows of 16 pixels with a gap of 1, enlarged alike.
  expect(width).toBe(height)
})

test('the same seed measures the same, apart from the time it took', async () => {
  const { report: again } = await qualityReport(join(folder, 'tiny.safetensors'), options())
  expect({ ...again, settings: report.settings }).toEqual(report)
}, 120_000)

describe('of a set with classes', () => {
  /** Three classes: bright above, bright below, bright at the left; a pixel here and there makes each picture its own. */
  const bars = (count: number) => {
    const labels = Array.from({ length: count }, (_, n) => n % 3)
    const bright = [(y: number) => y < 8, (y: number) => y >= 8, (_: number, x: number) => x < 8]
    const pixels = labels.flatMap((label, n) =>
      Array.from({ length: 256 }, (_, i) => (bright[label](Math.floor(i / 16), i % 16) ? 200 : 20) + ((n * 31 + i * 17) % 40)),
    )
    return [idx([count, 16, 16], pixels), idx([count], labels)]
  }
  let grey: QualityReport
  let greyMeasured: Measured

  beforeAll(async () => {
    const data = join(folder, 'bars')
    await mkdir(data)
    for (const [split, count] of [
      ['train', 60],
      ['t10k', 45],
    ] as const)
      for (const [i, name] of ['images-idx3', 'labels-idx1'].entries())
        await writeFile(join(data, `${split}-${name}-ubyte`), bars(count)[i])
    const image = { ...tiny.model.image, channels: 1 as const }
    const model = { ...tiny.model, image, encoder: { ...tiny.model.encoder, channels: [1, 8, 8] } }
    const info = { name: 'grey', description: 'untrained', config: model, dataset: 'bars', provenance: {}, licence: 'MIT' }
    await writeCheckpoint(join(folder, 'grey.safetensors'), { info, weights: initialWeights(model, 1) })
    greyMeasured = await qualityReport(join(folder, 'grey.safetensors'), {
      ...options(),
      inception: undefined,
      data: { kind: 'idx', name: 'bars', path: data, size: 16, classes: ['above', 'below', 'left'] },
      sources: false,
    })
    grey = greyMeasured.report
  }, 120_000)

  test('the probe is judged on test pictures and, as the authors do, on training pictures', async () => {
    const { images, trained, control, training, names } = grey.classes!
    expect([images, training.images, names]).toEqual([45, 60, ['above', 'below', 'left']])
    for (const { accuracy } of [trained, control, training.trained, training.control]) expect(accuracy).toBeGreaterThan(0.5)
    const page = await readFile(join(folder, 'grey.md'), 'utf8')
    expect(page).toMatch(/\| training \| 60 \| \*\*\d\.\d{3}\*\*/)
    expect(page).not.toMatch(/NaN|undefined|null|Infinity/)
  })

  test('where there is no classifier the encoder itself looks, and the page says whom that flatters and that FD is not FID', async () => {
    expect([grey.fid, grey.fd!.width, grey.fd!.images]).toEqual([undefined, 8, 20])
    const page = await readFile(join(folder, 'grey.md'), 'utf8')
    expect(page).toContain("FD, features: the checkpoint's own encoder")
    expect(page).toContain('They flatter the model')
    expect(page).toContain('FD is not FID')
    expect(page).not.toContain('| FID |')
  })

  test('its HTML page begins with the share of classes named right, tells class from class, and shows drawings only', () => {
    const { summary, sections } = qualityPage(greyMeasured, [])
    expect(summary[0]).toContain(`names the class in ${(100 * grey.classes!.trained.accuracy).toFixed(1)} ± `)
    const tables = sections.flatMap(({ tables = [] }) => tables)
    expect(tables.find(({ title }) => title === 'Class by class')!.rows.map(([name]) => name)).toEqual(['above', 'below', 'left'])
    expect(sections[0].figures![0]).toMatchObject({ rowLabels: ['drawn from its s', 'drawn once more'] })
    expect(badNumbers({ summary, sections })).toEqual([])
  })

  test('without sources the sheet holds nothing but drawings: two rows, and the page says why', async () => {
    const { width, height } = await sharp(join(folder, 'grey.png')).metadata()
    expect(height / width).toBeCloseTo((2 * 17 + 1) / (4 * 17 + 1), 2)
    expect(await readFile(join(folder, 'grey.md'), 'utf8')).toContain('The pictures themselves are not ours to show')
  })
})

test('an Inception file that is not there is found out before anything is measured', async () => {
  const began = performance.now()
  const inception = join(folder, 'nowhere.onnx')
  await expect(qualityReport(join(folder, 'tiny.safetensors'), { ...options(), inception })).rejects.toThrow('nowhere.onnx')
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a checkpoint that does not say what it was trained on is refused with what to do', async () => {
  await expect(qualityReport(join(folder, 'tiny.safetensors'), { ...options(), data: undefined })).rejects.toThrow(
    'say which data set to judge it on (--data',
  )
})
