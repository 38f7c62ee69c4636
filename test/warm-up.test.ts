import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { random } from '../model/noise.ts'
import type { Tensor } from '../model/tensor.ts'
import type { TrainingConfig } from '../train/config.ts'
import { trainingConfigs } from '../train/configs.ts'
import type { DataSet } from '../analysis/data-set.ts'
import { runTraining, type RunOptions } from '../train/main.ts'
import { isEncoder } from '../train/networks.ts'
import { principalComponents } from '../train/principal.ts'
import { silent, type Reporter } from '../train/progress.ts'
import { readState } from '../train/state.ts'
import { scaledDirections } from '../train/warm-up.ts'

/** Pictures of 4×4 that differ along two patterns, three times as much along the first, and a little everywhere. */
function patterned(count: number, noise = 0.01): DataSet {
  const stream = random(5)
  const images = new Float32Array(count * 16)
  for (let n = 0; n < count; n++) {
    const [a, b] = [3 * stream.normal(), stream.normal()]
    for (let i = 0; i < 16; i++)
      images[n * 16 + i] = 0.2 + (a * (i < 8 ? 1 : -1) + b * (i % 2 ? 1 : -1)) / 4 + noise * stream.normal()
  }
  return { name: 'patterned', shape: [4, 4, 1], images }
}
const column = ({ shape: [P, K], data }: Tensor, k: number) => Array.from({ length: P }, (_, i) => data[i * K + k])
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0)

describe('principal components', () => {
  test('are the patterns that the pictures are made of, widest first, with their deviations', async () => {
    const { mean, directions, deviations } = await principalComponents(patterned(400), { count: 3, images: 400, seed: 1 })
    const first = Array.from({ length: 16 }, (_, i) => (i < 8 ? 0.25 : -0.25)),
      second = Array.from({ length: 16 }, (_, i) => (i % 2 ? 0.25 : -0.25))
    expect(Math.abs(dot(column(directions, 0), first))).toBeCloseTo(1, 2)
    expect(Math.abs(dot(column(directions, 1), second))).toBeCloseTo(1, 2)
    expect(Math.abs(deviations[0] / 3 - 1)).toBeLessThan(0.1)
    expect(Math.abs(deviations[1] - 1)).toBeLessThan(0.1)
    expect(deviations[2]).toBeLessThan(0.02)
    expect(mean.data.reduce((sum, value) => sum + value, 0) / 16).toBeCloseTo(0.2, 1)
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) expect(dot(column(directions, i), column(directions, j))).toBeCloseTo(i === j ? 1 : 0, 5)
  })

  test('more than the pictures can tell are refused', async () => {
    const wanted = principalComponents(patterned(8), { count: 8, images: 8, seed: 1 })
    await expect(wanted).rejects.toThrow(/8 wanted of 8 pictures of 16 values; lower warmUp.components or give more/)
  })

  test('of pictures that differ in fewer ways than asked for, the rest stays small: no target is rounding blown up', async () => {
    const data = patterned(400, 0)
    const principal = await principalComponents(data, { count: 5, images: 400, seed: 1 })
    const scaled = scaledDirections(principal, 1)
    expect(scaled.data.every(Number.isFinite)).toBe(true)
    const difference = Array.from({ length: 16 }, (_, i) => data.images[i] - principal.mean.data[i])
    for (let k = 2; k < 5; k++) expect(Math.abs(dot(column(scaled, k), difference))).toBeLessThan(0.05)
  })

  test('whitened, all count alike; not whitened, as they do in pixels; either way 1 on average', () => {
    const principal = {
      mean: { shape: [2], data: new Float32Array(2) },
      directions: { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) },
      deviations: Float64Array.of(3, 1),
    }
    const variances = (whiten: number) => {
      const { data } = scaledDirections(principal, whiten)
      return [(3 * data[0]) ** 2, data[3] ** 2]
    }
    expect(variances(1).map(v => v.toFixed(5))).toEqual(['1.00000', '1.00000'])
    expect(variances(0).map(v => v.toFixed(5))).toEqual(['1.80000', '0.20000'])
    const [wide, narrow] = variances(0.5)
    expect(wide / narrow).toBeCloseTo(3, 5)
    expect(wide + narrow).toBeCloseTo(2, 5)
  })
})

