import { z } from 'zod'
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

/** How an ended job is told in lists (spec/comfyui.md 1.6). */
export type EndState = 'completed' | 'failed' | 'cancelled'

/** What lists of ended jobs are searched and sorted by. */
export type HistoryQuery = {
  readonly states?: readonly string[]
  readonly workflowId?: string
  /** Default: when it was submitted. */
  readonly by?: 'created' | 'duration'
  readonly ascending?: boolean
  readonly limit: number
  readonly offset?: number
}
export type Found = { readonly entries: readonly HistoryEntry[]; readonly total: number }

// An entry comes from a store that an older or a broken program may have written: what it lacks is nothing, not a fault.

export const messageOf = ({ status }: HistoryEntry, type: string) => (status?.messages ?? []).find(([name]) => name === type)?.[1]

export const stateOf = (entry: HistoryEntry): EndState =>
  entry.status?.completed ? 'completed' : messageOf(entry, 'execution_interrupted') ? 'cancelled' : 'failed'

/** When it was submitted, ms since 1970. */
export const createdAt = ({ extraData }: Job): number => {
  const time = Number(extraData?.create_time ?? 0)
  return Number.isFinite(time) ? time : 0
}

const withWorkflow = z.object({ extra_pnginfo: z.object({ workflow: z.object({ id: z.string() }) }) })
export const workflowIdOf = ({ extraData }: Job): string | undefined =>
  withWorkflow.safeParse(extraData).data?.extra_pnginfo.workflow.id

/** When it began and ended, ms since 1970, as its messages say. */
export function timesOf(entry: HistoryEntry | undefined): { begin?: number; end?: number } {
  const stamps = (entry?.status?.messages ?? []).map(([, data]) => Number(data.timestamp)).filter(Number.isFinite)
  return { begin: stamps[0], end: stamps.at(-1) }
}

export const durationOf = (entry: HistoryEntry | undefined): number => {
  const { begin = 0, end = 0 } = timesOf(entry)
  return end - begin
}
