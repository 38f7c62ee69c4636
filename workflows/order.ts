/** Who reads from whom, and in which order to run. Walks are loops, not recursion: a graph may be thousands of nodes deep. */
import type { LinkRef, NodeId, Prompt, PromptNode } from './types.ts'
import { asLink } from './types.ts'

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
/**
 * Ids of cycles that one walk lists. A graph of n nodes can have n cycles of n nodes; past this many ids only the end of each is
 * listed, so that a graph made to do so costs no more time than another.
 */
const cycleBudget = 50_000
/** Nodes of a long cycle that an error names. */
const shownOfCycle = 16

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
  /** Where on the path a node stands. */
  const open = new Map<NodeId, number>()
  let budget = cycleBudget
  const enter = (id: NodeId) => {
    if (order.has(id)) return
    const began = open.get(id)
    if (began !== undefined) {
      const cycle = path.slice(budget > 0 ? began : Math.max(began, path.length - shownOfCycle)).map(step => step.id)
      budget -= cycle.length
      return void cycles.push(cycle.reverse())
    }
    open.set(id, path.length)
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

/** `a (Cls) -> b (Cls) -> a (Cls)`, told from the node at `from`; of a long way around the first nodes only. */
export function cyclePath(prompt: Prompt, cycle: readonly NodeId[], from = 0): string {
  const name = (id: NodeId) => `${id} (${prompt[id].class_type})`
  const hidden = cycle.length - shownOfCycle
  const shown = cycleFrom(cycle, from).map(name)
  return [...shown, ...(hidden > 0 ? [`… ${hidden} more …`] : []), shown[0]].join(' -> ')
}

/** The nodes of a cycle in its order, beginning at `from`; as many as are shown. */
export const cycleFrom = (cycle: readonly NodeId[], from: number): NodeId[] =>
  Array.from({ length: Math.min(cycle.length, shownOfCycle) }, (_, i) => cycle[(from + i) % cycle.length])
