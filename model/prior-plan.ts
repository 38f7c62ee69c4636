import type { PriorConfig } from './config.ts'

export type PriorBlock =
  | { readonly kind: 'residual'; readonly name: string; readonly cin: number; readonly cout: number; readonly length: number }
  | { readonly kind: 'down' | 'up'; readonly name: string; readonly channels: number; readonly length: number }

/**
 * The blocks of UNet1D in running order (spec section 1.7) for m activations; `length` is that of a block's input. There are
 * no skip connections across levels: the authors' network stores them and never uses them.
 */
export function priorPlan({ base, multipliers, resBlocks }: PriorConfig, m: number): readonly PriorBlock[] {
  const step = 2 ** (multipliers.length - 1)
  if (m % step)
    throw new Error(`prior: ${m} prototypes do not divide by ${step} (${multipliers.length} levels); use fewer levels`)
  const blocks: PriorBlock[] = []
  let [channels, length] = [base, m]
  const residual = (name: string, cout: number) => {
    blocks.push({ kind: 'residual', name, cin: channels, cout, length })
    channels = cout
  }
  const side = (prefix: 'down' | 'up', levels: readonly number[]) => {
    let index = 0
    for (const [i, multiplier] of levels.entries()) {
      for (let r = 0; r < resBlocks; r++) residual(`${prefix}_blocks.${index++}`, base * multiplier)
      if (i === levels.length - 1) continue
      blocks.push({ kind: prefix, name: `${prefix}_blocks.${index++}`, channels, length })
      length *= prefix === 'down' ? 0.5 : 2
    }
  }
  side('down', multipliers)
  residual('mid_block1', channels)
  residual('mid_block2', channels)
  side('up', multipliers.toReversed())
  return blocks
}

/** Entries of one sample's dropout masks: every channel and position of every residual block (dropout is element-wise here). */
export const priorDropoutWidth = (prior: PriorConfig, m: number): number =>
  priorPlan(prior, m).reduce((sum, block) => sum + (block.kind === 'residual' ? block.cout * block.length : 0), 0)
