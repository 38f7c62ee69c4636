import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { readCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { initialWeights } from '../model/initialize.ts'
import type { Weights } from '../model/weights.ts'
import type { TrainingConfig } from '../train/config.ts'
import { trainingConfigs } from '../train/configs.ts'
import { runTraining, Stopped, type RunOptions } from '../train/main.ts'
import { silent, type Reporter } from '../train/progress.ts'
import { seedFor } from '../train/seeds.ts'
import { readState } from '../train/state.ts'

const config: TrainingConfig = {
  ...trainingConfigs.tiny,
  steps: 12,
  freezeEncoderAt: 8,
  prior: { ...trainingConfigs.tiny.prior!, steps: 10 },
  every: { log: 2, checkpoint: 3, sheet: 12 },
}

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-train-'))))
afterAll(() => rm(folder, { recursive: true }))

const run = (name: string, own: Partial<TrainingConfig> = {}, options: Partial<RunOptions> = {}) =>
  runTraining({ ...config, ...own }, { out: join(folder, name), command: 'test', ...options })

const lines = async (name: string, file = 'log.jsonl') =>
  (await readFile(join(folder, name, file), 'utf8'))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, number>)

/** Dies at the n-th step that is reported, as a killed process does: nothing is saved on the way out. */
const killedAt = (n: number): Reporter => {
  let steps = 0
  return { ...silent, step: (_done, _total, text) => void (text.startsWith('loss') && ++steps === n && kill()) }
}
const kill = () => {
  throw new Error('killed')
}

const entries = (weights: Weights) => [...weights].map(([name, { shape, data }]) => [name, shape, data] as const)

describe('a run from start to checkpoint', () => {
  let whole: Awaited<ReturnType<typeof run>>
  beforeAll(async () => void (whole = await run('whole')), 120_000)

  test('writes a checkpoint with prior and ranges, its card, a log of both trainings, and a sheet', async () => {
    const { info, weights } = await readCheckpoint(whole.checkpoint)
    expect(info).toMatchObject({ name: 'tiny', dataset: 'avatars', rangesOver: 64, licence: 'MIT', config: config.model })
    expect(info.ranges).toHaveLength(4)
    expect(info.prior?.standardize?.mean).toHaveLength(4)
    expect(info.provenance).toMatchObject({ seed: 1, steps: 12, encoderFrozenAtStep: 8, imagesSeen: 48, priorSteps: 10 })
    expect(weights.has('prior.final_conv.weight')).toBe(true)
    for (const { min, quantiles, mean, max } of info.ranges!) {
      expect([min, quantiles.q01, quantiles.q50, quantiles.q99, max]).toEqual(
        [min, quantiles.q01, quantiles.q50, quantiles.q99, max].sort((a, b) => a - b),
      )
      expect(mean).toBeGreaterThan(0)
    }
    expect((await lines('whole')).map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 12])
    expect((await lines('whole', 'prior.jsonl')).map(({ step }) => step)).toEqual([8])
    const sheet = await sharp(join(folder, 'whole', 'sheets', '000012.png')).metadata()
    expect(sheet.width! / sheet.height!).toBeCloseTo((8 * 17 + 1) / (4 * 17 + 1), 1)
    const tiles = await sharp(join(folder, 'whole', 'tiny.tiles.png')).metadata()
    expect(tiles.width! / tiles.height!).toBe(config.model.prototypes.count)
    expect(await readFile(whole.card, 'utf8')).toMatch(/encoder and prototypes are frozen from step 8 on/)
  })

  // In the joint stage, just after the freeze, and in the prior's training; between two saves each time.
  test.each([5, 10, 17])(
    'killed at step %i and resumed, it ends in the same weights, bit for bit',
    async n => {
      const name = `killed-${n}`
      await expect(run(name, {}, { reporter: killedAt(n) })).rejects.toThrow('killed')
      const { checkpoint } = await run(name, {}, { resume: true })
      expect(entries((await readCheckpoint(checkpoint)).weights)).toEqual(
        entries((await readCheckpoint(whole.checkpoint)).weights),
      )
      const seen = (await lines(name)).map(({ step, loss }) => [step, loss])
      expect(seen).toEqual((await lines('whole')).map(({ step, loss }) => [step, loss]))
    },
    120_000,
  )

  test('stopped on request, it saves at once, says so, and ends the same when resumed', async () => {
    const stop = new AbortController()
    const reporter: Reporter = {
      ...silent,
      step: (done, _total, text) => void (text.startsWith('loss') && done === 4 && stop.abort()),
    }
    const stopped = run('stopped', {}, { signal: stop.signal, reporter })
    await expect(stopped).rejects.toBeInstanceOf(Stopped)
    expect((await readState(join(folder, 'stopped', 'state.safetensors')))!.step).toBe(4)
    const { checkpoint } = await run('stopped', {}, { resume: true })
    expect(entries((await readCheckpoint(checkpoint)).weights)).toEqual(entries((await readCheckpoint(whole.checkpoint)).weights))
  }, 120_000)

  test('a folder that holds a run is not trained into again, nor resumed with another seed', async () => {
    await expect(run('whole')).rejects.toThrow(/already holds a training run; resume it, or give another folder/)
    await expect(run('whole', { seed: 2 }, { resume: true })).rejects.toThrow(
      /holds a run of another config; only .*steps.* may change/,
    )
  })

  test('a run that starts from a checkpoint begins with its weights, and refuses one of another model', async () => {
    const start = { startFrom: whole.checkpoint, steps: 1, seed: 2, freezeEncoderAt: 0, prior: null }
    const { checkpoint } = await run('onward', start)
    const [before, after] = [await readCheckpoint(whole.checkpoint), await readCheckpoint(checkpoint)]
    const moved = (name: string) =>
      Math.max(...after.weights.get(name)!.data.map((v, i) => Math.abs(v - before.weights.get(name)!.data[i])))
    expect(moved('proactBlock.encoder.features.0.weight')).toBe(0)
    expect(moved('first.weight')).toBeLessThan(1e-2) // one step of AdamW moves a weight by at most about its rate
    const wider = { ...config.model, prototypes: { ...config.model.prototypes, count: 5 } }
    await expect(run('other', { ...start, model: wider })).rejects.toThrow(/another model/)
  }, 120_000)

  test('another seed gives other weights', async () => {
    const { checkpoint } = await run('other-seed', { seed: 2, steps: 2, prior: null })
    const [, , first] = entries((await readCheckpoint(checkpoint)).weights)[1]
    expect(first).not.toEqual(entries((await readCheckpoint(whole.checkpoint)).weights)[1][2])
  }, 60_000)
})

