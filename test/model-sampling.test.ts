import * as tf from '@tensorflow/tfjs-core'
import { importOfficial } from '../engine/checkpoint/import.ts'
import { compile, type Compiled } from '../engine/compile.ts'
import { unetNetwork } from '../engine/networks.ts'
import type { PriorConfig } from '../model/config.ts'
import { ddim } from '../model/ddim.ts'
import { ddpm } from '../model/ddpm.ts'
import type { Denoiser, Step } from '../model/denoiser.ts'
import { diffuse } from '../model/diffuse.ts'
import { invert } from '../model/invert.ts'
import { gaussian } from '../model/noise.ts'
import { unet1d } from '../model/prior.ts'
import { fromPrior, samplePrior, toPrior } from '../model/prior-sampling.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { combine, rows, tensor, type Tensor } from '../model/tensor.ts'
import { maxDifference } from './npy.ts'
import { checkpointIn, fixtures, kit, kitIsThere, ref, refImages, toParams, toTf } from './parity.ts'

const inKit = kitIsThere ? test : test.skip
const schedule = linearSchedule(1000)

async function walk(steps: AsyncGenerator<Step, void, void>): Promise<Step[]> {
  const all = []
  for await (const step of steps) all.push(step)
  return all
}

/** Entry i of the first axis, which counts steps. */
const entry = (x: Tensor, i: number): Tensor => ({ shape: x.shape.slice(1), data: rows(x, i, i + 1).data })

/** Ten steps of a random network blow x up to several hundred: errors are counted against the largest entry (README of the kit). */
function expectClose(got: Tensor, want: Tensor, relative = 1e-3) {
  const largest = want.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  expect(maxDifference(got.data, want.data)).toBeLessThan(relative * largest)
}

