import type { Ui } from '../nodes/node.ts'
import type { Job } from './queue.ts'

/** How a job ended, in ComfyUI's words: an interrupted one is an error that was not completed. */
export type JobStatus = {
  readonly status_str: 'success' | 'error'
  readonly completed: boolean
  readonly messages: readonly (readonly [type: string, data: Readonly<Record<string, unknown>>])[]
}

export type HistoryEntry = {
  readonly job: Job
  readonly outputs: Readonly<Record<string, Ui>>
  readonly status: JobStatus
}

/** What is remembered about finished jobs. Outputs, workflows and settings are files and not in here. */
export type Store = {
  /** Written once, keyed by the job's id; a second time changes nothing. */
  add(entry: HistoryEntry): Promise<void>
  get(promptId: string): Promise<HistoryEntry | undefined>
  /** Oldest first. */
  all(): Promise<readonly HistoryEntry[]>
  remove(promptIds: readonly string[]): Promise<void>
  clear(): Promise<void>
}

/** History in memory, lost at the end of the process; the oldest entries make room beyond `capacity`. */
export function createMemoryStore(capacity = 10_000): Store {
  const entries = new Map<string, HistoryEntry>()
  return {
    add: async entry => {
      if (!entries.has(entry.job.promptId)) entries.set(entry.job.promptId, entry)
      for (const id of entries.keys())
        if (entries.size > capacity) entries.delete(id)
        else break
    },
    get: async promptId => entries.get(promptId),
    all: async () => [...entries.values()],
    remove: async promptIds => promptIds.forEach(id => entries.delete(id)),
    clear: async () => entries.clear(),
  }
}
