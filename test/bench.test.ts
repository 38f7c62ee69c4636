import { compared, largestDifference, median } from '../bench/measure.ts'
import { table } from '../bench/main.ts'
import { referenceUnet } from '../bench/reference-onnx.ts'
import { packWeights } from '../engine/compile.ts'
import { chooseDevice } from '../engine/device.ts'
import { eager } from '../engine/eager.ts'
import { unetNetwork } from '../engine/networks.ts'
import { Session } from '../engine/session.ts'
import type { ModelConfig } from '../model/config.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import type { Tensor } from '../model/tensor.ts'

/** The official network in small: four levels, two residual blocks each, attention also outside the bottleneck. */
const config: ModelConfig = {
  image: { height: 16, width: 16, channels: 3 },
  encoder: { channels: [3, 8], kernels: [3], strides: [2], paddings: [1] },
  prototypes: { count: 5, dim: 8, epsilon: 1e-4 },
  unet: {
    stem: 1,
    base: 8,
    multipliers: [1, 2, 2, 2],
    attention: [false, true, false, false],
    resBlocks: 2,
    groups: 4,
    heads: 2,
    dropout: 0.1,
    timeMultiple: 4,
    conditionScale: 1,
  },
  timesteps: 1000,
}

/** [B,a,b,c] → [B,c,a,b] or back, by the given order of axes. */
function permuted({ shape, data }: Tensor, perm: readonly number[]): Tensor {
  const to = perm.map(axis => shape[axis])
  const out = new Float32Array(data.length)
  out.forEach((_, i) => {
    const at = [0, 0, 0, 0]
    for (let axis = 3, rest = i; axis >= 0; axis--) ((at[perm[axis]] = rest % to[axis]), (rest = Math.floor(rest / to[axis])))
    out[i] = data[((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]]
  })
  return { shape: to, data: out }
}

describe('the reference export that the engine is held against', () => {
  test.each([1, 3])('computes what the network computes: batch %d, within 2e-5 of tfjs eager', async batch => {
    const weights = initialWeights(config, 1)
    const feed = {
      x: gaussian([batch, 16, 16, 3], 1),
      t: Int32Array.from({ length: batch }, (_, b) => 100 + 400 * b),
      s: gaussian([batch, 5], 2),
    }
    const { fn, signature } = unetNetwork(config)
    const network = await eager(fn, signature, weights)
    const artifact = referenceUnet(config, batch)
    const reference = await Session.create(
      artifact,
      packWeights(artifact.layout, weights, 'reference'),
      await chooseDevice('cpu'),
    )
    const { eps } = await reference.run({ ...feed, x: permuted(feed.x, [0, 3, 1, 2]) })
    const wanted = (await network.run(feed)).eps
    expect(eps.shape).toEqual([batch, 3, 16, 16])
    expect(largestDifference(permuted(eps, [0, 2, 3, 1]).data, wanted.data)).toBeLessThanOrEqual(2e-5)
    expect(Math.max(...wanted.data.map(Math.abs))).toBeGreaterThan(0.1)
    await Promise.all([reference.dispose(), network.dispose()])
  })

  test('refuses a network that the authors do not have', () => {
    expect(() => referenceUnet({ ...config, unet: { ...config.unet, stem: 2 } }, 1)).toThrow('official network')
  })
})

describe('taking times', () => {
  test('the median of an even count lies between the middle two', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5])
  })

  test('a ratio is that of neighbours: neither a machine that gets slower nor one disturbance moves it', async () => {
    let calls = 0
    const slowing = (own: number) => async () => {
      calls++
      const drift = 1 + Math.floor((calls - 1) / 2)
      return own * drift * (calls === 7 ? 50 : 1)
    }
    const { ratio } = await compared(slowing(3), slowing(2), 9)
    expect(ratio).toBeCloseTo(1.5, 10)
    expect(calls).toBe(20)
  })

  test('arrays of different lengths are never equal', () => {
    expect(largestDifference(Float32Array.of(1), Float32Array.of(1, 2))).toBe(Infinity)
  })

  test('the table marks a limit as kept or broken by the ratio where there is one, else by the value', () => {
    const lines = table([
      { name: 'a', value: 200, unit: 'ms', against: 'b', ratio: 1.05, limit: 1.1 },
      { name: 'c', value: 200, unit: 'ms', limit: 150 },
      { name: 'd', value: 3, unit: 'nodes' },
    ]).split('\n')
    expect([/1\.050 ×.*≤ 1\.1 ✓/.test(lines[1]), /≤ 150 ✗/.test(lines[2]), /[✓✗]/.test(lines[3])]).toEqual([true, true, false])
  })
})
