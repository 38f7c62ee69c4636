/** Who reads from whom, and in which order to run. Walks are loops, not recursion: a graph may be thousands of nodes deep. */
import type { LinkRef, NodeId, Prompt, PromptNode } from './types.ts'
import { asLink, GraphError } from './types.ts'

/** The linked inputs of a node. */
export const linksInto = (node: PromptNode): (readonly [input: string, link: LinkRef])[] =>
  Object.entries(node.inputs).flatMap(([name, value]) => {
    const link = asLink(value)
    return link ? [[name, link] as const] : []
  })

/** The node's sources that exist, each once, in the order of its inputs. */
const sources = (prompt: Prompt, id: NodeId): NodeId[] => [
  ...new Set(linksInto(prompt[id]).flatMap(([, [from]]) => (Object.hasOwn(prompt, from) ? [from] : []))),
]

type Walked = { readonly order: NodeId[]; readonly cycles: NodeId[][] }

/** What one walk from the roots finds: nodes, each after all it reads from, and every cycle met, in the direction data would flow. */
export const walk = (prompt: Prompt, roots: readonly NodeId[]): Walked =>
  walkSources(
    id => sources(prompt, id),
    roots.filter(id => Object.hasOwn(prompt, id)),
  )

/** The same for anything that knows what a node reads from. */
export function walkSources(sourcesOf: (id: NodeId) => readonly NodeId[], roots: readonly NodeId[]): Walked {
  const order = new Set<NodeId>()
  const cycles: NodeId[][] = []
  const path: { id: NodeId; left: NodeId[] }[] = []
  const open = new Set<NodeId>()
  const enter = (id: NodeId) => {
    if (order.has(id)) return
    if (open.has(id)) {
      const ids = path.map(step => step.id)
      cycles.push(ids.slice(ids.indexOf(id)).reverse())
      return
    }
    open.add(id)
    path.push({ id, left: sourcesOf(id).toReversed() })
  }
  for (const root of roots) {
    enter(root)
    while (path.length > 0) {
      const { id, left } = path[path.length - 1]
      const next = left.pop()
      if (next !== undefined) enter(next)
      else {
        path.pop()
        open.delete(id)
        order.add(id)
      }
    }
  }
  return { order: [...order], cycles }
}

/** The roots and their ancestors, each node after every node it reads from; nothing else. Throws `dependency_cycle`. */
export function runOrder(prompt: Prompt, roots: readonly NodeId[]): NodeId[] {
  const { order, cycles } = walk(prompt, roots)
  if (cycles.length > 0)
    throw new GraphError('dependency_cycle', 'Dependency cycle', cyclePath(prompt, cycles[0]), { cycle_nodes: cycles[0] })
  return order
}

/** `a (Cls) -> b (Cls) -> a (Cls)` */
export const cyclePath = (prompt: Prompt, cycle: readonly NodeId[]): string =>
  [...cycle, cycle[0]].map(id => `${id} (${prompt[id].class_type})`).join(' -> ')
