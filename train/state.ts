import { readFile } from 'node:fs/promises'
import { sizeOf, type Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import { writeWhole } from './files.ts'
import type { Moving } from './optimizer.ts'
import type { Phase } from './phases.ts'
import type { Plan } from './schedule.ts'

/**
 * A run's state on disk: step, plan, weights, moments and averages in one .safetensors file, written whole or not at all.
 * Every random draw of a step is a function of (seed, step), so this is all that a resumed run needs to go on bit for bit.
 */
export type TrainingState = {
  readonly step: number
  readonly plan: Plan
  readonly frozen: boolean
  readonly seconds: number
  readonly phases: readonly Phase[]
  /** The checkpoint that `startFrom` named, in words. */
  readonly startedFrom?: string
  /** What the warm-up did before the first step. */
  readonly warmUp?: { readonly steps: number; readonly batch: number; readonly seconds: number }
  readonly moving: Moving
}

const parts = ['weights', 'first', 'second', 'average'] as const
type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] }

export async function writeState(path: string, { moving, ...rest }: TrainingState): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'patronus-training/1', state: JSON.stringify(rest) } }
  const data: Uint8Array[] = []
  let at = 0
  for (const part of parts)
    for (const [name, tensor] of moving[part]) {
      header[`${part}/${name}`] = { dtype: 'F32', shape: tensor.shape, data_offsets: [at, (at += 4 * tensor.data.length)] }
      data.push(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength))
    }
  const text = JSON.stringify(header),
    bytes = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8))
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true)
  await writeWhole(path, [length, bytes, ...data])
}

/** The state at `path`, or nothing when there is none; throws when the file is not one of ours. */
export async function readState(path: string): Promise<TrainingState | undefined> {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!file) return undefined
  const broken = () => new Error(`${path} is not the state of a training run; train into another folder or remove it`)
  try {
    const length = Number(file.readBigUInt64LE(0)),
      start = 8 + length
    const { __metadata__: metadata, ...entries } = JSON.parse(file.toString('utf8', 8, start)) as Record<string, Entry> & {
      __metadata__: Record<string, string>
    }
    if (metadata.format !== 'patronus-training/1') throw broken()
    const maps = Object.fromEntries(parts.map(part => [part, new Map<string, Tensor>()])) as Record<
      (typeof parts)[number],
      Map<string, Tensor>
    >
    for (const [
      name,
      {
        shape,
        data_offsets: [from, to],
      },
    ] of Object.entries(entries)) {
      if (to - from !== 4 * sizeOf(shape) || start + to > file.length) throw broken()
      const slash = name.indexOf('/'),
        part = name.slice(0, slash) as (typeof parts)[number]
      // Copied, because a view into the file would not be aligned to four bytes.
      maps[part].set(name.slice(slash + 1), {
        shape,
        data: new Float32Array(new Uint8Array(file.subarray(start + from, start + to)).buffer),
      })
    }
    return { phases: [], ...(JSON.parse(metadata.state) as Omit<TrainingState, 'moving' | 'phases'>), moving: maps }
  } catch (error) {
    throw Object.assign(broken(), { cause: error })
  }
}

/** Only the named weights, in that order. */
export const select = (weights: Weights, names: Iterable<string>): Map<string, Tensor> =>
  new Map([...names].map(name => [name, weights.get(name)!]))
