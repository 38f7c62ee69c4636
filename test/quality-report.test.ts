import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { initialWeights } from '../model/initialize.ts'
import { avatarNetwork } from '../train/attribute-network.ts'
import { trainingConfigs } from '../train/configs.ts'
import { qualityReport, type QualityOptions } from '../train/quality.ts'
import type { QualityReport } from '../train/quality-report.ts'
import { idx } from './idx-files.ts'
import { tinyInception } from './tiny-inception.ts'

const { tiny } = trainingConfigs
let folder: string
let report: QualityReport

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
  report = await qualityReport(join(folder, 'tiny.safetensors'), options())
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
  const again = await qualityReport(join(folder, 'tiny.safetensors'), { ...options(), output, names })
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

test('the sheet has a column for each picture and four rows', async () => {
  const { width, height } = await sharp(join(folder, 'tiny.png')).metadata()
  // Four columns (as many as were reconstructed) and four rows of 16 pixels with a gap of 1, enlarged alike.
  expect(width).toBe(height)
})

test('the same seed measures the same, apart from the time it took', async () => {
  const again = await qualityReport(join(folder, 'tiny.safetensors'), options())
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
    grey = await qualityReport(join(folder, 'grey.safetensors'), {
      ...options(),
      inception: undefined,
      data: { kind: 'idx', name: 'bars', path: data, size: 16, classes: ['above', 'below', 'left'] },
      sources: false,
    })
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
