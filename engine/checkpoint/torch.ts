import { sizeOf, type Tensor } from '../../model/tensor.ts'
import { CheckpointError, list, quote } from './error.ts'
import type { WeightFile } from './file.ts'
import { sniff } from './format.ts'
import { widenBFloats, widenHalves } from './half.ts'
import { isTensorRef, type StorageRef, type StorageType, type TensorRef } from './pickle-globals.ts'
import { readPickle, type PickleDict, type PickleValue } from './pickle.ts'
import { readArchive, type Archive } from './zip.ts'

/** The number types that are read as weights: raw bytes in a buffer of their own → float32. */
const readers: { readonly [T in StorageType]?: { readonly bytes: number; readonly widen: (bytes: Uint8Array) => Float32Array } } =
  {
    float32: { bytes: 4, widen: ({ buffer }) => new Float32Array(buffer) },
    float64: { bytes: 8, widen: ({ buffer }) => Float32Array.from(new Float64Array(buffer)) },
    float16: { bytes: 2, widen: ({ buffer }) => widenHalves(new Uint16Array(buffer)) },
    bfloat16: { bytes: 2, widen: ({ buffer }) => widenBFloats(new Uint16Array(buffer)) },
  }

/** Archive and root folder of a file by torch.save; the folder has the name the file had when it was saved. */
async function openTorch(file: WeightFile): Promise<{ archive: Archive; root: string }> {
  await sniff(file, 'zip')
  const archive = await readArchive(file)
  const roots = [...archive.sizes.keys()].filter(name => /^[^/]+\/data\.pkl$/.test(name)).map(name => name.split('/')[0])
  if (roots.length !== 1)
    throw new CheckpointError(file.path, {
      wanted: 'one entry <name>/data.pkl, as torch.save writes',
      got: roots.length ? list(roots) : 'none',
      remedy: 'If this is a downloaded archive of several files, unpack it and give the folder.',
    })
  const order = await archive.read(`${roots[0]}/byteorder`)
  if (order && Buffer.from(order).toString() !== 'little')
    throw new CheckpointError(file.path, { wanted: 'little-endian numbers', got: quote(Buffer.from(order).toString()) })
  return { archive, root: roots[0] }
}

async function readStorage(path: string, archive: Archive, root: string, storage: StorageRef): Promise<Float32Array> {
  const name = `${root}/data/${storage.key}`
  const reader = readers[storage.type]
  if (!reader) throw new CheckpointError(path, { wanted: `weights in ${list(Object.keys(readers))}`, got: storage.type })
  if (archive.sizes.get(name) !== storage.count * reader.bytes)
    throw new CheckpointError(path, {
      wanted: `${storage.count * reader.bytes} bytes (${storage.count} × ${storage.type}) in ${quote(name)}`,
      got: `${archive.sizes.get(name) ?? 'no such entry'}`,
    })
  return reader.widen((await archive.read(name))!)
}

const rowMajor = (shape: readonly number[]): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))

/** Copies a strided view, the last axis running fastest. Offsets and strides are checked: no view reaches out of its storage. */
function gather(path: string, name: string, { shape, stride, offset }: TensorRef, storage: Float32Array): Tensor {
  const size = sizeOf(shape)
  const last = shape.reduce((at, n, axis) => at + (n - 1) * stride[axis], offset)
  if (size > storage.length || (size > 0 && last >= storage.length))
    throw new CheckpointError(path, {
      wanted: `tensor ${quote(name)} inside its storage of ${storage.length} numbers`,
      got: `shape [${shape}], strides [${stride}], offset ${offset}`,
    })
  if (size === storage.length && String(stride) === String(rowMajor(shape))) return { shape, data: storage }
  const data = new Float32Array(size)
  const index = shape.map(() => 0)
  for (let i = 0, at = offset; i < size; i++) {
    data[i] = storage[at]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis]
      if (++index[axis] < shape[axis]) break
      at -= stride[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return { shape, data }
}

/** A state_dict: the value itself, or under `key` of a dictionary that holds more (the authors' ckpt.tar: `model`). */
function stateDict(path: string, root: PickleValue, key: string): PickleDict {
  const found = root instanceof Map ? (root.get(key) ?? root) : root
  if (!(found instanceof Map))
    throw new CheckpointError(path, { wanted: 'a dictionary of tensors (a state_dict)', got: quote(found) })
  return found
}

/**
 * Reads the state_dict out of a file by torch.save, torch's names and layouts, everything as float32. Only the tensors of
 * the state_dict are read: the optimiser's, three quarters of a training checkpoint, stay on disk. Runs no code of the file.
 */
export async function readStateDict(file: WeightFile, key = 'model'): Promise<Map<string, Tensor>> {
  const { archive, root } = await openTorch(file)
  const pickle = (await archive.read(`${root}/data.pkl`))!
  const storages = new Map<string, Float32Array>()
  let total = 0
  const tensors = new Map<string, Tensor>()
  for (const [name, ref] of stateDict(file.path, readPickle(file.path, pickle), key)) {
    if (typeof name !== 'string' || !isTensorRef(ref))
      throw new CheckpointError(file.path, {
        wanted: 'a state_dict of names and tensors',
        got: `${quote(name)}: ${quote(ref)}`,
        remedy: 'Save the model’s state_dict(), not the model or another object.',
      })
    // Many views of one storage could ask for more memory than any honest file holds.
    total += sizeOf(ref.shape)
    if (total > file.size)
      throw new CheckpointError(file.path, { wanted: 'fewer numbers than the file has bytes', got: `${total}` })
    const id = `${ref.storage.type} ${ref.storage.key} ${ref.storage.count}`
    const storage = storages.get(id) ?? (await readStorage(file.path, archive, root, ref.storage))
    storages.set(id, storage)
    tensors.set(name, gather(file.path, name, ref, storage))
  }
  return tensors
}
