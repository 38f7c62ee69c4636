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
  import { gaussian } from './dist/model/noise.js'
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
  console.log(JSON.stringify(differences))
  process.exit(0)
`

const run = ready ? test : test.skip
run(
  `WebGPU gives the CPU's numbers${ready ? '' : ' (skipped: needs Debian’s chromium for SwiftShader, and a build)'}`,
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
    const { eps, features, distances, argmin } = JSON.parse(stdout.trim().split('\n').at(-1)!)
    expect(eps).toBeLessThan(2e-5)
    expect(features).toBeLessThan(2e-5)
    expect(distances).toBeLessThan(3e-4) // the expanded square cancels: spec section 2
    expect(argmin).toBe(0)
  },
  180_000,
)
