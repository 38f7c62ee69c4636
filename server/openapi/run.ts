import { done, type Operations } from './operation.ts'

/** Graphs: submitting them, and what becomes of them. */
export const runOperations: Operations = {
  'GET /ws': {
    id: 'connect',
    summary:
      'The WebSocket. Text messages are JSON { type, data }: status, execution_start, execution_cached, executing, progress, progress_state, executed, execution_success, execution_error, execution_interrupted, patronus.activations. Binary messages are previews: four bytes big-endian kind (1 or 4), then the picture.',
    query: { clientId: 'The id that jobs were submitted with; the same id takes up where it left off.' },
    answers: { 101: { nothing: 'The connection is a WebSocket from here on.' } },
  },
  'GET /prompt': { id: 'getQueueLength', summary: 'How many jobs wait or run.', answers: { 200: 'Waiting' } },
  'POST /prompt': {
    id: 'submit',
    summary:
      'Checks a graph and puts it into the queue. 400 says what is wrong with it, node by node; 429 that the queue is full, 413 that the graph alone would fill it.',
    body: 'Submission',
    answers: { 200: 'Submitted', 400: 'Problem', 413: 'Problem', 429: 'Problem' },
  },
  'GET /queue': { id: 'getQueue', summary: 'What runs and what waits.', answers: { 200: 'Queue' } },
  'POST /queue': {
    id: 'changeQueue',
    summary: 'Takes waiting jobs out of the queue: those listed in delete, or all with clear.',
    body: 'ClearOrDelete',
    answers: { 200: done },
  },
  'POST /interrupt': {
    id: 'interrupt',
    summary: 'Stops the running job, or the one named if it is the one that runs.',
    body: 'OneJob',
    answers: { 200: done },
  },
  'GET /history': {
    id: 'getHistory',
    summary: 'Finished jobs, oldest first.',
    query: { max_items: 'At most so many; the newest, unless offset is given.', offset: 'Leave out so many of the oldest.' },
    answers: { 200: 'History' },
  },
  'GET /history/{id}': {
    id: 'getFinished',
    summary: 'One finished job; an empty object while it waits or runs.',
    path: { id: 'prompt_id' },
    answers: { 200: 'History' },
  },
  'POST /history': {
    id: 'changeHistory',
    summary: 'Forgets finished jobs: those listed in delete, or all with clear.',
    body: 'ClearOrDelete',
    answers: { 200: done },
  },
  'GET /jobs': {
    id: 'listJobs',
    summary: 'Queue and history in one list.',
    query: {
      status: 'Only these, with commas between: pending, in_progress, completed, failed, cancelled.',
      workflow_id: 'Only jobs of that workflow.',
      sort_by: { about: 'What to sort by.', values: ['created_at', 'execution_duration'] },
      sort_order: { about: 'desc unless said.', values: ['asc', 'desc'] },
      limit: 'At most so many; 200 unless said.',
      offset: 'Leave out so many.',
    },
    answers: { 200: 'Jobs', 400: 'Refusal' },
  },
  'GET /jobs/{id}': {
    id: 'getJob',
    summary: 'One job with its graph and what its nodes show.',
    path: { id: 'prompt_id' },
    answers: { 200: 'JobDetails', 404: 'Refusal' },
  },
  'POST /jobs/cancel': {
    id: 'cancelJobs',
    summary: 'Takes jobs out of the queue, or stops them.',
    body: 'JobIds',
    answers: { 200: 'Cancelled', 400: 'Refusal' },
  },
  'POST /jobs/{id}/cancel': {
    id: 'cancelJob',
    summary: 'Takes one job out of the queue, or stops it.',
    path: { id: 'prompt_id' },
    answers: { 200: 'Cancelled' },
  },
}
