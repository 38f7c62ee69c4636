import type { ModelConfig } from './config.ts'

/** One residual block or one change of resolution; `name` is its prefix in the state_dict. */
export type Block =
  | { readonly kind: 'residual'; readonly name: string; readonly cin: number; readonly cout: number; readonly attention: boolean }
  | { readonly kind: 'down' | 'up'; readonly name: string; readonly channels: number }

export type Plan = {
  readonly first: number
  readonly encoder: readonly Block[]
  readonly bottleneck: readonly Block[]
  readonly decoder: readonly Block[]
}

/**
 * The U-Net's blocks in the order they run (spec section 1.6): the one place that knows how they are numbered and how many
 * channels meet where. Network, weight shapes and dropout all walk this list.
 */
export function plan({ unet }: ModelConfig): Plan {
  const { base, multipliers, attention, resBlocks } = unet
  if (attention.length !== multipliers.length)
    throw new Error(`unet: ${multipliers.length} levels want as many attention flags, got ${attention.length}`)
  const encoder: Block[] = []
  const decoder: Block[] = []
  const skips = [base]
  let channels = base
  for (const [level, multiplier] of multipliers.entries()) {
    for (let i = 0; i < resBlocks; i++) {
      const name = `encoder_blocks.${encoder.length}`
      encoder.push({ kind: 'residual', name, cin: channels, cout: base * multiplier, attention: attention[level] })
      skips.push((channels = base * multiplier))
    }
    if (level === multipliers.length - 1) continue
    encoder.push({ kind: 'down', name: `encoder_blocks.${encoder.length}`, channels })
    skips.push(channels)
  }
  const bottleneck: Block[] = [true, false].map((attention, i) => {
    return { kind: 'residual', name: `bottleneck_blocks.${i}`, cin: channels, cout: channels, attention }
  })
  for (let level = multipliers.length - 1; level >= 0; level--) {
    for (let i = 0; i <= resBlocks; i++) {
      const name = `decoder_blocks.${decoder.length}`
      const cin = channels + skips.pop()!
      channels = base * multipliers[level]
      decoder.push({ kind: 'residual', name, cin, cout: channels, attention: attention[level] })
    }
    if (level > 0) decoder.push({ kind: 'up', name: `decoder_blocks.${decoder.length}`, channels })
  }
  return { first: base, encoder, bottleneck, decoder }
}

/** Number of channels that have a dropout mask: the output channels of all residual blocks, in running order. */
export function dropoutWidth(config: ModelConfig): number {
  const { encoder, bottleneck, decoder } = plan(config)
  return [...encoder, ...bottleneck, ...decoder].reduce((sum, block) => sum + (block.kind === 'residual' ? block.cout : 0), 0)
}
