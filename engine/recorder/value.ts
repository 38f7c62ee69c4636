/**
 * What the recorder knows of a tensor that has not been computed: a name in the ONNX graph, and how the bytes under
 * that name relate to the tensor the network function sees.
 *
 * Two liberties make the recorded graphs small. `perm`: the stored axes may be in another order than the logical ones
 * (convolutions store NCHW while the function says NHWC), so most transposes never happen. `held`: axes along which the
 * tensor merely repeats are stored with length 1, so gradients of sums and means cost nothing.
 */
export type DType = 'float32' | 'int32' | 'bool'

export type Value = {
  readonly name: string
  /** Logical shape, as tfjs sees it. */
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Stored axis i is logical axis perm[i]; absent = logical order. */
  readonly perm?: readonly number[]
  /** Logical lengths that are stored: shape, or 1 where the tensor repeats along an axis. */
  readonly held: readonly number[]
  /** Known numbers, in the order they are stored (held, logical order). */
  readonly constant?: ArrayLike<number>
}

export const NCHW = [0, 3, 1, 2] as const
export const OIHW = [3, 2, 0, 1] as const

export const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

export const isIdentity = (perm: readonly number[]): boolean => perm.every((axis, i) => axis === i)

/** The shape under the value's name. */
export const storedShape = (v: Value): number[] => (v.perm ? v.perm.map(axis => v.held[axis]) : [...v.held])

export const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis))

/** NumPy broadcasting of two shapes; tfjs has already refused what does not fit. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1
    const n = b[i - rank + b.length] ?? 1
    return m === 1 ? n : m
  })
}

/** The one number a value consists of, if it is known and everywhere the same. */
export const uniform = (v: Value): number | undefined => (v.constant?.length === 1 ? v.constant[0] : undefined)
