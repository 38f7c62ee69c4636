/**
 * Brings a workflow of any author into the form in which this page makes nodes itself, so that litegraph's `configure`, which goes
 * by position alone, cannot put a value or a link into the wrong place: one slot per declared input (sockets, then fields),
 * one entry of `widgets_values` per field, "after run" controls included. Nodes of unknown types stay as they are. Pure.
 */
import type { ObjectInfo, Workflow, WorkflowInput, WorkflowLink, WorkflowNode } from '../workflows/graph.ts'
import { declaredInputs, hasControl, isWidget, widgetValues } from '../workflows/widgets.ts'
import type { Definitions } from './ports.ts'

export function fitWorkflow(workflow: Workflow, info: ObjectInfo, definitions: Definitions): Workflow {
  const slots = new Map<string, ReadonlyMap<number, number>>()
  const nodes = workflow.nodes.map(node => {
    const definition = definitions.get(node.type)
    if (!definition || !Object.hasOwn(info, node.type)) return node
    const inputs = [...definition.inputs.filter(port => !port.field), ...definition.inputs.filter(port => port.field)].map(
      ({ name, type, field }): WorkflowInput => ({ name, type, link: null, ...(field && { widget: { name } }) }),
    )
    const found = linksOf(node, workflow.links, info)
    slots.set(String(node.id), new Map(found.map(({ link, name }) => [link, inputs.findIndex(input => input.name === name)])))
    return {
      ...node,
      inputs: inputs.map(input => ({ ...input, link: found.find(({ name }) => name === input.name)?.link ?? null })),
      outputs: definition.outputs.map(({ name, type }, i) => ({ name, type, links: node.outputs[i]?.links ?? null })),
      widgets_values: values(node, info),
    }
  })
  const links = workflow.links.flatMap((link): WorkflowLink[] => {
    const [id, from, fromSlot, to, , type] = link
    const moved = slots.get(String(to))
    const slot = moved?.get(id)
    if (moved && (slot === undefined || slot < 0)) return []
    return [slot === undefined ? link : [id, from, fromSlot, to, slot, type]]
  })
  const kept = new Set(links.map(([id]) => id))
  return { ...workflow, nodes: nodes.map(node => withOutputs(node, links, kept)), links }
}

/** Which links enter a node and into which input, by name where the file names them, else by counting sockets. */
function linksOf(
  { id, type, inputs }: WorkflowNode,
  links: readonly WorkflowLink[],
  info: ObjectInfo,
): { link: number; name: string }[] {
  if (inputs.length) return inputs.flatMap(({ name, link }) => (link === null ? [] : [{ link, name }]))
  const sockets = declaredInputs(info[type]).filter(([, config]) => !isWidget(config))
  return links.flatMap(([link, , , to, slot]) =>
    String(to) === String(id) && sockets[slot] ? [{ link, name: sockets[slot][0] }] : [],
  )
}

/** Output ends as the list of links says, whatever the node itself claimed. */
function withOutputs(node: WorkflowNode, links: readonly WorkflowLink[], kept: ReadonlySet<number>): WorkflowNode {
  return {
    ...node,
    inputs: node.inputs.map(input => (input.link !== null && !kept.has(input.link) ? { ...input, link: null } : input)),
    outputs: node.outputs.map((output, slot) => {
      const leaving = links
        .filter(([, from, fromSlot]) => String(from) === String(node.id) && fromSlot === slot)
        .map(([id]) => id)
      return { ...output, links: leaving.length ? leaving : null }
    }),
  }
}

/** Values in the order of our widgets: as declared, each seed followed by its control. */
function values(node: WorkflowNode, info: ObjectInfo): unknown[] {
  const known = info[node.type]
  const byName = widgetValues(known, node.widgets_values)
  const controls = controlsOf(node, known)
  return declaredInputs(known)
    .filter(([, config]) => isWidget(config))
    .flatMap(([name, config]) =>
      hasControl(name, config) ? [byName.get(name), controls.get(name) ?? 'fixed'] : [byName.get(name)],
    )
}

function controlsOf(node: WorkflowNode, known: ObjectInfo[string]): Map<string, string> {
  const controls = new Map<string, string>()
  const saved = node.widgets_values
  if (!Array.isArray(saved)) return controls
  let at = 0
  for (const [name, config] of declaredInputs(known)) {
    if (!isWidget(config)) continue
    at++
    if (!hasControl(name, config)) continue
    if (['fixed', 'increment', 'decrement', 'randomize'].includes(saved[at])) controls.set(name, saved[at++])
  }
  return controls
}

/** An API-format prompt as a workflow: laid out in columns by depth, so that a PNG or file that holds only a prompt opens too. */
export function layOut(
  prompt: Readonly<Record<string, { class_type: string; inputs: Readonly<Record<string, unknown>>; _meta?: { title?: string } }>>,
  info: ObjectInfo,
): Workflow {
  const ids = Object.keys(prompt)
  const numbers = new Map(ids.map((id, i) => [id, Number.isInteger(Number(id)) ? Number(id) : 10_000 + i]))
  const depth = depths(prompt)
  const rows = new Map<number, number>()
  const links: WorkflowLink[] = []
  const nodes = ids.map((id, order): WorkflowNode => {
    const { class_type: type, inputs, _meta } = prompt[id]
    const column = depth.get(id) ?? 0
    const row = rows.get(column) ?? 0
    rows.set(column, row + 1)
    const linked = Object.entries(inputs).flatMap(([name, value]) => {
      if (!Array.isArray(value) || value.length !== 2 || !numbers.has(String(value[0]))) return []
      const link = links.length + 1
      links.push([link, numbers.get(String(value[0])) as number, Number(value[1]), numbers.get(id) as number, 0, '*'])
      return [{ name, type: '*', link }]
    })
    const known = info[type] as ObjectInfo[string] | undefined
    return {
      id: numbers.get(id) as number,
      type,
      ...(_meta?.title && _meta.title !== known?.display_name && { title: _meta.title }),
      pos: [60 + column * 320, 60 + row * 360],
      size: [240, 120],
      mode: 0,
      order,
      flags: {},
      properties: {},
      inputs: linked,
      outputs: (known?.output ?? []).map((type, i) => ({
        name: known?.output_name[i] ?? String(type),
        type: String(type),
        links: null,
      })),
      widgets_values: inputs,
    }
  })
  return {
    last_node_id: Math.max(0, ...numbers.values()),
    last_link_id: links.length,
    nodes,
    links,
    groups: [],
    config: {},
    extra: {},
    version: 0.4,
  }
}

/** Longest way from a node without links to each node; a cycle is cut where it is met. */
function depths(prompt: Parameters<typeof layOut>[0]): Map<string, number> {
  const depth = new Map<string, number>()
  const visit = (id: string, path: readonly string[]): number => {
    const known = depth.get(id)
    if (known !== undefined) return known
    if (!prompt[id] || path.includes(id)) return -1
    const sources = Object.values(prompt[id].inputs).flatMap(value =>
      Array.isArray(value) && value.length === 2 ? [String(value[0])] : [],
    )
    const own = 1 + Math.max(-1, ...sources.map(source => visit(source, [...path, id])))
    depth.set(id, own)
    return own
  }
  for (const id of Object.keys(prompt)) visit(id, [])
  return depth
}
