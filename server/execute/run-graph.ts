import type { AnyNode, Catalog, Expansion } from '../../nodes/node.ts'
import { asLink, childId, cyclePath, identityOf, linksInto, walkSources } from '../../workflows/graph.ts'
import type { Identity, NodeId, Prompt, PromptNode } from '../../workflows/graph.ts'

/** Nodes that a run may make for itself, and generations of them: beyond, it is taken for one that would never end. */
const most = { nodes: 10_000, depth: 200 }

/** Where an output of an expanded node comes from: another node, or a value as it stands. */
export type Source = { readonly link: readonly [id: NodeId, slot: number] } | { readonly value: unknown }
/** The nodes that one call of a node became, and its outputs. */
export type Expanded = { readonly ids: readonly NodeId[]; readonly outputs: Readonly<Record<string, Source>> }

export type RunGraph = {
  node(id: NodeId): PromptNode
  spec(id: NodeId): AnyNode
  identity(id: NodeId): Identity
  /** The name of the output that a link reads. */
  outputName(id: NodeId, slot: number): string
  /** Whether what is linked there is for the node to ask for. */
  isLazy(id: NodeId, input: string): boolean
  /** Linked inputs that must be there before the node runs. */
  strong(id: NodeId): NodeId[]
  /** Puts in what a node expanded to in its `call`-th call. Throws what is wrong with that. */
  expand(id: NodeId, call: number, expansion: Expansion): Expanded
  /** Throws where a node can never be done because, over expansions, it waits for itself. `isDone` nodes wait for nothing. */
  refuseCycle(id: NodeId, isDone: (id: NodeId) => boolean): void
}

/** The graph of one run: what was submitted, and what grew out of it. */
export function createRunGraph(prompt: Prompt, catalog: Catalog): RunGraph {
  const grown = new Map<NodeId, PromptNode>()
  const identities = new Map<NodeId, Identity>()
  /** What a node that expanded waits for. */
  const awaited = new Map<NodeId, NodeId[]>()
  const has = (id: NodeId) => grown.has(id) || Object.hasOwn(prompt, id)
  const node = (id: NodeId) => grown.get(id) ?? prompt[id]
  const spec = (id: NodeId) => catalog.get(node(id).class_type)!
  const identity = (id: NodeId) => {
    const known = identities.get(id) ?? identityOf(id, prompt)
    identities.set(id, known)
    return known
  }
  const isLazy = (id: NodeId, input: string) => !!spec(id).needs && !!spec(id).inputs[input]?.lazy

  const expand = (id: NodeId, call: number, { graph, outputs }: Expansion): Expanded => {
    const { title } = spec(id)
    const names = Object.keys(graph)
    if (grown.size + names.length > most.nodes || id.split('.').length > 3 * most.depth)
      throw new Error(
        `${title} goes on expanding: a run may add ${most.nodes} nodes in ${most.depth} generations; look for what should end it`,
      )
    const idOf = (name: string) => (Object.hasOwn(graph, name) ? childId(id, call, name) : name)
    const resolve = (value: unknown) => {
      const link = asLink(value)
      return link ? ([idOf(link[0]), link[1]] as const) : value
    }
    for (const name of names) {
      const child = idOf(name)
      const { class_type, inputs } = graph[name]
      if (name === '' || name.includes('.')) throw new Error(`${title} expanded to a node "${name}"; names hold no dots`)
      if (has(child)) throw new Error(`${title} expanded to node ${child}, which is there already`)
      if (!catalog.has(class_type)) throw new Error(`${title} expanded to a node of class "${class_type}", which does not exist`)
      grown.set(child, {
        class_type,
        inputs: Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, resolve(value)])),
      })
    }
    const ids = names.map(idOf)
    for (const child of ids) checkGrown(title, child)
    const sources = Object.fromEntries(
      Object.keys(spec(id).outputs).map(name => {
        if (!Object.hasOwn(outputs, name)) throw new Error(`${title} expanded to a graph that gives no "${name}"`)
        const link = asLink(resolve(outputs[name]))
        if (link) checkLink(title, `output "${name}"`, link)
        return [name, link ? { link } : { value: outputs[name] }]
      }),
    )
    const links = Object.values(sources).flatMap(source => ('link' in source ? [source.link![0]] : []))
    awaited.set(id, [...(awaited.get(id) ?? []), ...links])
    return { ids, outputs: sources }
  }
  const checkLink = (title: string, where: string, [from, slot]: readonly [NodeId, number]) => {
    if (!has(from)) throw new Error(`${title} expanded to a graph whose ${where} is linked to node ${from}, which is not there`)
    const count = Object.keys(spec(from).outputs).length
    if (slot >= count)
      throw new Error(
        `${title} expanded to a graph whose ${where} is linked to output ${slot} of node ${from} (${spec(from).type}), which has ${count}`,
      )
  }
  const checkGrown = (title: string, child: NodeId) => {
    const { inputs, type } = spec(child)
    for (const [name, port] of Object.entries(inputs as Readonly<Record<string, { optional?: boolean }>>))
      if (!port.optional && node(child).inputs[name] === undefined)
        throw new Error(`${title} expanded to node ${child} (${type}) without its input "${name}"`)
    for (const [input, link] of linksInto(node(child))) checkLink(title, `node ${child}, input "${input}",`, link)
  }

  return {
    node,
    spec,
    identity,
    outputName: (id, slot) => Object.keys(spec(id).outputs)[slot],
    isLazy,
    strong: id => [...new Set(linksInto(node(id)).flatMap(([input, [from]]) => (isLazy(id, input) ? [] : [from])))],
    expand,
    refuseCycle: (id, isDone) => {
      const sourcesOf = (id: NodeId) =>
        isDone(id) ? [] : [...new Set([...linksInto(node(id)).map(([, [from]]) => from), ...(awaited.get(id) ?? [])])]
      // From every node that waits for what it expanded to: the cycle may pass through any of them.
      const [cycle] = walkSources(sourcesOf, [id, ...awaited.keys()]).cycles
      if (!cycle) return
      const nodes = Object.fromEntries(cycle.map(id => [id, node(id)]))
      const error = new Error(
        `${spec(id).title} expanded to a graph that waits for itself: ${cyclePath(nodes, cycle)}; link it to what comes before this node`,
      )
      error.name = 'DependencyCycleError'
      throw error
    },
  }
}
