/** The GPU path on a machine without one: WebGPU over SwiftShader, the software Vulkan driver in Debian's chromium. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const driver = '/usr/lib/chromium'
const ready = existsSync(`${driver}/vk_swiftshader_icd.json`) && existsSync('dist/engine/compile.js')

/** The drivers have to be in the environment before the process starts, so this runs in one of its own. */
const program = `
  import { compile } from './dist/engine/compile.js'
  import { unetNetwork, encoderNetwork } from './dist/engine/networks.js'
  import { initialWeights } from './dist/model/initialize.js'
  import { isFrozen } from './dist/model/initialize.js'
  import { gaussian } from './dist/model/noise.js'
  import { groupOf, jointLoss } from './dist/train/joint.js'
  import { makeTrainer, startMoving } from './dist/train/optimizer.js'
  const config = {
    image: { height: 16, width: 16, channels: 3 },
    encoder: { channels: [3, 8, 8, 16], kernels: [3, 3, 3], strides: [2, 1, 1], paddings: [1, 0, 0] },
    prototypes: { count: 5, dim: 16, epsilon: 1e-4 },
    unet: { stem: 2, base: 8, multipliers: [1, 2], attention: [false, true], resBlocks: 1, groups: 4, heads: 2, dropout: 0, timeMultiple: 4, conditionScale: 5 },
    timesteps: 1000,
  }
  const weights = initialWeights(config, 3), x = gaussian([2, 16, 16, 3], 1)
  const differences = {}
  for (const [network, feed] of [[unetNetwork(config), { x, t: Int32Array.of(5, 500), s: gaussian([2, 5], 2) }], [encoderNetwork(config), { x }]]) {
    const run = async device => (await compile(network.fn, network.signature, weights, { device })).run(feed)
    const [gpu, cpu] = [await run('webgpu'), await run('cpu')]
    for (const name in gpu) differences[name] = gpu[name].data.reduce((most, v, i) => Math.max(most, Math.abs(v - cpu[name].data[i])), 0)
  }
  // Two gradient steps: the state stays on the device between them and is read back at the end.
  const options = { loss: jointLoss({ model: config, distinct: { weight: 0, margin: 0.2 } }), trained: [...weights.keys()].filter(name => !isFrozen(name)), groupOf, adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } }
  const inputs = { x0: { shape: x.shape }, eps: { shape: x.shape }, t: { shape: [2], dtype: 'int32' }, signal: { shape: [2] }, noise: { shape: [2] } }
  const batch = { x0: x, eps: gaussian([2, 16, 16, 3], 7), t: Int32Array.of(100, 700), signal: { shape: [2], data: Float32Array.of(0.9, 0.2) }, noise: { shape: [2], data: Float32Array.of(0.43, 0.98) } }
  const trained = async device => {
    const moving = startMoving(weights, options.trained), constants = new Map([...weights].filter(([name]) => isFrozen(name)))
    const trainer = await makeTrainer(options, moving, constants, { name: 'step', inputs }, { device })
    const losses = []
    for (const step of [1, 2]) losses.push((await trainer.step(batch, { step, ema: 0.5, rates: { encoder: 1e-4, unet: 1e-3 } })).loss.data[0])
    // The first moment is the gradients themselves, times 0.1 and 0.09.
    const { first } = await trainer.read(moving)
    await trainer.dispose()
    return { losses, first }
  }
  const [gpu, cpu] = [await trained('webgpu'), await trained('cpu')]
  differences.loss = Math.max(...gpu.losses.map((loss, i) => Math.abs(loss - cpu.losses[i])))
  const size = data => Math.sqrt(data.reduce((sum, v) => sum + v * v, 0))
  differences.gradient = Math.max(...[...cpu.first].map(([name, { data }]) => size(data.map((v, i) => v - gpu.first.get(name).data[i])) / (size(data) + 1e-7)))
  console.log(JSON.stringify(differences))
  process.exit(0)
`

const run = ready ? test : test.skip
run(
  `WebGPU gives the CPU's numbers, gradients too${ready ? '' : ' (skipped: needs Debian’s chromium for SwiftShader, and a build)'}`,
  async () => {
    const env = {
      ...process.env,
      PATRONUS_CACHE: 'off',
      VK_ICD_FILENAMES: `${driver}/vk_swiftshader_icd.json`,
      LD_LIBRARY_PATH: driver,
    }
    const { stdout } = await promisify(execFile)('node', ['--input-type=module', '-e', program], {
      cwd: resolve('.'),
      env,
      timeout: 170_000,
    })
    const { eps, features, distances, argmin, loss, gradient } = JSON.parse(stdout.trim().split('\n').at(-1)!)
    expect(eps).toBeLessThan(2e-5)
    expect(features).toBeLessThan(2e-5)
    expect(distances).toBeLessThan(3e-4) // the expanded square cancels: spec section 2
    expect(argmin).toBe(0)
    expect(loss).toBeLessThan(1e-5)
    expect(gradient).toBeLessThan(0.02) // as between compiled and eager: d near 0 cancels
  },
  180_000,
)
