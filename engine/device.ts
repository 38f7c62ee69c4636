/** Which device runs the compiled networks, what was found, and why it was chosen. */
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { useBackend } from './eager-backend.ts'
import { writeModel } from './onnx/write.ts'

/** Where compiled networks run: providers of ONNX Runtime. */
export type Provider = 'cuda' | 'webgpu' | 'cpu'
/** tfjs backends that run the same networks kernel by kernel (eager.ts); never chosen unless asked for by name. */
export type EagerDevice = 'tfjs-node-gpu' | 'tfjs-node' | 'tfjs-cpu'
export type Device = Provider | EagerDevice
export type DeviceName = 'auto' | Device
export type Finding = { readonly device: Device; readonly available: boolean; readonly detail: string }
export type DeviceChoice = { readonly device: Device; readonly reason: string; readonly found: readonly Finding[] }

export const DEVICE_NAMES: readonly DeviceName[] = ['auto', 'cuda', 'webgpu', 'cpu', 'tfjs-node-gpu', 'tfjs-node', 'tfjs-cpu']

export const isEager = (device: Device): device is EagerDevice => device.startsWith('tfjs-')

const HOW_CUDA =
  'install it with `npm rebuild onnxruntime-node --ignore-scripts=false` on a machine with CUDA 12 or 13 (docs/engine.md)'

/** Looks for the devices ONNX Runtime could use here. Looking is cheap and starts no driver. */
export function findDevices(): Finding[] {
  return [findCuda(), findWebGpu(), { device: 'cpu', available: true, detail: 'ONNX Runtime CPU provider' }]
}

function findCuda(): Finding {
  if (process.platform !== 'linux')
    return { device: 'cuda', available: false, detail: `onnxruntime-node offers CUDA on Linux only, this is ${process.platform}` }
  const provider = join(binaries(), 'libonnxruntime_providers_cuda.so')
  if (!existsSync(provider))
    return { device: 'cuda', available: false, detail: `the CUDA provider is not installed; ${HOW_CUDA}` }
  if (!existsSync('/dev/nvidia0'))
    return {
      device: 'cuda',
      available: false,
      detail: 'the CUDA provider is installed, but there is no NVIDIA device (/dev/nvidia0)',
    }
  return { device: 'cuda', available: true, detail: 'NVIDIA device and CUDA provider found' }
}

function findWebGpu(): Finding {
  const offered = ort.listSupportedBackends().some(({ name }) => name === 'webgpu')
  if (!offered) return { device: 'webgpu', available: false, detail: 'this onnxruntime-node has no WebGPU provider' }
  if (process.platform !== 'linux') return { device: 'webgpu', available: true, detail: `WebGPU provider on ${process.platform}` }
  const nodes = existsSync('/dev/dri') ? readdirSync('/dev/dri').filter(name => name.startsWith('renderD')) : []
  if (nodes.length)
    return {
      device: 'webgpu',
      available: true,
      detail: `WebGPU provider and GPU device ${nodes.map(name => `/dev/dri/${name}`).join(', ')}`,
    }
  if (existsSync('/dev/nvidia0')) return { device: 'webgpu', available: true, detail: 'WebGPU provider and NVIDIA device' }
  return {
    device: 'webgpu',
    available: false,
    detail:
      'the WebGPU provider is there, but no GPU device (/dev/dri/renderD*, /dev/nvidia0); ask for it by name to use a software driver',
  }
}

/** Where onnxruntime-node keeps its native files, as seen from the running program: people call it from any folder. */
function binaries(): string {
  try {
    const program = process.argv[1] ? realpathSync(process.argv[1]) : join(process.cwd(), 'noop.js')
    const root = dirname(dirname(createRequire(program).resolve('onnxruntime-node')))
    const napi = readdirSync(join(root, 'bin')).find(name => name.startsWith('napi-'))
    return join(root, 'bin', napi ?? '', process.platform, process.arch)
  } catch {
    return ''
  }
}

/** y = x + x: just large enough to learn whether a provider starts. */
function probe(): Uint8Array {
  const port = (name: string) => ({ name, shape: [1], dtype: 'float32' as const })
  const node = { op: 'Add', inputs: ['x', 'x'], outputs: ['y'], attributes: {} }
  return writeModel('probe', { nodes: [node], constants: new Map(), parameters: new Map() }, [port('x')], [port('y')]).model
}

/** Starts a provider on a tiny model; the error, if it cannot. */
async function starts(device: Device): Promise<Error | undefined> {
  try {
    if (isEager(device)) return void (await useBackend(device))
    const session = await ort.InferenceSession.create(probe(), { executionProviders: [device], logSeverityLevel: 4 })
    await session.release()
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const chosen = new Map<DeviceName, Promise<DeviceChoice>>()

/**
 * The device for a wish. `auto`: the first of CUDA, WebGPU, CPU that is found and really starts.
 * A device asked for by name that does not start is an error that says what was found.
 */
export function chooseDevice(wish: DeviceName | DeviceChoice): Promise<DeviceChoice> {
  if (typeof wish === 'object') return Promise.resolve(wish)
  const known = chosen.get(wish) ?? choose(wish)
  chosen.set(wish, known)
  known.catch(() => chosen.delete(wish))
  return known
}

async function choose(wish: DeviceName): Promise<DeviceChoice> {
  if (!DEVICE_NAMES.includes(wish)) throw new Error(`device: wanted one of ${DEVICE_NAMES.join(', ')}, got "${wish}"`)
  const found = findDevices()
  if (wish !== 'auto') return named(wish, found)
  for (const { device, available, detail } of found) {
    if (!available) continue
    if (device === 'cpu' || !(await starts(device))) return { device, reason: `auto: ${detail}`, found }
  }
  throw new Error('device: not even the CPU provider was found; reinstall onnxruntime-node')
}

async function named(device: Device, found: Finding[]): Promise<DeviceChoice> {
  const failure = device === 'cpu' ? undefined : await starts(device)
  if (!failure) return { device, reason: 'asked for by name', found }
  const report = found.map(f => `${f.device}: ${f.detail}`).join('; ')
  throw new Error(
    `device: "${device}" was asked for but does not start (${failure.message}). Found: ${report}. Use --device auto or cpu.`,
  )
}
