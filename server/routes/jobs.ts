import type { Response, Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { jsonOf, readRaw } from '../body.ts'
import { BadRequest } from '../problem.ts'
import type { Job } from '../queue.ts'
import { createdAt, durationOf, messageOf, stateOf, timesOf, workflowIdOf, type EndState, type HistoryEntry } from '../history.ts'

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
    // A parameter without a value is as if it were not there.
    const given = Object.entries(request.query).filter(([, value]) => value !== '')
    const asked = query.safeParse(Object.fromEntries(given))
    if (!asked.success) return void refuse(response, asked.error)
    const { status: states, workflow_id, sort_by, sort_order, limit, offset } = asked.data
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
    // Of two that came in the same millisecond, the one that still waits is the newer.
    const wanted = ascending ? [...found.entries.map(ended), ...waiting] : [...waiting.reverse(), ...found.entries.map(ended)]
    const key = (listed: Listed) => (by === 'duration' ? durationOf(listed.entry) : createdAt(listed.job))
    wanted.sort((a, b) => (ascending ? 1 : -1) * (key(a) - key(b)))
    const jobs = wanted.slice(offset - skipped, offset - skipped + limit).map(summary)
    const total = found.total + waiting.length
    response.json({ jobs, pagination: { offset, limit, total, has_more: offset + jobs.length < total } })
  })
  router.post('/jobs/cancel', readRaw, async (request, response) => {
    const asked = z.object({ job_ids: z.array(z.unknown()).min(1).max(1000) }).safeParse(jsonOf(request) ?? {})
    if (!asked.success) return void refuse(response, asked.error)
    const invalid_ids = asked.data.job_ids.filter(id => !isUuid(id))
    if (invalid_ids.length > 0) return void response.status(400).json({ error: 'job_ids must be UUIDs', invalid_ids })
    response.json({ cancelled: await cancel(asked.data.job_ids.filter(isUuid)) })
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

const statuses = ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const satisfies Status[]

const query = z.object({
  status: z
    .string()
    .transform(text => text.split(',').map(word => word.trim()))
    .pipe(z.array(z.enum(statuses)))
    .optional(),
  workflow_id: z.string().optional(),
  sort_by: z.enum(['created_at', 'execution_duration']).optional(),
  sort_order: z.enum(['asc', 'desc']).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(200),
  offset: z.coerce.number().int().min(0).default(0),
})

/** These routes say what is wrong in a plain text, not in the shape of a refused prompt. */
const refuse = (response: Response, { issues }: z.ZodError) =>
  response
    .status(400)
    .json({ error: issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; ') })

const isUuid = (id: unknown): id is string => typeof id === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)

/** What ComfyUI's page shows of a failure; it refuses the whole list when one of these is missing. */
const failure = z.object({
  node_id: z.string(),
  node_type: z.string(),
  exception_message: z.string(),
  exception_type: z.string(),
  traceback: z.array(z.string()),
})
const picture = z.object({ filename: z.string(), subfolder: z.string(), type: z.enum(['output', 'temp', 'input']) })

/**
 * A job as the page lists it. The page reads all jobs or none, so whatever a job from the store lacks is left out of it
 * here; keys without a value are left out by JSON, for nulls are refused, too.
 */
function summary(listed: Listed) {
  const { job, status, entry } = listed
  const { begin, end } = timesOf(entry)
  const images = picturesOf(entry)
  return {
    id: job.promptId,
    status,
    priority: Number.isFinite(job.number) ? job.number : 0,
    create_time: createdAt(job),
    execution_start_time: begin,
    execution_end_time: end,
    execution_error: entry && failure.loose().safeParse(messageOf(entry, 'execution_error')).data,
    outputs_count: images.length,
    previewable_outputs_count: images.length,
    preview_output: images.find(image => image.type === 'output') ?? images[0],
    workflow_id: workflowIdOf(job),
  }
}

const picturesOf = (entry: HistoryEntry | undefined) =>
  Object.entries(entry?.outputs ?? {}).flatMap(([nodeId, ui]) =>
    (ui?.images ?? []).flatMap(image => {
      const { data } = picture.safeParse(image)
      return data ? [{ ...data, nodeId, mediaType: 'images' }] : []
    }),
  )
