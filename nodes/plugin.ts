/**
 * What a plugin may import as `patronus-nodes/plugin`: the declaration of a node and the tensors that travel along links.
 * Kept small, because what stands here cannot change without breaking other people's nodes. See docs/plugins.md.
 */
import type { AnyNode } from './node.ts'

export { blocked, type Blocker } from './blocker.ts'
export { defineNode } from './node.ts'
export type {
  AnyNode,
  BooleanPort,
  ComboPort,
  Context,
  FloatPort,
  Inputs,
  InputPort,
  InputValues,
  IntPort,
  Expansion,
  LinkPort,
  Links,
  NodeSpec,
  Noise,
  OutputPort,
  Outputs,
  OutputValues,
  Plot,
  SavedImage,
  Table,
  TextPort,
  Trace,
  Ui,
} from './node.ts'
export { combine, concat, dims, map, repeat, rows, sizeOf, tensor, zeros, type Tensor } from '../model/tensor.ts'
/** What the default export of a plugin is; a plain list of nodes does as well. */
export type PluginNodes = { readonly nodes: readonly AnyNode[] }
