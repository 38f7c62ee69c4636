/**
 * Everything the page shows, as one immutable value. `receive` and the small functions below make the next one;
 * the panels and the canvas draw what they find. What nodes gave (pictures, texts, errors) is kept here by node id,
 * outside the graph, so that undo and reload of a graph never wipe it.
 */
import type { SavedImage, Ui } from '../nodes/node.ts'
import type { ExecutionError, ServerMessage } from '../server/protocol.ts'

/** A decoded preview. `number` counts the frames of a run on one node, from 1. */
export type Picture = { readonly width: number; readonly height: number }
export type Preview = { readonly picture: Picture; readonly number: number }

export type NodeStatus = 'waiting' | 'running' | 'done' | 'cached' | 'failed'
export type NodeView = {
  readonly status?: NodeStatus
  readonly progress?: { readonly value: number; readonly max: number }
  readonly preview?: Preview
  /** Frames that came since the node began to run. */
  readonly frames?: number
  readonly output?: Ui
  readonly error?: string
  /** Found before running. */
  readonly warning?: string
  readonly startedAt?: number
  /** Milliseconds the node took. */
  readonly took?: number
}

export type Problem = {
  readonly node?: string
  readonly nodeType?: string
  readonly message: string
  readonly details?: string
  readonly severity: 'error' | 'warning'
  /** Found before running, told by the server when it refused, or thrown while running. */
  readonly from: 'check' | 'refusal' | 'run'
}

export type Run = {
  readonly id: string
  readonly startedAt: number
  readonly node?: string
  readonly state: 'queued' | 'running' | 'cancelling'
}

/** A picture that a run left, newest first. */
export type Result = {
  readonly run: string
  readonly node: string
  readonly image: SavedImage
  readonly at: number
  readonly workflow?: string
}

/** s of the first image of the batch as a node last told it; a sampler tells ŝ of x̂0 at every step. */
export type Activations = { readonly run: string; readonly t: number; readonly s: readonly number[] }

export type Live = {
  readonly connection: 'connecting' | 'open' | 'lost'
  readonly clientId?: string
  /** Runs waiting or running on the server, of all clients. */
  readonly queue: number
  readonly run?: Run
  /** Workflows as they were when sent, by run, to be reopened from a result. */
  readonly sent: Readonly<Record<string, string>>
  readonly nodes: Readonly<Record<string, NodeView>>
  readonly problems: readonly Problem[]
  readonly results: readonly Result[]
  /** By node. */
  readonly activations: Readonly<Record<string, Activations>>
}

export const MAX_RESULTS = 200

export const nothingYet: Live = {
  connection: 'connecting',
  queue: 0,
  sent: {},
  nodes: {},
  problems: [],
  results: [],
  activations: {},
}

const withNode = (live: Live, id: string, change: Partial<NodeView>): Live => ({
  ...live,
  nodes: { ...live.nodes, [id]: { ...live.nodes[id], ...change } },
})

/** A run is being sent, under a name of ours: its first messages may come before the answer. Old errors go; pictures stay until new ones come. */
export function sent(live: Live, id: string, workflow: string, at: number): Live {
  return {
    ...live,
    run: live.run && live.run.state !== 'cancelling' ? live.run : { id, startedAt: at, state: 'queued' },
    sent: { ...live.sent, [id]: workflow },
    problems: live.problems.filter(problem => problem.from === 'check'),
    nodes: mapNodes(live.nodes, view => ({
      ...view,
      error: undefined,
      status: view.status === 'failed' ? undefined : view.status,
    })),
  }
}

/** The server would not take the graph, or the page found out before asking. */
export const refused = (live: Live, problems: readonly Problem[]): Live => ({
  ...live,
  problems: [...live.problems.filter(problem => problem.from === 'check'), ...problems],
  nodes: problems.reduce(
    (nodes, problem) =>
      problem.node === undefined ? nodes : { ...nodes, [problem.node]: { ...nodes[problem.node], error: problem.message } },
    mapNodes(live.nodes, view => ({ ...view, error: undefined })),
  ),
})

/** The server did not take the run, or took it under another name. */
export function answered(live: Live, id: string, accepted: string | undefined): Live {
  if (accepted === id || live.run?.id !== id) return live
  return {
    ...live,
    run: accepted === undefined ? undefined : { ...live.run, id: accepted },
    sent: accepted === undefined ? live.sent : { ...live.sent, [accepted]: live.sent[id] },
  }
}

/** What a look at the graph found, replacing what the last look found. A refusal is over when its node has nothing wrong any more. */
export function checked(live: Live, found: readonly Problem[]): Live {
  const isOver = ({ node, from }: Problem) => from === 'refusal' && !found.some(problem => problem.node === node)
  const over = new Set(live.problems.filter(isOver).map(({ node }) => node))
  return {
    ...live,
    problems: [...found, ...live.problems.filter(problem => problem.from !== 'check' && !isOver(problem))],
    nodes: over.size
      ? Object.fromEntries(
          Object.entries(live.nodes).map(([id, view]) => [id, over.has(id) ? { ...view, error: undefined } : view]),
        )
      : live.nodes,
  }
}

export const cancelling = (live: Live): Live => (live.run ? { ...live, run: { ...live.run, state: 'cancelling' } } : live)

export const connected = (live: Live, connection: Live['connection']): Live => ({ ...live, connection })

/**
 * A preview frame was decoded. One that is late (of another run, or of a node that has already shown its result) is dropped;
 * the first one of a run takes the place of the last run's result.
 */
export function previewed(live: Live, node: string, run: string, picture: Picture): Live {
  const view = live.nodes[node] ?? {}
  if (live.run && live.run.id !== run) return live
  if (view.status !== 'running' && view.output) return live
  const frames = (view.frames ?? 0) + 1
  return withNode(live, node, { preview: { picture, number: frames }, frames, output: undefined })
}

