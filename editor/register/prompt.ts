/** Another page's graph → what POST /prompt takes. Pure. */
import { parseWorkflow, toPrompt, type ObjectInfo, type Prompt, type Workflow } from '../../workflows/graph.ts'

/** Nodes of litegraph editors that exist on the canvas alone; toPrompt looks through them. */
const onCanvasOnly = new Set(['Reroute', 'PrimitiveNode', 'Note', 'MarkdownNote'])

/**
 * Our part of the graph. The page's own nodes stay out of it, and may stand beside ours; one that feeds ours is an error, since
 * the server cannot ask it for anything.
 */
export function promptOf(saved: unknown, info: ObjectInfo, prefix = ''): { prompt: Prompt; workflow: Workflow } {
  const whole = parseWorkflow(withoutPrefix(saved, prefix))
  const isOurs = (type: string) => Object.hasOwn(info, type) || onCanvasOnly.has(type)
  const foreign = new Map(whole.nodes.filter(({ type }) => !isOurs(type)).map(node => [String(node.id), node]))
  const nodes = whole.nodes.filter(({ id }) => !foreign.has(String(id)))
  const byId = new Map(nodes.map(node => [String(node.id), node]))
  for (const [, from, , to, slot] of whole.links) {
    const [source, target] = [foreign.get(String(from)), byId.get(String(to))]
    if (source && target)
      throw new Error(
        `"${target.title ?? info[target.type]?.display_name ?? target.type}" (node ${to}) takes ${target.inputs[slot]?.name ?? 'an input'} from "${source.title ?? source.type}" (node ${from}), a node of this page that the server does not have; link it to one of the server's nodes`,
      )
  }
  const links = whole.links.filter(([, from, , to]) => byId.has(String(from)) && byId.has(String(to)))
  const workflow = { ...whole, nodes, links }
  const { prompt, problems } = toPrompt(workflow, info)
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'))
  if (Object.keys(prompt).length === 0) throw new Error('The graph has no nodes of this server, so there is nothing to run')
  return { prompt, workflow }
}

/** Types as the server knows them. */
function withoutPrefix(saved: unknown, prefix: string): unknown {
  const { nodes } = (saved ?? {}) as { nodes?: unknown }
  if (!prefix || !Array.isArray(nodes)) return saved
  const renamed = nodes.map((node: { type?: unknown }) =>
    typeof node.type === 'string' && node.type.startsWith(prefix) ? { ...node, type: node.type.slice(prefix.length) } : node,
  )
  return { ...(saved as object), nodes: renamed }
}
