import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { prototypeRanges } from '../analysis/prototype-ranges.ts'
import { linearSchedule } from '../model/schedule.ts'
import { tensor } from '../model/tensor.ts'
import { batchOrder, drawNoise } from '../train/batches.ts'
import { parseConfig } from '../train/config.ts'
import { readConfig, trainingConfigs } from '../train/configs.ts'
import { chooseFarApart } from '../train/far-apart.ts'
import { writeWhole } from '../train/files.ts'
import { standardized, statistics } from '../train/prior.ts'
import { phaseLine, withPhase } from '../train/phases.ts'
import { duration, jsonLog } from '../train/progress.ts'
import { emaDecay, planOf, planToFinish, rateFactor } from '../train/schedule.ts'
import { seedFor } from '../train/seeds.ts'
import { readState, writeState } from '../train/state.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-parts-'))))
afterEach(() => rm(folder, { recursive: true }))

describe('configs', () => {
  test.each(Object.entries(trainingConfigs))('the shipped %s is a valid config and survives JSON', (_, config) =>
    expect(parseConfig(JSON.parse(JSON.stringify(config)), 'shipped')).toEqual(config),
  )

  test('a file that extends a shipped config changes what it names and nothing else', async () => {
    const path = join(folder, 'mine.json')
    await writeFile(path, JSON.stringify({ extends: 'avatars64', name: 'mine', rates: { unet: 1e-3 }, data: { bias: 0.95 } }))
    const { avatars64 } = trainingConfigs
    expect(await readConfig(path)).toEqual({
      ...avatars64,
      name: 'mine',
      rates: { ...avatars64.rates, unet: 1e-3 },
      data: { ...avatars64.data, bias: 0.95 },
    })
  })

  test('an object whose kind changes is replaced whole: faces’ options mean nothing to a folder', async () => {
    const path = join(folder, 'mine.json')
    await writeFile(path, JSON.stringify({ extends: 'avatars64', data: { kind: 'folder', path: 'x', size: 64 } }))
    expect((await readConfig(path)).data).toEqual({ kind: 'folder', path: 'x', size: 64, channels: 3, test: 200, seed: 1 })
  })

  test('every fault is listed with its place', () => {
    const { tiny } = trainingConfigs
    expect(() => parseConfig({ ...tiny, steps: -1, speed: 3, data: { ...tiny.data, size: 'big' } }, 'x.json')).toThrow(
      /x\.json is not a training config(.|\n)*steps(.|\n)*size/,
    )
    const model = {
      ...tiny.model,
      image: { height: 18, width: 16, channels: 3 },
      prototypes: { ...tiny.model.prototypes, count: 5, dim: 7 },
      unet: { ...tiny.model.unet, attention: [] },
    }
    for (const fault of [
      /data set gives 16×16×3, the model wants 18×16×3/,
      /prototypes\.dim: wanted 8 .*got 7/,
      /attention: wanted 2 flags .*got 0/,
      /sides must be divisible by 4/,
      /count: the prior halves .*divisible by 2, got 5/,
    ])
      expect(() => parseConfig({ ...tiny, model }, 'x.json')).toThrow(fault)
  })

  test('a name that is neither shipped nor a file, a file that is no JSON, and a wrong base are told apart', async () => {
    await expect(readConfig('nowhere')).rejects.toThrow(
      /no training config "nowhere": it is neither a shipped one \(avatars64, fmnist32, tiny\)/,
    )
    await writeFile(join(folder, 'a.json'), '{')
    await expect(readConfig(join(folder, 'a.json'))).rejects.toThrow(/a\.json is not JSON/)
    await writeFile(join(folder, 'b.json'), '{"extends":"toString"}')
    await expect(readConfig(join(folder, 'b.json'))).rejects.toThrow(
      /"extends" must be one of avatars64, fmnist32, tiny, got "toString"/,
    )
  })
})

