/**
 * Our nodes in somebody else's litegraph page: `registerPatronus({ LiteGraph, LGraphNode, server })`. Works with litegraph.js 0.7
 * and with @comfyorg/litegraph; the page keeps its own canvas, menus and nodes. Built into one module, which every server hands
 * out as /patronus/register.js. See docs/litegraph.md.
 */
import { typeColour } from '../canvas/type-colours.ts'
import { parseDefinitions, type Definition } from '../ports.ts'
import { newRunId } from '../run-id.ts'
import { openSocket } from '../socket.ts'
import { advanceSeeds } from './fields.ts'
import type { HostGraph, HostLiteGraph, HostNode, HostNodeClass } from './host.ts'
import { nodeClass } from './node-class.ts'
import { promptOf } from './prompt.ts'
import { createRuns, type Run } from './runs.ts'
import { createServer, Refusal } from './server.ts'

export type RegisterOptions = {
  readonly LiteGraph: HostLiteGraph
  readonly LGraphNode: HostNodeClass
  /** Where Patronus runs; where this module came from, unless said. */
  readonly server?: string
  /** The server's --token, if it has one. */
  readonly token?: string
  /** In front of the types of our nodes, where the page has nodes of the same name. */
  readonly prefix?: string
  /** Told of what goes wrong beside a run: a message that cannot be read, the line to the server. */
  readonly trouble?: (error: Error) => void
}

export type Patronus = {
  /** The types that were registered. */
  readonly types: readonly string[]
  /** Runs the nodes of this server in the graph. Rejects at once when the graph cannot run, and says why. */
  queue(graph: HostGraph): Promise<Run>
  interrupt(run: Run): Promise<void>
  /** Puts a picture into the server's input folder; gives the name that Load Image takes. */
  upload(file: File): Promise<string>
  /** Hangs up; the nodes stay. */
  close(): void
}

export async function registerPatronus(options: RegisterOptions): Promise<Patronus> {
  const { LiteGraph, LGraphNode, token, prefix = '', trouble = error => console.warn('Patronus:', error) } = options
  const here: string = import.meta.url
  const base = `${(options.server ?? new URL('..', here).href).replace(/\/+$/, '')}/`
  const server = createServer(base, token)
  const info = await server.objectInfo()
  const { definitions, unread } = parseDefinitions(info)
  for (const line of unread) trouble(new Error(`A node of the server cannot be read: ${line}`))
  const runs = createRuns(server)
  register(LiteGraph, [...definitions.values()], prefix, definition => nodeClass(LGraphNode, definition, runs.shownOf))

  const client = newRunId()
  const listeners = {
    message: runs.hear,
    preview: runs.preview,
    connection: (state: string) => void (state === 'open' && runs.catchUp()),
    trouble,
  }
  const close = openSocket(client, listeners, base, token)

  return {
    types: [...definitions.keys()].map(type => prefix + type),
    queue: async graph => {
      const { prompt, workflow } = promptOf(graph.serialize(), info, prefix)
      const id = newRunId()
      const done = runs.begin(id, graph)
      // Whoever asked hears of a refusal from the promise that they await.
      done.catch(() => {})
      try {
        await server.submit(id, client, prompt, workflow)
      } catch (error) {
        runs.fail(id, (error as Error).message)
        if (error instanceof Refusal) for (const [node, message] of error.nodes) runs.fault(graph, node, message)
        throw error
      }
      for (const [node, { class_type }] of Object.entries(prompt))
        advanceSeeds(graph.getNodeById(node as never) as HostNode, definitions.get(class_type)!)
      return { id, done }
    },
    interrupt: ({ id }) => server.interrupt(id),
    upload: server.upload,
    close,
  }
}

/** Classes of ours that a page has already, from an earlier call. */
const ours = new WeakSet<object>()

function register(
  LiteGraph: HostLiteGraph,
  definitions: readonly Definition[],
  prefix: string,
  make: (definition: Definition) => HostNodeClass,
): void {
  const taken = definitions
    .map(({ type }) => prefix + type)
    .filter(type => {
      const there = LiteGraph.registered_node_types[type]
      return there !== undefined && !ours.has(there as object)
    })
  if (taken.length > 0)
    throw new Error(
      `This page has nodes of these types already: ${taken.join(', ')}. Give a prefix, for example registerPatronus({ …, prefix: 'patronus/' })`,
    )
  for (const definition of definitions) {
    const made = make(definition)
    ours.add(made)
    LiteGraph.registerNodeType(prefix + definition.type, made as never)
    // litegraph 0.7 takes the category from the slashes in the type.
    made.category = definition.category
  }
  const colours = LiteGraph.LGraphCanvas?.link_type_colors
  const types = definitions.flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(({ type }) => type))
  if (colours) for (const type of types) colours[type] ??= typeColour(type)
}
