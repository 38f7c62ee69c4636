import { prototypeRanges } from '../analysis/prototype-ranges.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { PriorConfig } from '../model/config.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import type { TrainingConfig } from './config.ts'
import { type Phase, phaseLine } from './phases.ts'
import type { TrainingState } from './state.ts'

/** What a finished run becomes: the averaged weights, the prior, every prototype's range, and what is known about them. */

export type Finished = {
  readonly config: TrainingConfig
  /** Averaged weights of the denoiser and encoder. */
  readonly weights: Weights
  readonly prior?: { readonly config: PriorConfig; readonly weights: Weights; readonly steps: number; readonly seconds: number }
  /** s of the training set by those weights. */
  readonly s: Tensor
  readonly steps: number
  readonly frozenAt?: number
  readonly seconds: number
  readonly phases: readonly Phase[]
  readonly startedFrom?: string
  readonly warmUp?: TrainingState['warmUp']
  readonly command: string
  readonly licence: string
}

export function checkpointOf(run: Finished): { info: CheckpointInfo; weights: Weights } {
  const { config, prior } = run,
    weights = new Map(run.weights)
  for (const [name, tensor] of prior?.weights ?? []) weights.set(`prior.${name}`, tensor)
  const info: CheckpointInfo = {
    name: config.name,
    description: config.description,
    config: config.model,
    ...(prior ? { prior: prior.config } : {}),
    ranges: prototypeRanges(run.s),
    rangesOver: run.s.shape[0],
    dataset: datasetName(config),
    provenance: provenance(run),
    licence: run.licence,
  }
  return { info, weights }
}

function provenance({
  config,
  prior,
  steps,
  frozenAt,
  seconds,
  phases,
  startedFrom,
  warmUp,
  command,
}: Finished): CheckpointInfo['provenance'] {
  return {
    command,
    ...(tellsMore(phases, command) && { phases: phases.map(phaseLine).join('; ') }),
    ...(startedFrom !== undefined && { startedFrom }),
    seed: config.seed,
    ...(warmUp && { warmUpSteps: warmUp.steps, warmUpBatch: warmUp.batch, warmUpHours: hoursOf(warmUp.seconds) }),
    steps,
    ...(frozenAt === undefined ? {} : { encoderFrozenAtStep: frozenAt }),
    batch: config.batch,
    imagesSeen: steps * config.batch,
    hours: hoursOf(seconds),
    ...(prior ? { priorSteps: prior.steps, priorHours: hoursOf(prior.seconds) } : {}),
    trainingConfig: JSON.stringify(config),
    node: process.version,
    weightsShipped: `exponential moving average, decay ${config.ema}`,
  }
}

const hoursOf = (seconds: number): number => Math.round(seconds / 36) / 100

/** Whether the last command alone would not tell how the steps were made. */
const tellsMore = (phases: readonly Phase[], command: string): boolean =>
  phases.length > 1 || (phases.length === 1 && phases[0].command !== command)

export const datasetName = ({ data }: TrainingConfig): string =>
  data.kind === 'avatars'
    ? data.bias > 0
      ? `avatars (hair and smile linked, strength ${data.bias})`
      : 'avatars'
    : (data.name ?? data.path)

/** Where a run departs from the official recipe, in words, read off its config and the step at which its encoder was frozen. */
export function departures(
  { model, rates, levels, ema, prototypes, prior, warmUp }: TrainingConfig,
  frozenAt: number | undefined,
  phases: readonly Phase[] = [],
  warmedUp?: TrainingState['warmUp'],
): string[] {
  const { unet } = model,
    found: string[] = []
  if (unet.stem > 1)
    found.push(
      `${unet.stem}×${unet.stem} space-to-depth stem: the U-Net works at ${model.image.height / unet.stem}×${model.image.width / unet.stem}`,
    )
  if (unet.base !== 64 || unet.resBlocks !== 2)
    found.push(
      `small U-Net: base ${unet.base}, multipliers ${unet.multipliers.join(', ')}, ${unet.resBlocks} residual block(s) a level, dropout ${unet.dropout}`,
    )
  if (unet.predicts === 'v') found.push('the network predicts v, and the loss is its mean square (official: ε)')
  if (unet.conditionScale !== 1) found.push(`s is multiplied by ${unet.conditionScale} before the condition MLP`)
  if (prototypes.init === 'far-apart')
    found.push('prototypes start as encodings of real patches, drawn far apart (k-means++), not U[0,1)')
  if (warmUp && warmedUp)
    found.push(
      `encoder and prototypes were taught first, ${warmedUp.steps} steps of ${warmedUp.batch} pictures in which a small network predicts ${warmUp.components} principal components of the picture from s alone (whitened to the power ${warmUp.whiten}; rate ${warmUp.rates.encoder}), in place of the U-Net (official: none)`,
    )
  if (phases.length > 1)
    found.push(
      'learning rates, and the levels that t is drawn from, changed between the commands above (official: 1e-5 for all, constant; t from 1 to 999)',
    )
  else if (rates.encoder !== rates.unet)
    found.push(
      `learning rate ${frozenAt === 0 ? '' : `${rates.encoder} for encoder and prototypes, `}${rates.unet} for the U-Net, with warm-up and a falling end (official: 1e-5 for all, constant)`,
    )
  if (levels && phases.length < 2)
    found.push(`t is drawn from ${levels[0]} to ${levels[1]} only (official: 1 to ${model.timesteps - 1})`)
  if (frozenAt !== undefined)
    found.push(
      `encoder and prototypes are frozen from step ${frozenAt} on${frozenAt === 0 ? ': the denoiser is trained on s that no longer moves (official: jointly)' : ''}`,
    )
  found.push(`shipped weights are an exponential moving average (decay ${ema})`)
  if (prior?.standardize) found.push('the prior is trained on standardised s')
  return found
}

/** The card beside the checkpoint. `notes` are sections measured elsewhere (metrics, what fails). */
export function card(run: Finished, notes = ''): string {
  const { info } = checkpointOf(run),
    { config } = run
  const facts = Object.entries(info.provenance).filter(([name]) => name !== 'trainingConfig' && name !== 'phases')
  return `# ${info.name}

${info.description}

- **Data:** ${info.dataset}, ${run.s.shape[0]} training images of ${config.model.image.height}×${config.model.image.width}×${config.model.image.channels}.
- **Prototypes:** ${config.model.prototypes.count}; their ranges in the file are over the training set.
- **Licence:** ${info.licence}

## How it was made

\`\`\`
${run.command}
\`\`\`
${tellsMore(run.phases, run.command) ? `\nIts steps were made by:\n\n${run.phases.map(phase => `- ${phaseLine(phase)}`).join('\n')}\n` : ''}
| | |
|---|---|
${facts.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}

## Departures from the authors' recipe

${departures(config, run.frozenAt, run.phases, run.warmUp)
  .map(line => `- ${line}`)
  .join('\n')}
${notes}`
}
