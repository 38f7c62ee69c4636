/** The compiled engine against the authors' PyTorch numbers, through everything a user touches: import, load, encode, sample. */
import { importOfficial } from '../engine/checkpoint/import.ts'
import { createPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { ddim } from '../model/ddim.ts'
import { ddpm } from '../model/ddpm.ts'
import type { Step } from '../model/denoiser.ts'
import { invert } from '../model/invert.ts'
import { samplePrior } from '../model/prior-sampling.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { maxDifference } from './npy.ts'
import { checkpointIn, fixtures, kit, kitIsThere, ref, refImages } from './parity.ts'

const schedule = linearSchedule(1000)
const every = timesteps(1000, 1000)
const ten = timesteps(1000, 10)

async function walk(steps: AsyncIterable<Step>): Promise<Step[]> {
  const all: Step[] = []
  for await (const step of steps) all.push(step)
  return all
}

/** Image `k` of a stack [N,B,H,W,C]. */
const frame = (x: Tensor, k: number): Tensor => {
  const one = rows(x, k, k + 1)
  return { shape: one.shape.slice(1), data: one.data }
}
/** Largest difference, in units of the reference's largest entry. */
const relative = (got: Tensor, want: Tensor) => maxDifference(got.data, want.data) / Math.max(...want.data.map(Math.abs))

const models = [
  { name: 'tiny_rgb', root: `${fixtures}/tiny_rgb`, dataset: 'cifar10', there: true, z: 2e-5, dist: 3e-4 },
  { name: 'small', root: `${kit}/small`, dataset: 'FMNIST_clean', there: kitIsThere, z: 2e-5, dist: 2e-3 },
]

for (const { name, root, dataset, there, z, dist } of models) {
  const run = there ? describe : describe.skip
  run(`compiled ${name}${there ? '' : ' (skipped: ../shared/parity is not here)'}`, () => {
    const folder = `${root}/ref`
    let net: Patronus
    beforeAll(async () => {
      net = await createPatronus(await importOfficial(checkpointIn(root, dataset)), { device: 'cpu' })
    })
    afterAll(() => net.dispose())

    test('z, distances, smallest distances, cells and s are the authors’', async () => {
      const x0 = refImages(folder, 'x0')
      expect(maxDifference((await net.features(x0)).data, refImages(folder, 'z').data)).toBeLessThan(z)
      expect(maxDifference((await net.distances(x0)).data, refImages(folder, 'dist').data)).toBeLessThan(dist)
      const { s, minDistance, argmin } = await net.encode(x0)
      const d = ref(folder, 'min_dist').data
      expect(maxDifference(minDistance.data, d)).toBeLessThan(dist)
      expect([...argmin.data]).toEqual([...ref(folder, 'argmin').data])
      // |Δs| ≤ Δd/(d + ε): spec section 2
      ref(folder, 's').data.forEach((want, i) =>
        expect(Math.abs(s.data[i] - want)).toBeLessThan(dist / (Math.max(0, d[i] - dist) + 1e-4) + 1e-6),
      )
    })

    test('ε̂ is the authors’ to 2e-5, for a batch whose timesteps differ', async () => {
      const [xt, t, s] = [refImages(folder, 'xt'), ref(folder, 't'), ref(folder, 's')]
      for (let b = 0; b < xt.shape[0]; b++) {
        const eps = await net.denoiser(rows(s, b, b + 1))(rows(xt, b, b + 1), t.data[b])
        expect(maxDifference(eps.data, rows(refImages(folder, 'eps_pred'), b, b + 1).data)).toBeLessThan(2e-5)
      }
    })

    test('10 steps of DDIM (η = 0 and 1), inversion, reconstruction and DDPM lead where the authors’ lead', async () => {
      const xT = refImages(folder, 'xT')
      const first = (x: Tensor) => rows(x, 0, xT.shape[0])
      const denoise = net.denoiser(first(ref(folder, 's')))
      expect(
        relative((await walk(ddim(denoise, xT, schedule, ten))).at(-1)!.x, last(refImages(folder, 'ddim10_x'))),
      ).toBeLessThan(1e-3)
      const noise = refImages(folder, 'ddim10_eta1_noise')
      const stochastic = await walk(ddim(denoise, xT, schedule, ten, { eta: 1, noise: k => frame(noise, k) }))
      expect(relative(stochastic.at(-1)!.x, last(refImages(folder, 'ddim10_eta1_x')))).toBeLessThan(1e-3)
      const inverted = (await walk(invert(denoise, first(refImages(folder, 'x0')), schedule, ten))).at(-1)!.x
      expect(relative(inverted, last(refImages(folder, 'inv10_x')))).toBeLessThan(1e-3)
      expect(
        relative((await walk(ddim(denoise, inverted, schedule, ten))).at(-1)!.x, last(refImages(folder, 'recon10_x'))),
      ).toBeLessThan(1e-3)
      const z = refImages(folder, 'ddpm10_noise')
      const ancestral = await walk(ddpm(denoise, frame(z, 0), schedule, { from: 10, noise: k => frame(z, k + 1) }))
      expect(relative(ancestral.at(-1)!.x, refImages(folder, 'ddpm10_x'))).toBeLessThan(1e-3)
    })
  })
}

/** The last frame of a trajectory [N,B,…], or the result itself. */
const last = (x: Tensor): Tensor => (x.shape.length === 5 ? frame(x, x.shape[0] - 1) : x)

const whole = kitIsThere ? describe : describe.skip
whole(`the official sampler${kitIsThere ? '' : ' (skipped: ../shared/parity is not here)'}`, () => {
  const root = `${kit}/small`
  let net: Patronus
  beforeAll(async () => {
    net = await createPatronus(await importOfficial(root), { device: 'cpu' })
  })
  afterAll(() => net.dispose())

  test('1000 steps of inversion and of DDIM stay with the authors’ all the way', async () => {
    const folder = `${root}/ref`
    const x0 = rows(refImages(folder, 'x0'), 0, refImages(folder, 'full_inv_x').shape[1])
    const denoise = net.denoiser(rows(ref(folder, 's'), 0, x0.shape[0]))
    const up = await walk(invert(denoise, x0, schedule, every))
    const marks = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999]
    marks.forEach((t, i) => expect(relative(up[t].x, frame(refImages(folder, 'full_inv_x'), i))).toBeLessThan(1e-3))
    const down = await walk(ddim(denoise, up.at(-1)!.x, schedule, every))
    ;[999, 900, 800, 700, 600, 500, 400, 300, 200, 100, 0].forEach((t, i) =>
      expect(relative(down[999 - t].x, frame(refImages(folder, 'full_ddim_x'), i))).toBeLessThan(1e-3),
    )
  }, 240_000)

  test('the prior’s three samplers give the authors’ activations', async () => {
    const folder = `${root}/prior_ref`
    const vectors = (name: string): Tensor => {
      const { shape, data } = ref(folder, name)
      return { shape: shape.filter((n, axis) => n !== 1 || axis === 0), data }
    }
    const prior = linearSchedule(100)
    const stacked = (name: string) => {
      const all = vectors(name)
      return (k: number) => frame(all, k)
    }
    const eps = await net.prior!(rows(vectors('x'), 0, 1), ref(folder, 't').data[0])
    expect(maxDifference(eps.data, rows(vectors('y'), 0, 1).data)).toBeLessThan(2e-5)
    const runs = [
      { want: 'sample_ddim', method: 'official-ddim', eta: 0, noise: stacked('sample_ddim_noise') },
      { want: 'sample_ddim_eta01', method: 'official-ddim', eta: 0.1, noise: stacked('sample_ddim_eta01_noise') },
      { want: 'sample_ddpm', method: 'official-ddpm', eta: 0, noise: stacked('sample_ddpm_noise') },
    ] as const
    for (const { want, method, eta, noise } of runs) {
      const steps = await walk(samplePrior(net.prior!, noise(0), prior, method, { eta, noise: k => noise(k + 1) }))
      expect(relative(steps.at(-1)!.x, vectors(want))).toBeLessThan(1e-3)
    }
    const textbook = await walk(samplePrior(net.prior!, vectors('std_ddim_xT'), prior, 'ddim'))
    expect(relative(textbook.at(-1)!.x, vectors('std_ddim'))).toBeLessThan(1e-3)
  })
})
