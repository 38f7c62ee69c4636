import type { Identity, NodeId } from '../../workflows/graph.ts'
import type { NodeProgress, ServerMessage } from '../protocol.ts'

/** Every change tells all bars; without a bound, thousands of nodes would tell millions. */
const mostBars = 200

export type Progress = ReturnType<typeof progressOf>

/** The bars of a run: every change is told with the state of all nodes that were begun, as ComfyUI does. */
export function progressOf(prompt_id: string, tell: (message: ServerMessage) => void, identityOf: (id: NodeId) => Identity) {
  const nodes = new Map<NodeId, NodeProgress>()
  const set = (id: NodeId, change: Pick<NodeProgress, 'value' | 'max' | 'state'>) => {
    nodes.set(id, { ...change, ...identityOf(id), prompt_id })
    if (nodes.size > mostBars) {
      const oldest = [...nodes].find(([, { state }]) => state === 'finished')
      if (oldest) nodes.delete(oldest[0])
    }
    tell({ type: 'progress_state', data: { prompt_id, nodes: Object.fromEntries(nodes) } })
  }
  return {
    start: (id: NodeId) => set(id, { value: 0, max: 1, state: 'running' }),
    update: (id: NodeId, value: number, max: number) => {
      set(id, { value, max, state: nodes.get(id)?.state ?? 'running' })
      tell({ type: 'progress', data: { value, max, prompt_id, node: id } })
    },
    finish: (id: NodeId, state: 'finished' | 'error') => {
      const now = nodes.get(id)
      if (now) set(id, { value: state === 'finished' ? now.max : now.value, max: now.max, state })
    },
  }
}
