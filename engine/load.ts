/** A checkpoint made ready to compute: its networks compiled (or eager) behind the `Patronus` interface. */
import type { Denoiser } from '../model/denoiser.ts'
import { concat, repeat, rows, type Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { openCheckpoint } from './checkpoint/open.ts'
import type { Checkpoint } from './checkpoint/safetensors.ts'
import { type Compiled, compile, type CompileOptions } from './compile.ts'
import { chooseDevice, isEager } from './device.ts'
import { eager } from './eager.ts'
import { encoderNetwork, type Network, priorNetwork, unetNetwork } from './networks.ts'
import type { Patronus } from './patronus.ts'

/** A tfjs device runs the networks kernel by kernel: slow, and the reference. All others run them compiled. */
export type LoadOptions = CompileOptions

/** Images a network sees at once; larger batches go through in parts, which bounds memory at no cost in speed. */
const MOST_AT_ONCE = 64

export const loadPatronus = async (path: string, options?: LoadOptions): Promise<Patronus> =>
  createPatronus(await openCheckpoint(path), options)

export async function createPatronus({ id, info, weights }: Checkpoint, options: LoadOptions = {}): Promise<Patronus> {
  const build = await builder(options)
  const { image, prototypes } = info.config
  // Compiled on first use: an Encode never pays for the U-Net, and each is held once.
  const encoder = lazily(() => build(encoderNetwork(info.config), weights))
  const unet = lazily(() => build(unetNetwork(info.config), weights))
  const prior = info.prior && lazily(() => build(priorNetwork(info.prior!, prototypes.count), withoutPrefix(weights)))

  const checkImages = (x: Tensor) => {
    const wanted = [image.height, image.width, image.channels]
    if (x.shape.length !== 4 || wanted.some((n, i) => n !== x.shape[i + 1]))
      throw new Error(`${info.name}: images should be [B,${wanted}], got [${x.shape}]`)
  }
  const encodeAll = async (x: Tensor, ...only: string[]) => {
    checkImages(x)
    return inParts(x.shape[0], (from, to) => encoder.get().then(net => net.run({ x: rows(x, from, to) }, only)))
  }
  return {
    id,
    info,
    async encode(x) {
      const { s, minDistance, argmin } = await encodeAll(x, 's', 'minDistance', 'argmin')
      return { s, minDistance, argmin }
    },
    distances: async x => (await encodeAll(x, 'distances')).distances,
    features: async x => (await encodeAll(x, 'features')).features,
    denoiser(s) {
      if (s.shape.length !== 2 || s.shape[1] !== prototypes.count)
        throw new Error(`${info.name}: s should be [B,${prototypes.count}], got [${s.shape}]`)
      return async (x, t) => {
        checkImages(x)
        const B = x.shape[0]
        if (s.shape[0] !== B && s.shape[0] !== 1)
          throw new Error(`${info.name}: ${B} images need ${B} (or 1) rows of s, got ${s.shape[0]}`)
        const each = s.shape[0] === B ? s : repeat(s, B)
        const net = await unet.get()
        return (
          await inParts(B, (from, to) => net.run({ x: rows(x, from, to), t: timesOf(t, to - from), s: rows(each, from, to) }))
        ).eps
      }
    },
    prior: prior && priorDenoiser(prior, info.name, prototypes.count),
    async dispose() {
      for (const net of [encoder, unet, prior]) await net?.release()
    },
  }
}

const timesOf = (t: number, count: number) => new Int32Array(count).fill(t)

function priorDenoiser(net: Lazy, name: string, m: number): Denoiser {
  return async (x, t) => {
    if (x.shape.length !== 2 || x.shape[1] !== m) throw new Error(`${name}: the prior takes [B,${m}], got [${x.shape}]`)
    const compiled = await net.get()
    return (await compiled.run({ x, t: timesOf(t, x.shape[0]) })).eps
  }
}

async function builder(options: LoadOptions): Promise<(network: Network, weights: Weights) => Promise<Compiled>> {
  const choice = await chooseDevice(options.device ?? 'auto')
  const { device } = choice
  if (isEager(device)) return ({ fn, signature }, weights) => eager(fn, signature, weights, device)
  return ({ fn, signature }, weights) => compile(fn, signature, weights, { ...options, device: choice })
}

const withoutPrefix = (weights: Weights): Weights =>
  new Map([...weights].flatMap(([name, x]) => (name.startsWith('prior.') ? [[name.slice('prior.'.length), x] as const] : [])))

type Lazy = { get(): Promise<Compiled>; release(): Promise<void> }

/** Made when first asked for; a failure is not remembered, so that the next call may succeed. */
function lazily(make: () => Promise<Compiled>): Lazy {
  let made: Promise<Compiled> | undefined
  return {
    get() {
      const pending = (made ??= make())
      pending.catch(() => (made = undefined))
      return pending
    },
    async release() {
      await (await made?.catch(() => undefined))?.dispose()
      made = undefined
    },
  }
}

async function inParts(
  count: number,
  run: (from: number, to: number) => Promise<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  if (count <= MOST_AT_ONCE) return run(0, count)
  const parts: Record<string, Tensor>[] = []
  for (let from = 0; from < count; from += MOST_AT_ONCE) parts.push(await run(from, Math.min(count, from + MOST_AT_ONCE)))
  return Object.fromEntries(Object.keys(parts[0]).map(name => [name, concat(parts.map(part => part[name]))]))
}