const config: TrainingConfig = {
  ...trainingConfigs.tiny,
  warmUp: {
    fresh: false,
    batch: 8,
    steps: 30,
    rates: { encoder: 1e-3, decoder: 3e-3 },
    hidden: 16,
    components: 8,
    images: 64,
    whiten: 0.5,
    ema: 0.9,
  },
  steps: 3,
  freezeEncoderAt: 0,
  prior: null,
  every: { log: 1, checkpoint: 7, sheet: 100 },
}

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-warm-'))))
afterAll(() => rm(folder, { recursive: true }))
const run = (name: string, own: Partial<TrainingConfig> = {}, options: Partial<RunOptions> = {}) =>
  runTraining({ ...config, ...own }, { out: join(folder, name), command: 'test', ...options })
const encoderOf = async (checkpoint: string) =>
  [...(await readCheckpoint(checkpoint)).weights].filter(([name]) => isEncoder(name)).map(([name, { data }]) => [name, data])

describe('a run with a warm-up', () => {
  let whole: Awaited<ReturnType<typeof run>>
  beforeAll(async () => void (whole = await run('whole')), 120_000)

  test('teaches the encoder to tell more of the picture, and says so on the card', async () => {
    const losses = (await readFile(join(folder, 'whole', 'warm-up.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { loss: number }).loss)
    expect(losses).toHaveLength(30)
    const mean = (part: number[]) => part.reduce((sum, value) => sum + value, 0) / part.length
    expect(mean(losses.slice(20))).toBeLessThan(0.9 * mean(losses.slice(0, 10)))
    const card = await readFile(whole.card, 'utf8')
    expect(card).toContain('taught first, 30 steps of 8 pictures in which a small network predicts 8 principal components')
    expect(card).toContain('frozen from step 0 on')
    expect((await readCheckpoint(whole.checkpoint)).info.provenance).toMatchObject({ warmUpSteps: 30, warmUpBatch: 8, steps: 3 })
  })

  test('ships the averaged encoder of the warm-up, and nothing of the small network', async () => {
    const { moving } = (await readState(join(folder, 'whole', 'warm-up.safetensors')))!
    const taught = [...moving.average].filter(([name]) => isEncoder(name)).map(([name, { data }]) => [name, data])
    expect(new Map((await encoderOf(whole.checkpoint)) as never)).toEqual(new Map(taught as never))
    const { weights } = await readCheckpoint(whole.checkpoint)
    expect([...weights.keys()].filter(name => name.startsWith('warmUp'))).toEqual([])
  })

  test('killed in the warm-up and resumed, it ends in the same weights, bit for bit', async () => {
    let steps = 0
    const kill: Reporter['step'] = (_done, _total, text) => {
      if (text.startsWith('loss') && ++steps === 17) throw new Error('killed')
    }
    await expect(run('killed', {}, { reporter: { ...silent, step: kill } })).rejects.toThrow('killed')
    expect((await readState(join(folder, 'killed', 'warm-up.safetensors')))!.step).toBe(14)
    const { checkpoint } = await run('killed', {}, { resume: true })
    expect([...(await readCheckpoint(checkpoint)).weights]).toEqual([...(await readCheckpoint(whole.checkpoint)).weights])
  }, 120_000)

  test('afresh from a checkpoint: its U-Net goes on, its encoder does not', async () => {
    const start = { startFrom: whole.checkpoint, seed: 2, steps: 1, rates: { ...config.rates, unet: 0 } }
    const none = { ...config.warmUp!, steps: 1, rates: { encoder: 0, decoder: 0 } }
    const onward = await run('onward', { ...start, warmUp: none })
    expect(await encoderOf(onward.checkpoint)).toEqual(await encoderOf(whole.checkpoint))
    const afresh = await run('afresh', { ...start, warmUp: { ...none, fresh: true } })
    const [before, after] = [await readCheckpoint(whole.checkpoint), await readCheckpoint(afresh.checkpoint)]
    expect(after.weights.get('first.weight')).toEqual(before.weights.get('first.weight'))
    for (const name of ['proactBlock.prototype_vectors', 'proactBlock.encoder.features.0.weight'])
      expect(after.weights.get(name)!.data).not.toEqual(before.weights.get(name)!.data)
    expect(after.info.provenance.startedFrom).toMatch(/^the U-Net of tiny /)
  }, 120_000)
})