describe('what the steps do', () => {
  test('the loss falls: its last quarter is well below its first', async () => {
    await run('longer', { steps: 80, freezeEncoderAt: 60, prior: null, every: { log: 1, checkpoint: 100, sheet: 1000 } })
    const losses = (await lines('longer')).map(({ loss }) => loss),
      mean = (part: number[]) => part.reduce((sum, v) => sum + v, 0) / part.length
    expect(mean(losses.slice(60))).toBeLessThan(0.92 * mean(losses.slice(0, 20)))
  }, 120_000)

  test('the averaged weights are the recursion of the weights: average ← d·average + (1 − d)·weights, d = min(decay, (1 + n)/(10 + n))', async () => {
    await run('average', { steps: 1, freezeEncoderAt: null, prior: null, ema: 0.05 })
    const one = (await readState(join(folder, 'average', 'state.safetensors')))!
    await cp(join(folder, 'average'), join(folder, 'average-2'), { recursive: true })
    await run(
      'average-2',
      { steps: 2, freezeEncoderAt: null, prior: null, ema: 0.05, rates: { ...config.rates, decay: 0 } },
      { resume: true },
    )
    const two = (await readState(join(folder, 'average-2', 'state.safetensors')))!
    for (const name of ['first.weight', 'proactBlock.prototype_vectors']) {
      const before = one.moving.average.get(name)!.data,
        now = two.moving.weights.get(name)!.data,
        average = two.moving.average.get(name)!.data
      expect(now).not.toEqual(one.moving.weights.get(name)!.data)
      average.forEach((value, i) => expect(value).toBeCloseTo(0.05 * before[i] + 0.95 * now[i], 6))
    }
  }, 60_000)

  test('after the freeze neither encoder nor prototypes move, before it both do', async () => {
    await run('to-freeze', { steps: 3, freezeEncoderAt: 3, prior: null })
    await run('beyond', { steps: 5, freezeEncoderAt: 3, prior: null })
    const start = (await readState(join(folder, 'to-freeze', 'state.safetensors')))!,
      end = (await readState(join(folder, 'beyond', 'state.safetensors')))!
    const at = (state: typeof start, name: string) => state.moving.weights.get(name)!.data
    expect(at(end, 'first.weight')).not.toEqual(at(start, 'first.weight'))
    const untrained = initialWeights(config.model, seedFor('weights', 1))
    const kernel = 'proactBlock.encoder.features.0.weight'
    expect(at(start, kernel)).not.toEqual(untrained.get(kernel)!.data)
    expect(end.frozen).toBe(true)
    for (const name of [kernel, 'proactBlock.prototype_vectors'])
      expect(end.moving.average.get(name)!.data).toEqual(at(end, name))
  }, 120_000)
})