describe('along ten steps, with the authors’ network', () => {
  const images = (name: string) => refImages(`${fixtures}/tiny_rgb/ref`, name)
  const times = timesteps(1000, 10)
  let denoise: Denoiser
  let network: Compiled

  // compiled: fifty network calls, three hundred times faster than tfjs-backend-cpu
  beforeAll(async () => {
    process.env.PATRONUS_CACHE = 'off'
    const { info, weights } = await importOfficial(checkpointIn(`${fixtures}/tiny_rgb`, 'cifar10'))
    const { fn, signature } = unetNetwork(info.config)
    network = await compile(fn, signature, weights, { device: 'cpu' })
    const s = rows(ref(`${fixtures}/tiny_rgb/ref`, 's'), 0, 1)
    denoise = async (x, t) => (await network.run({ x, t: Int32Array.of(t), s })).eps
  })
  afterAll(() => network.dispose())

  test('ten strided times are 0, 111, …, 999', () => {
    expect(times).toEqual([0, 111, 222, 333, 444, 555, 666, 777, 888, 999])
  })

  test('DDIM passes through the x of the authors’ sampler at every step', async () => {
    const wanted = images('ddim10_x')
    const steps = await walk(ddim(denoise, images('xT'), schedule, times))
    steps.forEach(({ x }, i) => expectClose(x, entry(wanted, i)))
    expect(steps.map(({ t }) => t)).toEqual(times.toReversed())
    expect(steps.at(-1)!.x).toEqual(steps.at(-1)!.x0)
  })

  test('DDIM with η = 1 does so too, fed the authors’ noise', async () => {
    const [wanted, noise] = [images('ddim10_eta1_x'), images('ddim10_eta1_noise')]
    const steps = await walk(ddim(denoise, images('xT'), schedule, times, { eta: 1, noise: i => entry(noise, i) }))
    steps.forEach(({ x }, i) => expectClose(x, entry(wanted, i)))
  })

  test('inversion passes through the authors’ x, and DDIM from its end gives the authors’ reconstruction', async () => {
    const wanted = images('inv10_x')
    const steps = await walk(invert(denoise, rows(images('x0'), 0, 1), schedule, times))
    steps.forEach(({ x }, i) => expectClose(x, entry(wanted, i)))
    const back = await walk(ddim(denoise, steps.at(-1)!.x, schedule, times))
    expectClose(back.at(-1)!.x, images('recon10_x'))
  })

  test('ancestral sampling from t = 10 gives the authors’ image, fed their noise', async () => {
    const noise = images('ddpm10_noise')
    const steps = await walk(ddpm(denoise, entry(noise, 0), schedule, { from: 10, noise: i => entry(noise, i + 1) }))
    expect(steps.map(({ t }) => t)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    expectClose(steps.at(-1)!.x, images('ddpm10_x'))
  })
})

inKit('the prior’s three samplers give the authors’ activations, and textbook DDIM the kit’s, fed their noise', async () => {
  const prior = `${kit}/small/records/latent_ddim/trained_models/FMNIST_clean-0/version_0/best_model.pt`
  const { info, weights } = await importOfficial(checkpointIn(`${kit}/small`, 'FMNIST_clean'), { prior })
  const params = toParams(
    new Map([...weights].flatMap(([name, x]) => (name.startsWith('prior.') ? [[name.slice(6), x] as const] : []))),
  )
  const read = (name: string): Tensor => {
    const { shape, data } = ref(`${kit}/small/prior_ref`, name)
    return { shape: shape.filter((n, axis) => axis !== shape.length - 2 || n !== 1), data } // the kit has a channel axis of 1
  }
  const denoise: Denoiser = async (x, t) => {
    const eps = tf.tidy(() => unet1d(info.prior!, params, toTf(x), tf.fill([x.shape[0]], t, 'int32') as tf.Tensor1D))
    return tensor(x.shape, Float32Array.from(await eps.data()))
  }
  const small = linearSchedule(100)
  const sampled = async (method: 'official-ddim' | 'official-ddpm', recorded: string, eta = 0) => {
    const noise = read(recorded)
    const steps = await walk(samplePrior(denoise, entry(noise, 0), small, method, { eta, noise: i => entry(noise, i + 1) }))
    return steps.at(-1)!.x
  }
  expectClose(await sampled('official-ddim', 'sample_ddim_noise'), read('sample_ddim'))
  expectClose(await sampled('official-ddim', 'sample_ddim_eta01_noise', 0.1), read('sample_ddim_eta01'))
  expectClose(await sampled('official-ddpm', 'sample_ddpm_noise'), read('sample_ddpm'))
  const textbook = await walk(samplePrior(denoise, read('std_ddim_xT'), small, 'ddim'))
  expectClose(textbook.at(-1)!.x, read('std_ddim'))
})

test('β and ᾱ are the authors’ float32 tables, to the last bit at T = 1000', () => {
  for (const T of [1000, 200]) {
    const { beta, alphaBar } = linearSchedule(T)
    expect(maxDifference(beta, ref(`${fixtures}/misc`, `sched${T}_beta`).data)).toBeLessThan(1e-8)
    expect(maxDifference(alphaBar, ref(`${fixtures}/misc`, `sched${T}_alphas_cumprod`).data)).toBeLessThan(1e-7)
  }
})

test('T timesteps of T are all of them, one is the last, more than T adds none; too short a schedule is refused', () => {
  expect(timesteps(1000, 1000)).toEqual([...Array(1000).keys()])
  expect(timesteps(1000, 1)).toEqual([999])
  expect(timesteps(25, 40)).toEqual([...Array(25).keys()])
  expect(() => linearSchedule(20)).toThrow('above 20')
  expect(() => timesteps(1000, 0)).toThrow('from 1, got 0')
})

const image = tensor([1, 3], [0.5, -0.25, 1])
const noise = tensor([1, 3], [1, -2, 0.5])

test('a denoiser that knows the noise is led back to the image, in 1 step, in 50 or in 1000', async () => {
  const xT = diffuse(image, noise, schedule.alphaBar[999])
  for (const K of [1, 50, 1000]) {
    const steps = await walk(ddim(async () => noise, xT, schedule, timesteps(1000, K)))
    expect(steps).toHaveLength(K)
    // one float32 rounding of x_T, divided by √ᾱ_T = 0.006
    for (const { x0 } of steps) expect(maxDifference(x0.data, image.data)).toBeLessThan(1e-4)
    expect(maxDifference(steps.at(-1)!.x.data, image.data)).toBeLessThan(1e-4)
  }
})

test('an inversion to a level in the middle is undone by DDIM from there, where the noise estimate does not change', async () => {
  const times = timesteps(1000, 20)
  const to = times[9]
  const there = await walk(invert(async () => noise, image, schedule, times, { to }))
  expect(there).toHaveLength(9)
  const back = await walk(ddim(async () => noise, there.at(-1)!.x, schedule, times.slice(0, 10)))
  expect(back[0].t).toBe(to)
  expect(maxDifference(back.at(-2)!.x.data, image.data)).toBeLessThan(1e-5) // back at level times[0], where inversion began
  await expect(walk(invert(async () => noise, image, schedule, times, { to: 5 }))).rejects.toThrow('"to" must be one of 53,')
})

test('with the best denoiser for N(0,1) images, inversion and DDIM come closer to the identity the more steps they take', async () => {
  const denoise: Denoiser = async (x, t) => combine([Math.sqrt(1 - schedule.alphaBar[t]), x])
  const x0 = gaussian([1, 64], 3)
  const errors = []
  for (const K of [10, 100, 1000]) {
    const times = timesteps(1000, K)
    const there = await walk(invert(denoise, x0, schedule, times))
    const back = await walk(ddim(denoise, there.at(-1)!.x, schedule, times))
    errors.push(maxDifference(back.at(-1)!.x.data, x0.data))
  }
  expect(errors[1]).toBeLessThan(errors[0] / 3)
  expect(errors[2]).toBeLessThan(errors[1] / 3)
  expect(errors[2]).toBeLessThan(0.05)
})

test('with that denoiser, DDIM with η = 1 and ancestral sampling keep the variance of N(0,1)', async () => {
  const denoise: Denoiser = async (x, t) => combine([Math.sqrt(1 - schedule.alphaBar[t]), x])
  const start = gaussian([1, 4000], 1)
  const options = { eta: 1, noise: (i: number) => gaussian([1, 4000], 100 + i) }
  const ends = [
    (await walk(ddim(denoise, start, schedule, timesteps(1000, 200), options))).at(-2)!.x,
    (await walk(ddpm(denoise, start, schedule, options))).at(-1)!.x,
  ]
  for (const { data } of ends) {
    const variance = data.reduce((sum, x) => sum + x * x, 0) / data.length
    expect(Math.abs(variance - 1)).toBeLessThan(0.1) // standard error 0.022
  }
})

test('a sampler that needs noise says so, and DDPM checks where it starts', async () => {
  await expect(walk(ddim(async () => noise, image, schedule, [0, 999], { eta: 0.5 }))).rejects.toThrow(
    'η = 0.5 wants a source of noise',
  )
  await expect(walk(samplePrior(async () => noise, image, linearSchedule(100), 'official-ddpm'))).rejects.toThrow(
    'wants a source of noise',
  )
  await expect(walk(ddpm(async () => noise, image, schedule, { from: 0, noise: () => noise }))).rejects.toThrow('1 … 999, got 0')
})

test('standardised activations come back as they were; a prior without statistics leaves them alone', () => {
  const prior: PriorConfig = { base: 8, multipliers: [1], resBlocks: 1, groups: 4, dropout: 0, timesteps: 100 }
  const standardized = { ...prior, standardize: { mean: [1, 2, 3], std: [0.5, 2, 4] } }
  const s = tensor([2, 3], [1, 4, 7, 2, 0, -1])
  expect([...toPrior(standardized, s).data]).toEqual([0, 1, 1, 2, -1, -1])
  expect([...fromPrior(standardized, toPrior(standardized, s)).data]).toEqual([...s.data])
  expect(toPrior(prior, s)).toBe(s)
})
