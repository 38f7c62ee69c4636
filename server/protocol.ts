import type { Ui } from '../nodes/node.ts'

/** Every JSON message the server sends; ComfyUI's names and shapes, then ours (prefix `patronus.`), which other clients ignore. */
export type ServerMessage =
  | { type: 'status'; data: { status: { exec_info: { queue_remaining: number } }; sid?: string } }
  | { type: 'execution_start'; data: { prompt_id: string; timestamp: number } }
  | { type: 'execution_cached'; data: { nodes: string[]; prompt_id: string; timestamp: number } }
  | { type: 'executing'; data: { node: string | null; display_node?: string; prompt_id?: string } }
  | { type: 'progress'; data: { value: number; max: number; prompt_id: string; node: string } }
  | { type: 'progress_state'; data: { prompt_id: string; nodes: Record<string, NodeProgress> } }
  | { type: 'executed'; data: { node: string; display_node: string; output: Ui | null; prompt_id: string } }
  | { type: 'execution_success'; data: { prompt_id: string; timestamp: number } }
  | { type: 'execution_error'; data: ExecutionError }
  | { type: 'execution_interrupted'; data: { prompt_id: string; node_id: string; node_type: string; executed: string[]; timestamp: number } }
  | { type: 'feature_flags'; data: Record<string, unknown> }
  /** ŝ of the running x̂0: `s[b][j]`, at timestep t, from the sampler node. */
  | { type: 'patronus.activations'; data: { prompt_id: string; node: string; t: number; s: number[][] } }

export type NodeProgress = {
  value: number
  max: number
  state: 'running' | 'finished' | 'error'
  node_id: string
  prompt_id: string
  display_node_id: string
  parent_node_id: string | null
  real_node_id: string
}

export type ExecutionError = {
  prompt_id: string
  node_id: string
  node_type: string
  executed: string[]
  exception_message: string
  exception_type: string
  traceback: string[]
  current_inputs: Record<string, unknown[]>
  current_outputs: string[]
  timestamp: number
}
