import type { Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { jsonOf, readRaw } from '../body.ts'
import { BadRequest } from '../problem.ts'
import type { Job } from '../queue.ts'
import { createdAt, durationOf, messageOf, stateOf, timesOf, workflowIdOf, type EndState, type HistoryEntry } from '../history.ts'
import { parse } from './prompt.ts'

type Status = EndState | 'pending' | 'in_progress'
type Listed = { readonly job: Job; readonly status: Status; readonly entry?: HistoryEntry }

/** Queue and history in one list: what newer ComfyUI pages read in place of both (spec/comfyui.md 1.6). */
export function jobRoutes(router: Router, { runs, queue, store }: Parts): void {
  const ended = (entry: HistoryEntry): Listed => ({ job: entry.job, status: stateOf(entry), entry })
  const open = async (): Promise<Listed[]> => [
    ...(await queue.running()).map(job => ({ job, status: 'in_progress' as const })),
    ...(await queue.pending()).map(job => ({ job, status: 'pending' as const })),
  ]
  const cancel = async (ids: readonly string[]): Promise<boolean> => {
    const removed = await runs.remove(ids)
    const interrupted = await Promise.all(ids.map(id => runs.interrupt(id)))
    return removed > 0 || interrupted.includes(true)
  }

  router.get('/jobs', async (request, response) => {
    const { status, workflow_id, sort_by, sort_order, limit, offset } = parse(query, request.query)
    const states = status?.split(',')
    const ascending = sort_order === 'asc'
    const by = sort_by === 'execution_duration' ? ('duration' as const) : ('created' as const)
    const waiting = (await open()).filter(
      listed =>
        (!states || states.includes(listed.status)) && (workflow_id === undefined || workflowIdOf(listed.job) === workflow_id),
    )
    // Those that wait or run are few and stand anywhere among the ended ones, of which there are many: of these only as many are
    // read as can be on the page. What is skipped stands before the page wherever the waiting ones stand.
    const skipped = Math.max(0, offset - waiting.length)
    const window = { limit: offset + limit - skipped, offset: skipped }
    const found = await store.find({ states, workflowId: workflow_id, by, ascending, ...window })
    const wanted = [...found.entries.map(ended), ...waiting]
    const key = (listed: Listed) => (by === 'duration' ? durationOf(listed.entry) : createdAt(listed.job))
    wanted.sort((a, b) => (ascending ? 1 : -1) * (key(a) - key(b)))
    const jobs = wanted.slice(offset - skipped, offset - skipped + limit).map(summary)
    const total = found.total + waiting.length
    response.json({ jobs, pagination: { offset, limit, total, has_more: offset + jobs.length < total } })
  })
  router.post('/jobs/cancel', readRaw, async (request, response) => {
    const { job_ids } = parse(z.object({ job_ids: z.array(z.string()).max(1000) }), jsonOf(request) ?? {})
    response.json({ cancelled: await cancel(job_ids) })
  })
  router.get('/jobs/:id', async (request, response) => {
    const { id } = request.params
    const done = await store.get(id)
    const listed = done ? ended(done) : (await open()).find(({ job }) => job.promptId === id)
    if (!listed) return void response.status(404).json({ error: 'Job not found' })
    const { job, entry } = listed
    const workflow = { prompt: job.prompt, extra_data: job.extraData }
    response.json({ ...summary(listed), outputs: entry?.outputs ?? {}, execution_status: entry?.status, workflow })
  })
  router.post('/jobs/:id/cancel', async (request, response) => {
    if (request.params.id.length > 200) throw new BadRequest('bad_request', 'That is not the id of a job')
    response.json({ cancelled: await cancel([request.params.id]) })
  })
}

const query = z.object({
  status: z.string().optional(),
  workflow_id: z.string().optional(),
  sort_by: z.enum(['created_at', 'execution_duration']).optional(),
  sort_order: z.enum(['asc', 'desc']).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(200),
  offset: z.coerce.number().int().min(0).default(0),
})

/** Keys without a value are left out by JSON: ComfyUI's page refuses nulls. */
function summary(listed: Listed) {
  const { job, status, entry } = listed
  const { begin, end } = timesOf(entry)
  const images = Object.entries(entry?.outputs ?? {}).flatMap(([nodeId, ui]) =>
    (ui.images ?? []).map(image => ({ ...image, nodeId, mediaType: 'images' })),
  )
  return {
    id: job.promptId,
    status,
    priority: job.number,
    create_time: createdAt(job),
    execution_start_time: begin,
    execution_end_time: end,
    execution_error: entry && messageOf(entry, 'execution_error'),
    outputs_count: images.length,
    preview_output: images.find(image => image.type === 'output') ?? images[0],
    workflow_id: workflowIdOf(job),
  }
}
