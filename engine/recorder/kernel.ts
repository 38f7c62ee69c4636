import type { Graph } from './graph.ts'
import type { Value } from './value.ts'

/** How one tfjs kernel is written down: its inputs by name, its attributes, and the graph to add to. */
export type Kernel = (
  graph: Graph,
  inputs: Readonly<Record<string, Value>>,
  attrs: Readonly<Record<string, unknown>>,
) => Value | Value[]
