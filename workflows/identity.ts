/** Nodes that other nodes expanded to: whose they are is read from their ids, so that it need not be kept anywhere. */
import type { NodeId, Prompt } from './types.ts'

/** A node as messages name it (spec/comfyui.md 2.4): one that came from an expansion is shown on the node of the graph it came from. */
export type Identity = {
  readonly node_id: NodeId
  readonly display_node_id: NodeId
  readonly parent_node_id: NodeId | null
  readonly real_node_id: NodeId
}

/** `parent.call.graph.name`, as ComfyUI's graph builder writes it; a call expands to one graph. */
export const childId = (parent: NodeId, call: number, name: string): NodeId => `${parent}.${call}.0.${name}`

const lineage = /^(.+)\.\d+\.\d+\.[^.]+$/s

export function identityOf(id: NodeId, prompt: Prompt): Identity {
  const parentOf = (id: NodeId) => (Object.hasOwn(prompt, id) ? undefined : lineage.exec(id)?.[1])
  const parent = parentOf(id)
  let real = id
  for (let next = parent; next !== undefined; next = parentOf(real)) real = next
  return { node_id: id, display_node_id: real, parent_node_id: parent ?? null, real_node_id: real }
}