describe('rates and averages', () => {
  const rates = { encoder: 1, unet: 1, warmup: 10, decay: 0.2, floor: 0.1 },
    plan = planOf({ steps: 100, rates })

  test('a rate rises in a line, stays, and falls to its floor without a jump', () => {
    const factors = Array.from({ length: 100 }, (_, step) => rateFactor(rates, plan, step))
    expect(factors[0]).toBeCloseTo(0.1)
    expect(factors.slice(9, 81).every(f => f === 1)).toBe(true)
    expect(factors[90]).toBeCloseTo(0.55, 1)
    expect(factors[99]).toBeLessThan(0.11)
    expect(rateFactor(rates, plan, 100)).toBeCloseTo(0.1)
    expect(Math.max(...factors.slice(1).map((f, i) => Math.abs(f - factors[i])))).toBeLessThan(0.11)
  })

  test('the average forgets the start quickly and then keeps its decay', () => {
    expect(emaDecay(0.999, 0)).toBe(0.1)
    expect(emaDecay(0.999, 90)).toBe(0.91)
    expect(emaDecay(0.999, 1e6)).toBe(0.999)
  })

  test('a run that must be over by a time falls when the rest of its time is the falling part, not before, and never gets longer', () => {
    expect(planToFinish(0.2, 30, 40, 1, plan)).toBeUndefined() // 70 steps fit; they would fall from 56 on
    expect(planToFinish(0.2, 57, 13, 1, plan)).toEqual({ steps: 70, decayFrom: 57, asked: 100 })
    expect(planToFinish(0.2, 70, 1000, 1, plan)).toBeUndefined()
    expect(planToFinish(0.2, 50, -5, 1, plan)).toEqual({ steps: 51, decayFrom: 50, asked: 100 })
  })
})

