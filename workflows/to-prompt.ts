/** The saved UI format → the API format that runs: what ComfyUI's page does before it posts (spec/comfyui.md 4.3), without a page. */
import { quote } from './json.ts'
import type { LinkRef, NodeId, ObjectInfo, Prompt, PromptNode, Workflow, WorkflowLink, WorkflowNode } from './types.ts'
import { isLinkable } from './check-node.ts'
import { declaredInputs, isWidget, widgetValues } from './widgets.ts'

/** A node that cannot be brought over, and why, in a sentence. */
export type WorkflowProblem = { readonly node: NodeId; readonly class_type: string; readonly message: string }

const muted = 2
const bypassed = 4
/** Nodes that exist on the canvas only. */
const notes = new Set(['Note', 'MarkdownNote'])

type Source = { readonly link: LinkRef } | { readonly value: unknown }

export function toPrompt(workflow: Workflow, info: ObjectInfo): { prompt: Prompt; problems: WorkflowProblem[] } {
  const follow = tracer(workflow, info)
  const problems: WorkflowProblem[] = []
  const prompt: Record<NodeId, PromptNode> = {}
  for (const node of workflow.nodes) {
    if (node.mode === muted || node.mode === bypassed || notes.has(node.type) || isVirtual(node, info)) continue
    const known = Object.hasOwn(info, node.type) ? info[node.type] : undefined
    if (!known) problems.push(unknownNode(node, workflow))
    const inputs: Record<string, unknown> = {}
    for (const [name, value] of known ? widgetValues(known, node.widgets_values) : [])
      if (value !== undefined) inputs[name] = Array.isArray(value) ? { __value__: value } : value
    for (const [name, source] of follow(node)) inputs[name] = 'link' in source ? source.link : source.value
    prompt[String(node.id)] = { class_type: node.type, inputs, _meta: { title: node.title ?? known?.display_name ?? node.type } }
  }
  return { prompt, problems }
}

const isVirtual = (node: WorkflowNode, info: ObjectInfo): boolean =>
  (node.type === 'Reroute' || node.type === 'PrimitiveNode') && !Object.hasOwn(info, node.type)

function unknownNode({ id, type, title }: WorkflowNode, { definitions }: Workflow): WorkflowProblem {
  const subgraphs = definitions?.subgraphs
  const isSubgraph = Array.isArray(subgraphs) && subgraphs.some(({ id }: { id?: unknown }) => id === type)
  const name = `node ${id}${title ? ` ${quote(title)}` : ''}`
  const message = isSubgraph
    ? `${name} is a subgraph, which this server cannot run; unpack it and save again`
    : `${name} is of type ${quote(type)}, which this server does not have; remove it, or run the workflow on the program it was made for`
  return { node: String(id), class_type: type, message }
}

/** Gives, for a node, where each linked input really comes from: through reroutes, primitives and bypassed nodes. */
function tracer(workflow: Workflow, info: ObjectInfo): (node: WorkflowNode) => Map<string, Source> {
  const nodes = new Map(workflow.nodes.map(node => [String(node.id), node]))
  const links = new Map(workflow.links.map(link => [link[0], link]))
  const into = linkedInputs(workflow, info)

  const trace = (start: number): Source | undefined => {
    const seen = new Set<number>()
    let at: number | undefined = start
    while (at !== undefined && !seen.has(at)) {
      seen.add(at)
      const [, from, slot, , , type] = links.get(at) ?? []
      const node = nodes.get(String(from))
      if (!node || slot === undefined || node.mode === muted) return undefined
      if (isVirtual(node, info) && node.type === 'PrimitiveNode')
        return Array.isArray(node.widgets_values) ? { value: node.widgets_values[0] } : undefined
      if (isVirtual(node, info)) at = into(node)[0]?.link
      else if (node.mode === bypassed) at = bypass(into(node), slot, node.outputs[slot]?.type ?? type ?? '*')
      else return { link: [String(from), slot] }
    }
    return undefined
  }

  return node =>
    new Map(
      into(node).flatMap(({ name, link }) => {
        const source = trace(link)
        return source ? [[name, source] as const] : []
      }),
    )
}

type LinkedInput = { readonly name: string; readonly type: string; readonly link: number; readonly slot: number }

/** The input whose value a bypassed node hands on as output `slot`: the one in the same place when it fits, else the first that fits. */
function bypass(inputs: readonly LinkedInput[], slot: number, type: string): number | undefined {
  const fits = inputs.filter(input => isLinkable(input.type, type))
  return (fits.find(input => input.slot === slot) ?? fits[0])?.link
}

/** The linked inputs of a node. Files that list no inputs are read by slot number, counting the declared sockets. */
function linkedInputs({ links }: Workflow, info: ObjectInfo): (node: WorkflowNode) => LinkedInput[] {
  const byTarget = new Map<string, WorkflowLink[]>()
  for (const link of links) {
    const found = byTarget.get(String(link[3]))
    if (found) found.push(link)
    else byTarget.set(String(link[3]), [link])
  }
  return ({ id, type, inputs }) => {
    if (inputs.length > 0)
      return inputs.flatMap(({ name, type, link }, slot) => (link === null ? [] : [{ name, type, link, slot }]))
    const known = Object.hasOwn(info, type) ? info[type] : undefined
    const sockets = known ? declaredInputs(known).filter(([, config]) => !isWidget(config)) : []
    const arriving = byTarget.get(String(id)) ?? []
    return arriving.flatMap(([link, , , , slot, type]) => (sockets[slot] ? [{ name: sockets[slot][0], type, link, slot }] : []))
  }
}
