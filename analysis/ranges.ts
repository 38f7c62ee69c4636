/** What values of s are plausible for one prototype: measured ranges from the checkpoint, or the paper's single number. */
import type { CheckpointInfo, PrototypeRange } from '../engine/patronus.ts'
import { dims, type Tensor } from '../model/tensor.ts'

/** Checks that `prototype` is one of the checkpoint's, with an error a person can act on. */
export function checkPrototype(prototype: number, { config, name }: CheckpointInfo): number {
  const { count } = config.prototypes
  if (!Number.isInteger(prototype) || prototype < 0 || prototype >= count)
    throw new Error(`prototype ${prototype} does not exist: "${name}" has ${count}; choose 0 … ${count - 1}`)
  return prototype
}

/** Checks that s is [B,m] of this checkpoint: activations of another one have no meaning here. */
export function checkActivations(s: Tensor, { config, name }: CheckpointInfo): Tensor {
  const { count } = config.prototypes
  if (s.shape.length !== 2 || s.shape[1] !== count)
    throw new Error(
      `activations should be [B,${count}] for "${name}", got [${s.shape}]; encode the image with the same checkpoint`,
    )
  return s
}

/** "12" or, when the prototype was given a name, "12 glasses". */
export const prototypeLabel = (prototype: number, { names }: Pick<CheckpointInfo, 'names'>): string =>
  names?.[String(prototype)] ? `${prototype} ${names[String(prototype)]}` : String(prototype)

/** max(s_X): one number over all prototypes and images of a batch (spec section 6, common preparation). */
export const scalarMaximum = (s: Tensor): number => s.data.reduce((top, value) => Math.max(top, value), -Infinity)

/**
 * The paper's single number for "fully there", whatever the prototype: the largest s that was measured for any of them; without
 * ranges max(s_X) of the batch. A prototype whose own range is small is pushed far outside of it.
 */
export const paperMaximum = ({ ranges }: CheckpointInfo, s: Tensor): number =>
  ranges?.length ? largestMaximum(ranges) : scalarMaximum(s)

/** max(s_X) of all the pictures that ranges were measured over. */
export const largestMaximum = (ranges: readonly PrototypeRange[]): number =>
  ranges.reduce((top, { max }) => Math.max(top, max), -Infinity)

/** What to raise a prototype to: a number, the paper's `max(s_X)`, or, where nothing is said, its own maximum. */
export type Raised = number | 'max(s_X)' | undefined

export const raisedTo = (value: Raised, prototype: number, info: CheckpointInfo, s: Tensor): number =>
  value === 'max(s_X)' ? paperMaximum(info, s) : (value ?? maximumOf(prototype, info, s))

/** The value that stands for "fully there": the prototype's own measured maximum; without one, max(s_X) of the batch. */
export const maximumOf = (prototype: number, { ranges }: CheckpointInfo, s: Tensor): number =>
  ranges?.[prototype]?.max ?? scalarMaximum(s)

/** s at share `q` (0…1) of the images the ranges were measured over, linear between the stored quantiles. */
export function quantileOf(range: PrototypeRange, q: number): number {
  const { q01, q05, q15, q50, q85, q95, q99 } = range.quantiles
  const shares = [0, 0.01, 0.05, 0.15, 0.5, 0.85, 0.95, 0.99, 1]
  const values = [range.min, q01, q05, q15, q50, q85, q95, q99, range.max]
  const at = Math.max(
    1,
    shares.findIndex(share => share >= q),
  )
  const [from, to] = [shares[at - 1], shares[at]]
  return values[at - 1] + ((q - from) / (to - from)) * (values[at] - values[at - 1])
}

/** Column `prototype` of s [B,m]. */
export function column(s: Tensor, prototype: number): number[] {
  const { B, m } = dims(s, 'B m')
  return Array.from({ length: B }, (_, b) => s.data[b * m + prototype])
}

/** s [B,m] with column `prototype` set to `value`. */
export function withColumn(s: Tensor, prototype: number, value: number): Tensor {
  const { m } = dims(s, 'B m')
  return { shape: s.shape, data: s.data.map((old, i) => (i % m === prototype ? value : old)) }
}