describe('draws', () => {
  test('an epoch shows every item at most once, the next in another order, and any step can be asked for first', () => {
    const at = batchOrder(10, 3, 7),
      epoch = [0, 1, 2].flatMap(step => [...at(step)])
    expect(new Set(epoch).size).toBe(9)
    expect([3, 4, 5].flatMap(step => [...at(step)])).not.toEqual(epoch)
    expect([...batchOrder(10, 3, 7)(4)]).toEqual([...at(4)])
    expect(() => batchOrder(2, 3, 7)).toThrow(/batch of 3 wanted, the data set has 2 items/)
  })

  test('t runs over 1 … T-1 and never 0, and the weights of image and noise are those of its level', () => {
    const schedule = linearSchedule(25),
      seen = new Set<number>()
    for (let step = 0; step < 60; step++) {
      const { t, signal, noise } = drawNoise(schedule, [8, 2], 1, step)
      t.forEach((at, i) => {
        seen.add(at)
        expect(signal[i] ** 2 + noise[i] ** 2).toBeCloseTo(1, 6)
        expect(signal[i] ** 2).toBeCloseTo(schedule.alphaBar[at], 6)
      })
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1))
  })

  test('seeds of different purposes, seeds and steps are all different', () => {
    const all = (['time', 'noise', 'order'] as const).flatMap(purpose =>
      [1, 2].flatMap(seed => Array.from({ length: 500 }, (_, step) => seedFor(purpose, seed, step))),
    )
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('prototypes', () => {
  test('far apart: of four tight clusters one patch each is taken, whatever their sizes', () => {
    const centres = [
        [0, 0],
        [100, 0],
        [0, 100],
        [100, 100],
      ],
      sizes = [500, 3, 3, 3]
    const data = centres.flatMap(([x, y], c) => Array.from({ length: sizes[c] }, (_, i) => [x + (i % 7) * 0.01, y])).flat()
    for (const seed of [1, 2, 3]) {
      const { data: chosen } = chooseFarApart(tensor([509, 2], data), 4, seed)
      const near = Array.from({ length: 4 }, (_, k) =>
        centres.findIndex(([x, y]) => Math.hypot(chosen[2 * k] - x, chosen[2 * k + 1] - y) < 1),
      )
      expect(near.toSorted()).toEqual([0, 1, 2, 3])
    }
  })

  test('never the same patch twice; too few different ones is an error', () => {
    expect(() => chooseFarApart(tensor([4, 1], [1, 1, 2, 2]), 3, 1)).toThrow(/3 different patches wanted, the images hold 2/)
    expect([...chooseFarApart(tensor([4, 1], [1, 1, 2, 2]), 2, 1).data].sort()).toEqual([1, 2])
  })

  test('ranges are those of numpy: quantiles between neighbours, population deviation', () => {
    const [range] = prototypeRanges(tensor([5, 1], [4, 1, 3, 2, 10]))
    expect(range).toMatchObject({ min: 1, max: 10, mean: 4 })
    expect(range.std).toBeCloseTo(Math.sqrt(10), 6)
    expect(range.quantiles.q50).toBe(3)
    expect(range.quantiles.q95).toBeCloseTo(8.8, 6)
    expect(prototypeRanges(tensor([1, 1], [7]))[0]).toMatchObject({ min: 7, max: 7, quantiles: { q15: 7 } })
  })

  test('standardised activations have mean 0 and deviation 1 per prototype; a constant one stays finite', () => {
    const s = tensor([4, 2], [1, 5, 2, 5, 3, 5, 6, 5]),
      { mean, std } = statistics(s)
    expect([mean, std[1]]).toEqual([[3, 5], 1])
    const z = standardized(s, { ...trainingConfigs.tiny.prior!.network, standardize: { mean, std } })
    expect(
      statistics(z)
        .mean.map(Math.abs)
        .every(v => v < 1e-6),
    ).toBe(true)
    expect(statistics(z).std[0]).toBeCloseTo(1, 6)
    expect(z.data.every(Number.isFinite)).toBe(true)
  })
})

describe('files', () => {
  const state = {
    step: 3,
    plan: { steps: 9, decayFrom: 7, asked: 9 },
    frozen: true,
    phases: [],
    seconds: 1.5,
    moving: {
      weights: new Map([
        ['a.weight', tensor([2, 1], [1, -0])],
        ['b', tensor([], [NaN])],
      ]),
      first: new Map([['b', tensor([], [3])]]),
      second: new Map([['b', tensor([], [1e-30])]]),
      average: new Map([['a.weight', tensor([2, 1], [0.1, 1e38])]]),
    },
  }

  test('a state comes back bit for bit', async () => {
    await writeState(join(folder, 's'), state)
    expect(await readState(join(folder, 's'))).toEqual(state)
    expect(await readState(join(folder, 'none'))).toBeUndefined()
  })

  test('a state cut off at any place, or another file, is refused and never half read', async () => {
    await writeState(join(folder, 's'), state)
    const bytes = await readFile(join(folder, 's'))
    for (const length of [0, 7, 40, bytes.length - 1]) {
      await writeFile(join(folder, 'cut'), bytes.subarray(0, length))
      await expect(readState(join(folder, 'cut'))).rejects.toThrow(/is not the state of a training run/)
    }
  })

  test('a file is written whole or not at all: a failing write leaves the old one and no litter', async () => {
    await writeWhole(join(folder, 'x'), ['old'])
    const bad = ['new', { length: 1 } as unknown as string]
    await expect(writeWhole(join(folder, 'x'), bad)).rejects.toThrow()
    expect(await readFile(join(folder, 'x'), 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['x'])
  })

  test('a log that ran ahead of the saved state is cut back to it, and a line broken by a kill is dropped', async () => {
    const path = join(folder, 'log.jsonl'),
      log = jsonLog(path)
    for (const step of [1, 2, 3]) await log.append({ step, loss: 1 })
    await writeFile(path, `${await readFile(path, 'utf8')}{"step":4,"lo`)
    await log.rewind(2)
    expect(await readFile(path, 'utf8')).toBe('{"step":1,"loss":1}\n{"step":2,"loss":1}\n')
  })

  test('durations read as people say them', () =>
    expect([5, 89, 90, 3600, 7260, Infinity].map(duration)).toEqual(['5 s', '89 s', '2 min', '60 min', '2 h 01', '?']))
})

describe('phases', () => {
  const rates = { encoder: 1e-5, unet: 4e-4, warmup: 10, decay: 0.2, floor: 0.02 }
  const first = { from: 0, command: 'train a', device: 'cpu', batch: 16, rates }

  test('going on as before is the same phase, whatever the command', () => {
    expect(withPhase([first], { ...first, from: 40, command: 'train a --resume' })).toEqual([first])
  })
  test('other settings begin a phase; one that made no step is forgotten', () => {
    const second = { ...first, from: 40, levels: [400, 999] as [number, number] }
    const third = { ...first, from: 40, device: 'webgpu' }
    expect(withPhase([first], second)).toEqual([first, second])
    expect(withPhase([first, second], third)).toEqual([first, third])
    expect(phaseLine(second)).toBe(
      'from step 40: `train a` on cpu, batch 16, rates 0.00001 (encoder) and 0.0004, t from 400 to 999 only',
    )
  })
})

test('t is drawn from the levels asked for, both ends included', () => {
  const schedule = linearSchedule(1000)
  const seen = new Set(Array.from({ length: 40 }, (_, step) => [...drawNoise(schedule, [8], 1, step, [997, 999]).t]).flat())
  expect([...seen].sort()).toEqual([997, 998, 999])
})

// Worker threads want compiled code, so this runs beside the tests.
const built = existsSync('dist/train/draw-worker.js') ? test : test.skip
built('noise drawn ahead in threads is the noise drawn on the spot, after a jump too', async () => {
  const program = `
    import { drawsAhead, drawsNow } from './dist/train/ahead.js'
    const of = { timesteps: 1000, shape: [2, 4, 4, 1], seed: 3, levels: [10, 900] }
    const [ahead, now] = [drawsAhead(of), drawsNow(of)]
    const same = []
    for (const step of [5, 6, 7, 8, 9, 2, 3, 40]) same.push(JSON.stringify(await ahead.at(step)) === JSON.stringify(now.at(step)))
    await ahead.dispose()
    console.log(JSON.stringify(same))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 })
  expect(JSON.parse(stdout)).toEqual(Array<boolean>(8).fill(true))
})
