import { measureLatents } from '../analysis/measure.ts'
import { createPatronus } from '../engine/load.ts'
import { initialWeights } from '../model/initialize.ts'
import { random } from '../model/noise.ts'
import { rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { tinyConfig } from './tiny-model.ts'

/** Pictures that are bright or dark above, and have a bright spot below or none; 16×16 in so many colours. */
function faces(count: number, channels: 1 | 3): { images: Tensor; values: Uint8Array } {
  const stream = random(7)
  const values = Uint8Array.from({ length: 2 * count }, () => stream.int(2))
  const data = Float32Array.from({ length: count * 256 * channels }, (_, at) => {
    const pixel = Math.floor(at / channels) % 256
    const [picture, y, x] = [Math.floor(at / channels / 256), Math.floor(pixel / 16), pixel % 16]
    const bright = y < 8 ? values[2 * picture] : x > 10 && y > 10 ? values[2 * picture + 1] : 0
    return -0.6 + bright + 0.1 * stream.normal()
  })
  return { images: tensor([count, 16, 16, channels], data), values }
}

async function encoded(images: Tensor, prototypes: number, seed: number): Promise<Tensor> {
  const channels = images.shape[3] as 1 | 3
  const tiny = tinyConfig(prototypes)
  const config = {
    ...tiny,
    image: { ...tiny.image, channels },
    encoder: { ...tiny.encoder, channels: [channels, ...tiny.encoder.channels.slice(1)] },
  }
  const info = { name: 'tiny', description: '', config, dataset: 'none', provenance: {}, licence: 'MIT' }
  const patronus = await createPatronus({ id: 'tiny', info, weights: initialWeights(config, seed) }, { device: 'tfjs-cpu' })
  const { s } = await patronus.encode(images)
  await patronus.dispose()
  return s
}

const names = ['bright above', 'spot']
const cells = ({ tables }: ReturnType<typeof measureLatents>) => tables.flatMap(({ rows }) => rows.flat())

describe.each([1, 3] as const)('200 pictures of %i colours through a tiny model', channels => {
  const { images, values } = faces(200, channels)
  let s: Tensor
  let control: Tensor
  beforeAll(async () => void ([s, control] = [await encoded(images, 4, 1), await encoded(images, 4, 2)]))

  test('every cell is a finite number, a word or null, with one row an attribute and the control beside it', () => {
    const measured = measureLatents(s, { names, values }, control)
    for (const cell of cells(measured)) expect(typeof cell !== 'number' || Number.isFinite(cell)).toBe(true)
    expect(measured.tables[1].rows.map(row => row[0])).toEqual(names)
    for (const { columns, rows } of measured.tables) for (const row of rows) expect(row).toHaveLength(columns.length)
    expect(measured.trained.auroc.attributes[0]!).toBeGreaterThan(0.9)
    expect(measured.summary.join(' ')).toMatch(/untrained control 0\.\d{3}/)
    expect(measured.summary.join(' ')).not.toMatch(/NaN|undefined|null/)
  })

  test('without a control the summary says that the numbers do not show that training helped', () => {
    const { control: none, summary, tables } = measureLatents(s, { names, values })
    expect([none, tables[0].columns]).toEqual([undefined, ['measure', 'trained', 'deviation over folds']])
    expect(summary.join(' ')).toContain('no untrained control')
  })

  test('one picture is not enough, and the error says how many are', () => {
    const one = rows(s, 0, 1)
    expect(() => measureLatents(one, { names, values: values.subarray(0, 2) })).toThrow(
      'at least 10 pictures (better 200), got 1',
    )
  })
})

describe('what there is nothing to say about', () => {
  const stream = random(5)
  const labels = Uint8Array.from({ length: 40 }, () => stream.int(2))
  const s = tensor([40, 2], Array.from(labels).flatMap(label => [label + 0.1 * stream.normal(), stream.normal()])) // prettier-ignore

  test('a constant attribute has empty cells and a sentence, and leaves the scores of the others alone', () => {
    const values = Array.from(labels).flatMap(label => [label, 1])
    const both = measureLatents(s, { names: ['hat', 'head'], values })
    expect(both.tables[1].rows[1]).toEqual(['head', null, null, null])
    expect(both.summary.join(' ')).toContain('nothing to tell: head.')
    expect(both.trained.dci).toEqual(measureLatents(s, { names: ['hat'], values: labels }).trained.dci)
    const nothing = measureLatents(s, { names: ['head'], values: new Uint8Array(40) })
    expect(nothing.tables[0].rows[0]).toEqual(['latent AUROC', null, null])
    expect(nothing.summary[0]).toContain('latent AUROC not measurable')
  })

  test('with one prototype completeness is an empty cell, and the summary says what TAD is then', () => {
    const one = measureLatents(tensor([40, 1], Float32Array.from(labels)), { names: ['hat'], values: labels })
    expect([one.trained.dci.completeness, one.trained.dci.disentanglement, one.trained.tad.tad]).toEqual([null, null, 1])
    expect(one.summary.join(' ')).toContain('With a single prototype')
  })

  test('ten pictures are measured, whatever folds lack a class', () => {
    const few = measureLatents(rows(s, 0, 10), { names: ['hat'], values: labels.subarray(0, 10) })
    for (const cell of cells(few)) expect(typeof cell !== 'number' || Number.isFinite(cell)).toBe(true)
  })

  test('no pictures, no attributes, no prototypes, a value missing and a control of other pictures are refused with what is wanted', () => {
    const hat = { names: ['hat'], values: labels }
    expect(() => measureLatents(zeros([0, 2]), { names: ['hat'], values: [] })).toThrow(
      'at least 10 pictures (better 200), got 0',
    )
    expect(() => measureLatents(s, { names: [], values: [] })).toThrow('no attributes; give a data set with an attribute table')
    expect(() => measureLatents(zeros([40, 0]), hat)).toThrow('s has no prototypes')
    expect(() => measureLatents(s, { names: ['hat'], values: labels.subarray(1) })).toThrow('want 40 values, got 39')
    expect(() => measureLatents(s, { names: ['hat'], values: [...labels.subarray(1), -1] })).toThrow(
      'attribute "hat" of picture 39 should be 0 or 1, got -1',
    )
    expect(() => measureLatents(s, hat, zeros([39, 2]))).toThrow('the same 40 pictures, got [39,2]')
  })
})
