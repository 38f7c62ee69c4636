import { priorShapes, weightShapes } from '../../model/initialize.ts'
import type { Weights } from '../../model/weights.ts'
import type { CheckpointInfo } from '../patronus.ts'
import { CheckpointError, list } from './error.ts'

type Shapes = ReadonlyMap<string, readonly number[]>

/** Names in a checkpoint that belong to the prior start with this. */
export const priorPrefix = 'prior.'

/** Every weight a checkpoint of this description has, the prior's included. */
function expectedShapes({ config, prior }: CheckpointInfo): Map<string, readonly number[]> {
  const own = weightShapes(config)
  const priors = prior ? priorShapes(prior, config.prototypes.count) : new Map<string, number[]>()
  return new Map([...own, ...[...priors].map(([name, shape]) => [priorPrefix + name, shape] as const)])
}

/** Compares names and shapes with what the configuration says; one CheckpointError lists every difference. */
export function checkShapes(file: string, info: CheckpointInfo, shapes: Shapes): void {
  const expected = expectedShapes(info)
  const missing = [...expected.keys()].filter(name => !shapes.has(name))
  const unexpected = [...shapes.keys()].filter(name => !expected.has(name))
  const differing = [...expected].filter(([name, shape]) => shapes.has(name) && String(shapes.get(name)) !== String(shape))
  const faults = [
    missing.length && `missing: ${list(missing)}`,
    unexpected.length && `unexpected: ${list(unexpected)}`,
    differing.length &&
      `other shapes: ${list(differing.map(([name, shape]) => `${name} [${shapes.get(name)}] instead of [${shape}]`))}`,
  ].filter(fault => typeof fault === 'string')
  if (faults.length)
    throw new CheckpointError(file, {
      wanted: `the ${expected.size} weights its configuration describes`,
      got: `${shapes.size} weights; ${faults.join('; ')}`,
      remedy: 'Weights and configuration belong to different models, or this model was built with other code.',
    })
}

/** Compares weights with their description, and refuses a model whose training ended in NaN: all its images would be NaN. */
export function checkWeights(file: string, info: CheckpointInfo, weights: Weights): void {
  checkShapes(file, info, new Map([...weights].map(([name, { shape }]) => [name, shape])))
  const broken = [...weights].filter(([, { data }]) => !data.every(Number.isFinite)).map(([name]) => name)
  if (broken.length)
    throw new CheckpointError(file, {
      wanted: 'finite weights',
      got: `NaN or infinity in ${list(broken)}`,
      remedy: 'Its training diverged: use an earlier state or a smaller learning rate.',
    })
}