/** What cached nodes showed when they last ran: the live messages leave that out. What is on the screen already stays. */
export const recalled = (live: Live, outputs: Readonly<Record<string, Ui>>): Live =>
  Object.entries(outputs).reduce((next, [id, output]) => (live.nodes[id]?.output ? next : withNode(next, id, { output })), live)

/** Pictures of earlier runs, oldest run first, behind those of this session. */
export const remembered = (
  live: Live,
  runs: readonly { run: string; at: number; outputs: Readonly<Record<string, Ui>>; workflow?: string }[],
): Live => ({
  ...live,
  results: runs
    .toReversed()
    .flatMap(({ run, at, outputs, workflow }) =>
      Object.entries(outputs).flatMap(([node, output]) => pictures(output).map(image => ({ run, node, image, at, workflow }))),
    )
    .reduce<readonly Result[]>(
      (results, old) => (results.some(({ image }) => sameImage(image, old.image)) ? results : [...results, old]),
      live.results,
    )
    .slice(0, MAX_RESULTS),
})

const pictures = (output: Ui): readonly SavedImage[] => (output.images ?? []).filter(image => image.type !== 'input')

/** Another graph is on the screen: node ids mean other nodes now. Results and connection stay. */
export const cleared = (live: Live): Live => ({ ...live, nodes: {}, problems: [], activations: {} })

/** The next state after a message of the server. `now` in milliseconds. */
export function receive(live: Live, message: ServerMessage, now: number): Live {
  switch (message.type) {
    case 'status':
      return { ...live, queue: message.data.status.exec_info.queue_remaining, clientId: message.data.sid ?? live.clientId }
    case 'execution_start':
      return started(live, message.data.prompt_id, now)
    case 'execution_cached':
      return message.data.nodes.reduce(
        (next, id) => withNode(next, id, { status: 'cached', progress: undefined, took: undefined }),
        live,
      )
    case 'executing':
      return executing(live, { ...message.data, node: message.data.display_node ?? message.data.node }, now)
    case 'progress':
      return withNode(live, message.data.node, { progress: { value: message.data.value, max: message.data.max } })
    case 'executed':
      // What a node expanded to is shown on that node.
      return executed(live, { ...message.data, node: message.data.display_node }, now)
    case 'execution_success':
      return finishNode(live, live.run?.node, now)
    case 'execution_error':
      return failed(live, message.data)
    case 'execution_interrupted':
      return { ...live, nodes: mapNodes(live.nodes, stopRunning) }
    case 'patronus.activations':
      return told(live, message.data)
    default:
      return live
  }
}

function started(live: Live, id: string, now: number): Live {
  const nodes = mapNodes(live.nodes, view => ({ ...view, status: undefined, progress: undefined, error: undefined }))
  return {
    ...live,
    run: { id, startedAt: now, state: 'running' },
    nodes,
    problems: live.problems.filter(p => p.from === 'check'),
  }
}

function executing(live: Live, { node, prompt_id }: { node: string | null; prompt_id?: string }, now: number): Live {
  const before = finishNode(live, live.run?.node, now)
  if (node === null) return before.run && (!prompt_id || before.run.id === prompt_id) ? { ...before, run: undefined } : before
  const run: Run = {
    ...(before.run ?? { id: prompt_id ?? '', startedAt: now }),
    state: before.run?.state === 'cancelling' ? 'cancelling' : 'running',
    node,
  }
  return withNode({ ...before, run }, node, {
    status: 'running',
    frames: 0,
    progress: undefined,
    error: undefined,
    startedAt: now,
    took: undefined,
  })
}

function finishNode(live: Live, id: string | undefined, now: number): Live {
  const view = id === undefined ? undefined : live.nodes[id]
  if (id === undefined || view?.status !== 'running') return live
  return withNode(live, id, { status: 'done', progress: undefined, took: now - (view.startedAt ?? now) })
}

function executed(
  live: Live,
  { node, output, prompt_id }: { node: string; output: Ui | null; prompt_id: string },
  now: number,
): Live {
  if (!output) return live
  const kept = pictures(output).map(image => ({ run: prompt_id, node, image, at: now, workflow: live.sent[prompt_id] }))
  const results = [...kept, ...live.results.filter(old => !kept.some(result => sameImage(old.image, result.image)))].slice(
    0,
    MAX_RESULTS,
  )
  return { ...withNode(live, node, { output }), results }
}

const sameImage = (a: SavedImage, b: SavedImage) => a.filename === b.filename && a.subfolder === b.subfolder && a.type === b.type

function told(live: Live, { prompt_id: run, node, t, s }: { prompt_id: string; node: string; t: number; s: number[][] }): Live {
  return { ...live, activations: { ...live.activations, [node]: { run, t, s: s[0] ?? [] } } }
}

function failed(live: Live, error: ExecutionError): Live {
  const message = error.exception_message.trim()
  const problem: Problem = {
    node: error.node_id,
    nodeType: error.node_type,
    message,
    details: error.traceback.join('').trim() || undefined,
    severity: 'error',
    from: 'run',
  }
  const next = withNode({ ...live, nodes: mapNodes(live.nodes, stopRunning) }, error.node_id, {
    status: 'failed',
    error: message,
    progress: undefined,
  })
  return { ...next, problems: [problem, ...live.problems.filter(p => p.from !== 'run')] }
}

const stopRunning = (view: NodeView): NodeView =>
  view.status === 'running' ? { ...view, status: undefined, progress: undefined } : view

const mapNodes = (nodes: Live['nodes'], change: (view: NodeView) => NodeView): Live['nodes'] =>
  Object.fromEntries(Object.entries(nodes).map(([id, view]) => [id, change(view)]))
