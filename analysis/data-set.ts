/** What every data set is once it is in memory, and the step from stored pixels to the values a network sees. */
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Tensor } from '../model/tensor.ts'

/** N pictures of one size, with what is known about each. */
export type DataSet = {
  readonly name: string
  /** Height, width, channels of every picture. */
  readonly shape: readonly [height: number, width: number, channels: number]
  /** [N,H,W,C]. Bytes are 0 … 255; floats are already in the network's units, -1 … 1 (resizing may overshoot a little). */
  readonly images: Uint8Array | Float32Array
  /** Yes/no facts: `values` is [N, names.length] of 0 and 1. */
  readonly attributes?: { readonly names: readonly string[]; readonly values: Uint8Array }
  /** One class a picture: `values` is [N] of indices into `names`. */
  readonly classes?: { readonly names: readonly string[]; readonly values: Uint8Array }
}

export const pictureSize = (data: DataSet): number => data.shape[0] * data.shape[1] * data.shape[2]

export const countOf = (data: DataSet): number => data.images.length / pictureSize(data)

/** Pictures by index, [indices.length,H,W,C] in -1 … 1: 2v − 1 for v = byte / 255 (spec section 4, data transforms). */
export function pictures(data: DataSet, indices: ArrayLike<number>): Float32Array {
  const size = pictureSize(data),
    count = countOf(data),
    out = new Float32Array(indices.length * size)
  const bytes = data.images instanceof Uint8Array
  for (let k = 0; k < indices.length; k++) {
    if (!(indices[k] >= 0 && indices[k] < count))
      throw new Error(`${data.name}: picture ${indices[k]} wanted, it has 0 … ${count - 1}`)
    const from = indices[k] * size,
      to = k * size
    if (bytes) for (let i = 0; i < size; i++) out[to + i] = data.images[from + i] / 127.5 - 1
    else out.set((data.images as Float32Array).subarray(from, from + size), to)
  }
  return out
}

/** The first `count` pictures, [count,H,W,C] -1 … 1. */
export const firstPictures = (data: DataSet, count: number): Tensor => picturesFrom(data, 0, count)

/** Pictures `from` … `to`-1, [to-from,H,W,C] -1 … 1. */
export function picturesFrom(data: DataSet, from: number, to: number): Tensor {
  const indices = Array.from({ length: to - from }, (_, i) => from + i)
  return { shape: [to - from, ...data.shape], data: pictures(data, indices) }
}

export type PictureBatches = {
  /** The first so many; default all. */
  readonly count?: number
  /** Instead: these, in this order. */
  readonly chosen?: ArrayLike<number>
  /** Pictures a batch. */
  readonly size?: number
  /** Hears how many are through, when the next batch is asked for. */
  readonly onBatch?: (done: number, total: number) => void
}

/** The pictures of a set a batch at a time, [b,H,W,C] -1 … 1, so that memory holds no more of them as floats. */
export function* pictureBatches(data: DataSet, { count, chosen, size = 64, onBatch }: PictureBatches = {}): Generator<Tensor> {
  const indices = chosen ? Array.from(chosen) : Array.from({ length: count ?? countOf(data) }, (_, i) => i)
  for (let from = 0; from < indices.length; from += size) {
    const part = indices.slice(from, from + size)
    yield { shape: [part.length, ...data.shape], data: pictures(data, part) }
    onBatch?.(from + part.length, indices.length)
  }
}

/** Checks that a model can look at these pictures as they are. */
export function checkPictures(data: DataSet, { name: model, config: { image } }: CheckpointInfo): void {
  const { name, shape } = data
  const wanted = [image.height, image.width, image.channels]
  if (shape.join() !== wanted.join())
    throw new Error(
      `pictures of ${name} are ${shape.join('×')}, "${model}" wants ${wanted.join('×')} (height, width, channels); bring them for the same model`,
    )
  if (data.images.length === 0)
    throw new Error(
      `${name} holds no pictures, wanted at least one picture; check the folder or the selection that they come from`,
    )
}

/** One column of the attribute table, [N] of 0 and 1; throws with the known names when there is no such attribute. */
export function attribute(data: DataSet, name: string): Uint8Array {
  const names = data.attributes?.names ?? [],
    at = names.indexOf(name)
  if (at < 0) throw new Error(`${data.name} has no attribute "${name}"; it has: ${names.join(', ') || 'none'}`)
  return Uint8Array.from({ length: countOf(data) }, (_, i) => data.attributes!.values[i * names.length + at])
}

/** Attributes as they are; a class becomes one column a class, 1 for its own. */
export function facts({ attributes, classes }: DataSet): NonNullable<DataSet['attributes']> {
  if (attributes) return attributes
  if (!classes) return { names: [], values: new Uint8Array() }
  return {
    names: classes.names,
    values: Uint8Array.from([...classes.values].flatMap(value => classes.names.map((_, k) => Number(k === value)))),
  }
}
