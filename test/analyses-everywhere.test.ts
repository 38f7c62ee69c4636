import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { countOf, firstPictures, pictures, type DataSet } from '../analysis/data-set.ts'
import { examine } from '../analysis/examine.ts'
import { standFor } from '../analysis/stand-for.ts'
import type { Report } from '../analysis/report.ts'
import { rangesReport } from '../analysis/ranges-report.ts'
import { writeReport } from '../cli/report-files.ts'
import { intoTorch } from '../engine/checkpoint/names.ts'
import { openCheckpoint } from '../engine/checkpoint/open.ts'
import type { Checkpoint } from '../engine/checkpoint/safetensors.ts'
import { createPatronus } from '../engine/load.ts'
import type { ModelConfig } from '../model/config.ts'
import { initialWeights } from '../model/initialize.ts'
import { sOf, type Analysis, type Answer, type Subject, type Want } from './analysis-subject.ts'
import { badNumbers } from './bad-numbers.ts'
import { brightPictures, brightReader } from './bright-reader.ts'
import { torchFile } from './checkpoint-forge.ts'
import { everyMeasure } from './every-measure.ts'
import { everyQuestion } from './every-question.ts'
import { remembering } from './remembering.ts'
import { tinyConfig } from './tiny-model.ts'

/**
 * One law for all of analysis/: on the authors' own checkpoint format (no measured ranges, no names), in colour and in grey, with
 * one prototype, of one picture and of two hundred, and of data that has nothing to say, there is a clear answer or an error that
 * says what is wanted. No cell, no page and no file holds a number that is none.
 */

let folder: string
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'patronus-everywhere-'))))
afterAll(() => rm(folder, { recursive: true }))

/** Weights of a seed as the authors' PyTorch would save them, read as a user reads theirs. */
async function asOfficial(prototypes: number, channels: 1 | 3): Promise<Checkpoint> {
  const tiny = tinyConfig(prototypes, channels)
  const config: ModelConfig = { ...tiny, unet: { ...tiny.unet, stem: 1, groups: 8, heads: 4 } }
  const file = path.join(folder, `${prototypes}-${channels}.tar`)
  await writeFile(file, torchFile(intoTorch(initialWeights(config, 1))))
  return openCheckpoint(file, { image: tiny.image })
}

const models: Record<string, () => Promise<Checkpoint>> = {
  "the authors' RGB files": () => openCheckpoint(path.join(__dirname, 'fixtures/parity/tiny_rgb')),
  'a grey model in their format': () => asOfficial(4, 1),
  'a model of one prototype': () => asOfficial(1, 3),
}

/** What is wrong with an answer, its pages and its tables as files. */
async function faults({ found, reports = [] }: Answer): Promise<string[]> {
  const shown = []
  for (const report of reports) shown.push(await filesOf(report))
  return [...badNumbers({ found }), ...badNumbers({ reports }), ...badNumbers({ shown })]
}

/** Pages and tables as they are read; the bytes of pictures may spell any word. */
async function filesOf(report: Report): Promise<string[]> {
  const texts = await Promise.all((await writeReport(folder, 'report', report)).map(file => readFile(file, 'utf8')))
  return texts.map(text => text.replace(/data:image\/png;base64,[\w+/=]*/g, ''))
}

describe.each(Object.keys(models))('%s', name => {
  let model: Pick<Subject, 'patronus' | 'vectors' | 'artefacts'>
  beforeAll(async () => {
    const checkpoint = await models[name]()
    expect([checkpoint.info.ranges, checkpoint.info.names]).toEqual([undefined, undefined])
    const patronus = remembering(await createPatronus(checkpoint, { device: 'cpu' }))
    const kept = new Map<string, Uint8Array>()
    const artefacts = {
      read: async (key: string) => kept.get(key),
      write: async (key: string, bytes: Uint8Array) => void kept.set(key, bytes),
    }
    model = { patronus, artefacts, vectors: checkpoint.weights.get('proactBlock.prototype_vectors')! }
  })
  afterAll(() => model.patronus.dispose())

  const grounds = (count: number): DataSet => {
    const { channels, height } = model.patronus.info.config.image
    return repeated(brightPictures(8, channels as 1 | 3, height), count)
  }
  const subject = (data: DataSet): Subject => ({ ...model, data, x0: firstPictures(data, countOf(data)) })

  async function holds({ ask, refuses }: Analysis, data: DataSet, want?: Want): Promise<void> {
    const words = want && refuses[want]
    if (words) return expect(ask(subject(data))).rejects.toThrow(words)
    expect(await faults(await ask(subject(data)))).toEqual([])
  }

  describe.each([...everyQuestion, ...everyMeasure].map(analysis => [analysis.name, analysis] as const))('%s', (_, analysis) => {
    test('of one picture', () => holds(analysis, grounds(1), 'one picture'))
    test('of two hundred', () => holds(analysis, grounds(200)))
    test('of none', () => holds(analysis, grounds(0), 'no pictures'))
    test('of pictures without attributes', () => {
      const { attributes: _, ...bare } = grounds(12)
      return holds(analysis, bare, 'no attributes')
    })
    test('of pictures that all have one of the attributes', () => holds(analysis, withConstant(grounds(12))))
  })

  test('an attribute of another name, or the same in all pictures, is named in the error beside what there is', async () => {
    const options = { top: 1, random: 1, pictures: 4, steps: 2, seed: 1 }
    const asked = (data: DataSet, attributes: string[]) => examine(model.patronus, data, brightReader, { ...options, attributes })
    const data = withConstant(grounds(12))
    await expect(asked(data, ['hat'])).rejects.toThrow('grounds has no attribute "hat"; it has: bright above, bright below')
    const same = 'attribute "bright above" is the same in all 12 pictures, so nothing can stand for it; give pictures with and without it' // prettier-ignore
    await expect(asked(data, ['bright above'])).rejects.toThrow(same)
    const s = await sOf(subject(data))
    expect(() => standFor(s, new Uint8Array(12), 'bright above', 2)).toThrow(same)
  })

  test('a measure over classes of which there is but one is a dash on the page of quality', async () => {
    const { attributes: _, ...bare } = grounds(12)
    const quality = everyMeasure.find(({ name }) => name === 'quality and its page')!
    const { found } = await quality.ask(subject(bare))
    expect((found as [unknown, string])[1]).toContain('| test | 12 | **1.000** ± 0.000 | – |')
  })

  test('ranges that were never measured are refused with the command that measures them', () =>
    expect(() => rangesReport(model.patronus.info)).toThrow(/has no measured ranges of s; measure them with `patronus ranges /))
})

/** So many pictures, the same few over and over: analyses count them all, the networks see each once. */
function repeated(data: DataSet, count: number): DataSet {
  const wanted = Array.from({ length: count }, (_, i) => i % countOf(data))
  const { names, values } = data.attributes!
  return {
    ...data,
    images: pictures(data, wanted),
    attributes: { names, values: Uint8Array.from(wanted.flatMap(i => names.map((_, a) => values[i * names.length + a]))) },
  }
}

/** Every picture is bright above, whatever it shows. */
function withConstant(data: DataSet): DataSet {
  const { names, values } = data.attributes!
  return { ...data, attributes: { names, values: values.map((value, i) => (i % names.length === 0 ? 1 : value)) } }
}
