import { join } from 'node:path'
import { encodeIn } from '../analysis/batches.ts'
import { firstPictures } from '../analysis/data-set.ts'
import { matchPrototypes, nearestCosines } from '../analysis/prototype-similarity.ts'
import { meanOf } from '../analysis/metrics/statistics.ts'
import { readCheckpoint } from '../engine/checkpoint/safetensors.ts'
import type { DeviceName } from '../engine/device.ts'
import { loadPatronus } from '../engine/load.ts'
import type { Tensor } from '../model/tensor.ts'
import { trainingConfigs } from './configs.ts'
import type { TrainingConfig } from './config.ts'
import { loadSplit } from './datasets/load.ts'
import { runTraining } from './main.ts'
import { silent, type Reporter } from './progress.ts'

/**
 * The distinct loss against none (spec section 4; paper's ablation: δ = 0.5 and 1.0): models that differ in nothing else are
 * trained side by side, small enough for minutes on two cores, and their prototypes are compared.
 */

export type AblationOptions = {
  /** Folder of the runs. Finished ones are not made again. */
  readonly out: string
  readonly steps?: number
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  readonly device?: DeviceName
}

export type AblationRow = {
  readonly name: string
  /** Margin δ; 0 = without the loss. */
  readonly margin: number
  /** |cos| of each prototype with its nearest neighbour in the same model: mean and largest. */
  readonly nearestMean: number
  readonly nearestMax: number
  /** Correlation of s over test pictures with the model without the loss, prototypes matched one to one; null for that model itself. */
  readonly matched: number | null
  /** Share of matched prototypes with a correlation above .9. */
  readonly same: number | null
}

/** What is compared; the last differs from the first in its random numbers alone, to show what no change at all does. */
const variants = [
  { name: 'no distinct loss', margin: 0, seed: 1 },
  { name: 'δ = 0.5', margin: 0.5, seed: 1 },
  { name: 'δ = 1.0', margin: 1, seed: 1 },
  { name: 'no distinct loss, another seed', margin: 0, seed: 2 },
] as const

/** Faces of 32 pixels, 24 prototypes from random patches, joint training without a warm-up, as the authors train. */
function configOf({ margin, seed }: (typeof variants)[number], steps: number): TrainingConfig {
  const { avatars64 } = trainingConfigs
  return {
    ...avatars64,
    name: `distinct-${margin}-${seed}`,
    data: { kind: 'avatars', size: 32, train: 4_000, test: 500, seed: 1, bias: 0 },
    model: {
      ...avatars64.model,
      image: { height: 32, width: 32, channels: 3 },
      prototypes: { ...avatars64.model.prototypes, count: 24 },
      unet: { ...avatars64.model.unet, base: 16, multipliers: [1, 2], attention: [false, false] },
    },
    seed,
    warmUp: null,
    batch: 16,
    steps,
    freezeEncoderAt: null,
    rates: { encoder: 3e-4, unet: 1e-3, warmup: 20, decay: 0.3, floor: 0.02 },
    ema: 0.99,
    distinct: { weight: margin > 0 ? 1 : 0, margin: margin || 0.2 },
    prior: null,
    every: { log: 100, checkpoint: 200, sheet: steps },
  }
}

const prototypeVectors = 'proactBlock.prototype_vectors'

/** Trains what is not there yet, and compares. */
export async function distinctAblation(options: AblationOptions): Promise<AblationRow[]> {
  const { out, steps = 800, signal, reporter = silent, device = 'auto' } = options
  const seen: { s: Tensor; prototypes: Tensor }[] = []
  for (const variant of variants) {
    const config = configOf(variant, steps)
    reporter.say(`${variant.name}: ${steps} steps`)
    const { checkpoint } = await runTraining(config, {
      out: join(out, config.name),
      resume: true,
      signal,
      reporter,
      device,
      command: 'patronus reproduce',
    })
    const patronus = await loadPatronus(checkpoint, { device })
    const test = await loadSplit(config.data, 'test', { signal })
    seen.push({
      s: (await encodeIn(patronus, firstPictures(test, 500))).s,
      prototypes: (await readCheckpoint(checkpoint)).weights.get(prototypeVectors)!,
    })
    await patronus.dispose()
  }
  return variants.map(({ name, margin }, i) => {
    const nearest = nearestCosines(seen[i].prototypes)
    const matches = i === 0 ? undefined : matchPrototypes(seen[i].s, seen[0].s).map(({ correlation }) => correlation)
    return {
      name,
      margin,
      nearestMean: meanOf(nearest)!,
      nearestMax: Math.max(...nearest),
      matched: matches ? meanOf(matches) : null,
      same: matches ? matches.filter(value => value > 0.9).length / matches.length : null,
    }
  })
}
