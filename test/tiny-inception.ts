import { writeModel } from '../engine/onnx/write.ts'
import type { Node, Port } from '../engine/recorder/graph.ts'

/** A network of the shape that FID wants, made here: the mean of each colour over the picture. Inception itself is nobody's to ship. */
export const port = (name: string, ...shape: number[]): Port => ({ name, shape, dtype: 'float32' })
export const pool: Node = { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['pooled'], attributes: {} }
export const flatten: Node = { op: 'Flatten', inputs: ['pooled'], outputs: ['features'], attributes: { axis: 1 } }

export type Made = { nodes?: Node[]; inputs?: Port[]; outputs?: Port[]; batch?: string }
export function tinyInception({
  nodes = [pool, flatten],
  inputs = [port('x', 1, 3, 8, 8)],
  outputs = [port('features', 1, 3)],
  batch,
}: Made): Uint8Array {
  // prettier-ignore
  return writeModel('tiny', { nodes, constants: new Map(), parameters: new Map() }, inputs, outputs, batch).model
}
