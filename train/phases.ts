import { isDeepStrictEqual } from 'node:util'
import type { TrainingConfig } from './config.ts'

/**
 * What a run was asked for from which step on. A run that is resumed with other rates, levels or an encoder that stands
 * still is several trainings in a row, and its card has to say so.
 */
export type Phase = {
  /** 0-based first step. */
  readonly from: number
  readonly command: string
  readonly device: string
  readonly batch: number
  readonly rates: TrainingConfig['rates']
  readonly levels?: TrainingConfig['levels']
}

/** `phases` with the one that begins at step `from`, unless the run merely goes on as before. */
export function withPhase(phases: readonly Phase[], phase: Phase): readonly Phase[] {
  const { from: _, command: __, ...settings } = phase
  const { from: ___, command: ____, ...before } = phases.at(-1) ?? { from: 0, command: '' }
  if (isDeepStrictEqual(settings, before)) return phases
  return [...phases.filter(({ from }) => from < phase.from), phase]
}

/** A line for the card. */
export const phaseLine = ({ from, command, device, batch, rates, levels }: Phase): string =>
  `from step ${from}: \`${command}\` on ${device}, batch ${batch}, rates ${rates.encoder} (encoder) and ${rates.unet}` +
  (levels ? `, t from ${levels[0]} to ${levels[1]} only` : '')
