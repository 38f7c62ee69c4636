/** What a graph is: ComfyUI's two JSON forms, as plain data. Nothing here has methods, and nothing is ever changed in place. */
import type { InputInfo, NodeInfo, ObjectInfo } from '../nodes/object-info.ts'

export type { InputInfo, NodeInfo, ObjectInfo }

/** Ids are strings in the API format, `"7"`, or `"1:2"` inside subgraphs. */
export type NodeId = string

/** A link, seen from the input it feeds: output `slot` of node `id`. */
export type LinkRef = readonly [id: NodeId, slot: number]

export type PromptNode = {
  readonly class_type: string
  /** Literals, or links as `[id, slot]`. */
  readonly inputs: Readonly<Record<string, unknown>>
  readonly _meta?: { readonly title?: string }
}

/** The API format: what is sent to `POST /prompt` and executed (spec/comfyui.md 4.3). */
export type Prompt = Readonly<Record<NodeId, PromptNode>>

export type WorkflowInput = {
  readonly name: string
  readonly type: string
  readonly link: number | null
  readonly widget?: { readonly name: string }
}
export type WorkflowOutput = { readonly name: string; readonly type: string; readonly links: readonly number[] | null }

export type WorkflowNode = {
  readonly id: number | string
  readonly type: string
  readonly title?: string
  readonly pos: readonly [x: number, y: number]
  readonly size: readonly [width: number, height: number]
  /** 0 always, 2 muted, 4 bypassed; 1 and 3 are leftovers of litegraph and run as 0. */
  readonly mode: number
  readonly order: number
  readonly flags: Readonly<Record<string, unknown>>
  readonly properties: Readonly<Record<string, unknown>>
  readonly inputs: readonly WorkflowInput[]
  readonly outputs: readonly WorkflowOutput[]
  /** Values in the order of the widgets, "after generate" controls included; a few custom nodes write them by name. */
  readonly widgets_values?: readonly unknown[] | Readonly<Record<string, unknown>>
  readonly color?: string
  readonly bgcolor?: string
}

/** `[id, fromNode, fromSlot, toNode, toSlot, type]` */
export type WorkflowLink = readonly [
  id: number,
  from: number | string,
  fromSlot: number,
  to: number | string,
  toSlot: number,
  type: string,
]

/** The UI format 0.4: what an editor saves and a PNG carries (spec/comfyui.md 4.4). `parseWorkflow` brings every variant into this form. */
export type Workflow = {
  readonly id?: string
  readonly revision?: number
  readonly last_node_id: number
  readonly last_link_id: number
  readonly nodes: readonly WorkflowNode[]
  readonly links: readonly WorkflowLink[]
  readonly groups: readonly Readonly<Record<string, unknown>>[]
  readonly config: Readonly<Record<string, unknown>>
  readonly extra: Readonly<Record<string, unknown>>
  readonly version: number
  /** Ids of subgraph definitions the file brings; instances of them cannot be run yet and are reported by `toPrompt`. */
  readonly definitions?: Readonly<Record<string, unknown>>
}

/** One fault, in the shape every ComfyUI client reads. `details` is always a string. */
export type Problem = {
  readonly type: string
  readonly message: string
  readonly details: string
  readonly extra_info: Readonly<Record<string, unknown>>
}

export type NodeProblems = {
  readonly errors: readonly Problem[]
  /** Output nodes that cannot run because of this one. */
  readonly dependent_outputs: readonly NodeId[]
  readonly class_type: string
}

/** A graph that cannot be read at all. Carries what `POST /prompt` answers as its top-level `error`. */
export class GraphError extends Error {
  readonly problem: Problem
  constructor(type: string, message: string, details = '', extra: Problem['extra_info'] = {}) {
    super(details ? `${message} (${details})` : message)
    this.name = 'GraphError'
    this.problem = { type, message, details, extra_info: extra }
  }
}

/** `value` as a link, or undefined. Only the form is checked, not what it points to. */
export const asLink = (value: unknown): LinkRef | undefined =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Number.isInteger(value[1]) && value[1] >= 0
    ? [value[0], value[1]]
    : undefined
