/**
 * The tensor that travels between rooms: plain, immutable data. Networks use tfjs tensors inside; everything outside
 * a network (samplers, nodes, analyses, files) uses this. Nobody writes into `data` after making it.
 */
export type Tensor = { readonly shape: readonly number[]; readonly data: Float32Array }

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

/** A tensor over `data`; throws when the count does not fit the shape. */
export function tensor(shape: readonly number[], data: Float32Array | readonly number[]): Tensor {
  if (data.length !== sizeOf(shape))
    throw new Error(`tensor: shape [${shape}] wants ${sizeOf(shape)} numbers, got ${data.length}`)
  return { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) }
}

export const zeros = (shape: readonly number[]): Tensor => ({ shape, data: new Float32Array(sizeOf(shape)) })

type Letters<S extends string> = S extends `${infer Head} ${infer Rest}` ? Head | Letters<Rest> : S

/** `const { B, K } = dims(x, 'B K')`: the comment about a shape, but checked. A number in the pattern must match. */
export function dims<S extends string>(x: Tensor, letters: S): Record<Letters<S>, number> {
  const names = letters.split(' ')
  if (names.length !== x.shape.length || names.some((name, i) => Number(name) >= 0 && Number(name) !== x.shape[i]))
    throw new Error(`expected shape [${names}], got [${x.shape}]`)
  return Object.fromEntries(names.map((name, i) => [name, x.shape[i]])) as Record<Letters<S>, number>
}

/** Σ cᵢ·xᵢ over tensors of one shape: the only arithmetic samplers need. Sums in float64, stores float32. */
export function combine(...terms: readonly (readonly [coefficient: number, x: Tensor])[]): Tensor {
  const [, first] = terms[0]
  for (const [, x] of terms)
    if (x.data.length !== first.data.length) throw new Error(`combine: shapes [${first.shape}] and [${x.shape}] differ`)
  const sums = new Float64Array(first.data.length)
  for (const [c, { data }] of terms) for (let i = 0; i < sums.length; i++) sums[i] += c * data[i]
  return { shape: first.shape, data: new Float32Array(sums) }
}

/** f applied to every entry. A plain loop: Float32Array's own map takes several times as long, and this runs at every step. */
export function map(x: Tensor, f: (value: number, index: number) => number): Tensor {
  const data = new Float32Array(x.data.length)
  for (let i = 0; i < data.length; i++) data[i] = f(x.data[i], i)
  return { shape: x.shape, data }
}

/** Rows `from` … `to`-1 of the first axis; shares memory with `x`. */
export function rows(x: Tensor, from: number, to: number): Tensor {
  const size = sizeOf(x.shape.slice(1))
  return { shape: [to - from, ...x.shape.slice(1)], data: x.data.subarray(from * size, to * size) }
}

/** Tensors joined along the first axis. */
export function concat(parts: readonly Tensor[]): Tensor {
  const shape = [parts.reduce((sum, part) => sum + part.shape[0], 0), ...parts[0].shape.slice(1)]
  const out = zeros(shape)
  let at = 0
  for (const part of parts) (out.data.set(part.data, at), (at += part.data.length))
  return out
}

/** `x` with its first axis of 1 repeated `count` times. */
export const repeat = (x: Tensor, count: number): Tensor => concat(Array.from({ length: count }, () => x))
