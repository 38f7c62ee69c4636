import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Ui } from '../nodes/node.ts'

/** `GET`, `PUT` and `PATCH /patronus/checkpoints/:name/names`; the last two also take `{ names }` alone. */
export type { NamesFile, PrototypeName, PrototypeNames } from '../analysis/naming.ts'
/** `GET /patronus/checkpoints/:name/suggestions`; may take a minute the first time. */
export type { NameSuggestions, Suggestion } from '../analysis/name-suggestions.ts'
/** `GET /patronus/checkpoints/:name/atlas`; `…/atlas/:prototype.png` is its row of pictures. */
export type { AtlasFile } from '../analysis/atlas-file.ts'

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
  | {
      type: 'execution_interrupted'
      data: { prompt_id: string; node_id: string; node_type: string; executed: string[]; timestamp: number }
    }
  | { type: 'feature_flags'; data: Record<string, unknown> }
  /** New lines of the log, to those who asked for them. */
  | { type: 'logs'; data: { entries: { t: string; m: string }[] } }
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
  /** Of each input its items. Empty, and no time, where it is `ExecutionBlocked`: what goes on is no error of the run. */
  current_inputs: Record<string, unknown[]> | []
  current_outputs: string[]
  timestamp?: number
}

/** One line of `GET /patronus/workflows`; `GET /patronus/workflows/:name` gives the workflow itself. */
export type ShippedWorkflow = {
  /** File name without `.json`. */
  name: string
  title: string
  description: string
}

/** One line of `GET /patronus/checkpoints`. A file that cannot be read is listed with its `error`, so that people see why. */
export type CheckpointSummary = {
  /** File name, as the Load Checkpoint node takes it. */
  name: string
  title?: string
  description?: string
  dataset?: string
  prototypes?: number
  hasPrior?: boolean
  error?: string
}

/** `GET /patronus/checkpoints/:name`. */
export type CheckpointDetails = {
  name: string
  /** SHA-256 of the file, hex. */
  id: string
  /** `names` are those that people gave, and the checkpoint's own where they gave none. */
  info: CheckpointInfo
  /** Whether an atlas lies beside it. */
  hasAtlas: boolean
}

/** `GET /patronus/device`: where networks run. `undefined` until the worker has looked. */
export type DeviceReport = {
  /** `cpu`, `cuda`, `webgpu`. */
  device: string
  /** What was found, and why this one was chosen. */
  report: string
  worker: 'starting' | 'ready' | 'restarting'
  /** The checkpoint that is loaded and compiled ahead of the first run, and whether that is done. */
  warm?: { checkpoint: string; state: 'loading' | 'ready' | 'failed'; error?: string }
}
