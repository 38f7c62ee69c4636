import { sizeOf, type Tensor } from '../../model/tensor.ts'
import type { Weights } from '../../model/weights.ts'
import { CheckpointError } from './error.ts'

/**
 * Names are the authors' state_dict names (spec appendices A and B) and stay; layouts change from torch's to tfjs's:
 *   convolution   [out,in,kh,kw] ↔ [kh,kw,in,out]
 *   convolution1d [out,in,k]     ↔ [k,in,out]      (the transposed `up.weight`: [in,out,k] ↔ [k,out,in])
 *   linear        [out,in]       ↔ [in,out]        (attention's in_proj_weight alike)
 *   prototypes    [m,D,1,1]      ↔ [m,D]
 * The time table [rows,base] and vectors are the same in both. `proactBlock.ones` is a constant: checked, then left out.
 */
const onesName = 'proactBlock.ones'
const prototypesName = 'proactBlock.prototype_vectors'

/** Order of torch's axes in our layout, by number of axes. */
const toOurs: Readonly<Record<number, readonly number[]>> = { 2: [1, 0], 3: [2, 1, 0], 4: [2, 3, 1, 0] }
const toTorch: Readonly<Record<number, readonly number[]>> = { 2: [1, 0], 3: [2, 1, 0], 4: [3, 2, 0, 1] }

const keepsLayout = (name: string): boolean => name.endsWith('time_blocks.0.weight')

/** Axis k of the result is axis `order[k]` of x. */
function transpose(x: Tensor, order: readonly number[]): Tensor {
  const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)))
  const shape = order.map(axis => x.shape[axis])
  const steps = order.map(axis => strides[axis])
  const data = new Float32Array(x.data.length)
  const index = shape.map(() => 0)
  for (let i = 0, from = 0; i < data.length; i++) {
    data[i] = x.data[from]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]
      if (++index[axis] < shape[axis]) break
      from -= steps[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return { shape, data }
}

/** A state_dict of torch → our names and layouts. `prefix` is put before every name (the prior's). */
export function fromTorch(file: string, state: Weights, prefix = ''): Map<string, Tensor> {
  const weights = new Map<string, Tensor>()
  for (const [name, x] of state) {
    if (name === onesName) checkOnes(file, x)
    else if (name === prototypesName) weights.set(name, { shape: x.shape.slice(0, 2), data: x.data })
    else weights.set(prefix + name, keepsLayout(name) || !toOurs[x.shape.length] ? x : transpose(x, toOurs[x.shape.length]))
  }
  return weights
}

/** Our weights → a state_dict as the authors' code loads it, `proactBlock.ones` put back where it was. */
export function intoTorch(weights: Weights): Map<string, Tensor> {
  const state = new Map<string, Tensor>()
  for (const [name, x] of weights) {
    if (name === prototypesName) {
      const shape = [...x.shape, 1, 1]
      state.set(name, { shape, data: x.data })
      state.set(onesName, { shape, data: new Float32Array(x.data.length).fill(1) })
    } else state.set(name, keepsLayout(name) || !toTorch[x.shape.length] ? x : transpose(x, toTorch[x.shape.length]))
  }
  return state
}

/** The authors compute ‖z‖² as a convolution with this parameter; had it been trained, distances would mean something else. */
function checkOnes(file: string, { data }: Tensor): void {
  if (data.some(value => value !== 1))
    throw new CheckpointError(file, {
      wanted: `${onesName} to be all ones`,
      got: 'other numbers',
      remedy: 'This model was trained with other code.',
    })
}
