import type { HistoryEntry } from '../server/history.ts'
import type { Job } from '../server/queue.ts'

/** Jobs and how they ended, as plain as they come. */

export const jobOf = (promptId: string, number = 0, more: Partial<Job> = {}): Job => ({
  promptId,
  number,
  prompt: { 1: { class_type: 'Show', inputs: { value: number } } },
  outputs: ['1'],
  extraData: { create_time: 1000 + number },
  ...more,
})

export const entryOf = (job: Job, end: 'completed' | 'failed' | 'cancelled' = 'completed', ms = 5): HistoryEntry => ({
  job,
  outputs: { 1: { text: [`"${job.promptId}" ended`] } },
  status: {
    status_str: end === 'completed' ? 'success' : 'error',
    completed: end === 'completed',
    messages: [
      ['execution_start', { prompt_id: job.promptId, timestamp: 10 }],
      [
        { completed: 'execution_success', failed: 'execution_error', cancelled: 'execution_interrupted' }[end],
        { prompt_id: job.promptId, timestamp: 10 + ms },
      ],
    ],
  },
})

export const claimOf = (promptId: string, more: Partial<Parameters<typeof claim>[0]> = {}) => claim({ promptId, ...more })

const claim = ({ promptId = '', node = '9', position = 0, subfolder = '', stem = 'out', count = 1, from = 1 }) => ({
  promptId,
  node,
  position,
  type: 'output' as const,
  subfolder,
  stem,
  count,
  from,
})
