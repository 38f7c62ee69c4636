import path from 'node:path'
import type { Checkpoint } from '../engine/checkpoint/safetensors.ts'
import { openCheckpoint } from '../engine/checkpoint/open.ts'
import { createPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { compareEdits } from '../analysis/compare-edits.ts'
import { emergence } from '../analysis/emergence.ts'
import { withColumn } from '../analysis/ranges.ts'
import { emergenceReport } from '../analysis/reports/emergence.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import { map, type Tensor } from '../model/tensor.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** Emergence and partial edits on checkpoints of other kinds: the authors' own files, without measured ranges or names, and grey pictures. */

function greyCheckpoint(): Checkpoint {
  const { info } = tinyCheckpoint({ prior: false, ranges: false })
  const { image, encoder } = info.config
  const config = {
    ...info.config,
    image: { ...image, channels: 1 },
    encoder: { ...encoder, channels: [1, ...encoder.channels.slice(1)] },
  }
  return { id: 'grey', info: { ...info, config }, weights: initialWeights(config, 3) }
}

const checkpoints: Record<string, () => Promise<Checkpoint>> = {
  "the authors' RGB files": () => openCheckpoint(path.join(__dirname, 'fixtures/parity/tiny_rgb')),
  'a grey model': async () => greyCheckpoint(),
}

describe.each(Object.keys(checkpoints))('on %s', name => {
  let patronus: Patronus
  beforeAll(async () => void (patronus = await createPatronus(await checkpoints[name](), { device: 'cpu' })))
  afterAll(() => patronus.dispose())
  const pictures = (count: number): Tensor => {
    const { height, width, channels } = patronus.info.config.image
    return map(gaussian([count, height, width, channels], 4), v => Math.tanh(v))
  }

  test.each([1, 20])('emergence gives a whole report without NaN, over %i pictures', async count => {
    const found = await emergence(patronus, pictures(count), [0, 1], { steps: 2 })
    expect(found.pictures).toBe(count)
    expect(found.prototypes.map(({ raised }) => raised.mean.length)).toEqual([2, 2])
    expect(found.frames[0].x0.shape[0]).toBe(Math.min(16, count))
    const report = emergenceReport(found, { info: patronus.info, facts: [] })
    expect(JSON.stringify(report)).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('partial and full edits are compared with numbers that exist, or there is nothing to compare', async () => {
    const x0 = pictures(3)
    const { s } = await patronus.encode(x0)
    const change = { s, edited: withColumn(s, 0, 1) }
    const found = await compareEdits(patronus, x0, change, { steps: 4, depth: 500, now: () => 0 })
    for (const { outside, whole, change } of [found.partial, found.full])
      expect([...outside, ...whole, change].every(Number.isFinite)).toBe(true)
    expect(found.equal === null).toBe(found.preserved === null)
  })
})
