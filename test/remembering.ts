import { createHash } from 'node:crypto'
import type { Patronus } from '../engine/patronus.ts'
import { concat, repeat, rows, type Tensor } from '../model/tensor.ts'

type Outputs = Readonly<Record<string, Tensor>>

/**
 * The same model, which computes nothing twice: rows it has seen are looked up. So many questions about the same few pictures, or
 * about hundreds of which a few are different, cost what the few do.
 */
export function remembering(patronus: Patronus): Patronus {
  const known = new Map<string, Outputs>()
  const lookUp = async (name: string, inputs: readonly Tensor[], run: (inputs: readonly Tensor[]) => Promise<Outputs>) => {
    const B = inputs[0].shape[0]
    // Nothing to remember: the model itself says what it thinks of no pictures.
    if (B === 0) return run(inputs)
    const at = (b: number) => inputs.map(x => rows(x, b, b + 1))
    const keys = Array.from({ length: B }, (_, b) => `${name} ${digest(at(b))}`)
    const fresh = [...keys.keys()].filter(b => !known.has(keys[b]) && keys.indexOf(keys[b]) === b)
    if (fresh.length > 0) {
      const found = await run(inputs.map(x => concat(fresh.map(b => rows(x, b, b + 1)))))
      for (const [i, b] of fresh.entries())
        known.set(
          keys[b],
          mapOf(found, x => rows(x, i, i + 1)),
        )
    }
    return mapOf(known.get(keys[0])!, (_, output) => concat(keys.map(key => known.get(key)![output])))
  }
  return {
    ...patronus,
    encode: async x =>
      (await lookUp('encode', [x], async ([x]) => patronus.encode(x))) as Awaited<ReturnType<Patronus['encode']>>,
    distances: async x => (await lookUp('distances', [x], async ([x]) => ({ all: await patronus.distances(x) }))).all,
    features: async x => (await lookUp('features', [x], async ([x]) => ({ all: await patronus.features(x) }))).all,
    denoiser: s => async (x, t) => {
      const each = s.shape[0] === 1 ? repeat(s, x.shape[0]) : s
      const run = async ([x, s]: readonly Tensor[]) => ({ eps: await patronus.denoiser(s)(x, t) })
      return (await lookUp(`denoise ${t}`, [x, each], run)).eps
    },
  }
}

const mapOf = (outputs: Outputs, f: (x: Tensor, name: string) => Tensor): Outputs =>
  Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, f(x, name)]))

function digest(inputs: readonly Tensor[]): string {
  const hash = createHash('sha1')
  for (const { data } of inputs) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return hash.digest('base64')
}
