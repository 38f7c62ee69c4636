import { randomUUID } from 'node:crypto'
import type { Router } from 'express'
import { z } from 'zod'
import { type Checked, type GraphError, identityOf, parsePrompt, problemsWith } from '../../workflows/graph.ts'
import { annotatedFiles } from '../annotated-files.ts'
import { jsonOf, readRaw } from '../body.ts'
import { BadRequest, problemBody } from '../problem.ts'
import { usedBefore, type Job } from '../queue.ts'
import { isSecret } from '../secrets.ts'
import type { HistoryEntry } from '../store.ts'
import type { Parts } from '../app.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Scripts that take it from a command line send a number as a text; ComfyUI converts it. */
const priority = z.union([z.number(), z.string().regex(/^\s*[-+]?\d+(\.\d*)?(e[-+]?\d{1,2})?\s*$/i, 'must be a number')])

/** What POST /prompt takes. */
export const submission = z.object({
  prompt: z.unknown().optional(),
  client_id: z.string().max(200).nullish(),
  prompt_id: z.string().regex(uuid, 'must be a lower-case UUID').nullish(),
  number: priority.nullish(),
  front: z.boolean().nullish(),
  extra_data: z.record(z.string(), z.unknown()).nullish(),
  partial_execution_targets: z.array(z.string()).nullish(),
})
export const ids = z.object({ clear: z.boolean().optional(), delete: z.array(z.string()).optional() })

/** Submitting graphs, and what becomes of them: /prompt, /queue, /interrupt, /history (spec/comfyui.md 1.1 to 1.5). */
export function promptRoutes(router: Router, { runs, queue, store, disk, files, objectInfo, validatorOf }: Parts): void {
  router.get('/prompt', async (_, response) => void response.json({ exec_info: { queue_remaining: await runs.remaining() } }))

  router.post('/prompt', readRaw, async (request, response) => {
    const body = parseSubmission(jsonOf(request) ?? {})
    if (body.prompt === undefined || body.prompt === null)
      return void response.status(400).json(problemBody('no_prompt', 'No prompt provided'))
    const targets = body.partial_execution_targets ?? undefined
    const prompt = parsePrompt(body.prompt)
    const info = await objectInfo(Object.values(prompt).map(({ class_type }) => class_type))
    const elsewhere = await annotatedFiles(prompt, info, files)
    const checked = await problemsWith(validatorOf, prompt, info, { targets, isFile: name => elsewhere.has(name) })
    if (checked.error) return void response.status(400).json({ error: checked.error, node_errors: checked.nodeErrors })
    await queue.checkRoom()
    const { promptId, number } = await accept(body, checked, request.get('comfy-usage-source'))
    response.json({ prompt_id: promptId, number, node_errors: checked.nodeErrors })
  })
  /** Puts a checked graph into the queue; what is said of it is only true once it is kept. */
  const accept = async (body: z.infer<typeof submission>, checked: Checked, source: string | undefined): Promise<Job> => {
    await disk.check()
    if (body.prompt_id && (await isKnown(body.prompt_id))) throw usedBefore(body.prompt_id)
    const promptId = body.prompt_id ?? randomUUID()
    const number = await numberFor(body)
    // Never kept: pages send the keys of paid services along.
    const extra = Object.entries(body.extra_data ?? {}).filter(([key]) => !isSecret(key))
    const clientId = body.client_id ?? clientWithin(body.extra_data)
    const job: Job = {
      number,
      promptId,
      prompt: checked.prompt,
      outputs: checked.roots,
      clientId,
      extraData: {
        ...Object.fromEntries(extra),
        ...(clientId !== undefined && { client_id: clientId }),
        create_time: Date.now(),
        ...(source !== undefined && { comfy_usage_source: source.slice(0, 200) }),
      },
    }
    await runs.submit(job)
    return job
  }
  /** The counter moves for those only that bring no number of their own. */
  const numberFor = async ({ number, front }: z.infer<typeof submission>): Promise<number> => {
    if (number !== undefined && number !== null) return Number(number)
    const counter = await queue.nextNumber()
    return front ? -counter : counter
  }

  router.get('/queue', async (_, response) => {
    response.json({ queue_running: (await queue.running()).map(itemOf), queue_pending: (await queue.pending()).map(itemOf) })
  })
  router.post('/queue', readRaw, async (request, response) => {
    const asked = parse(ids, jsonOf(request) ?? {})
    if (asked.clear) await runs.remove()
    if (asked.delete) await runs.remove(asked.delete)
    response.end()
  })
  router.post('/interrupt', readRaw, async (request, response) => {
    await runs.interrupt(wantedId(jsonOrNothing(() => jsonOf(request))))
    response.end()
  })

  router.get('/history', async (request, response) => {
    const entries = await store.page(numberOf(request.query.max_items), numberOf(request.query.offset))
    response.json(Object.fromEntries(entries.map(entry => [entry.job.promptId, historyOf(entry)])))
  })
  router.get('/history/:id', async (request, response) => {
    const entry = await store.get(request.params.id)
    response.json(entry ? { [entry.job.promptId]: historyOf(entry) } : {})
  })
  router.post('/history', readRaw, async (request, response) => {
    const asked = parse(ids, jsonOf(request) ?? {})
    if (asked.clear) await store.clear()
    if (asked.delete) await store.remove(asked.delete)
    response.end()
  })

  const isKnown = async (id: string) => (await queue.has(id)) || (await store.get(id)) !== undefined
}

/** The body of a request, or what is wrong with it. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map(issue => `${issue.path.join('.') || 'the body'}: ${issue.message}`).join('; ')
  throw new BadRequest('bad_request', `The request cannot be understood: ${wrong}`)
}

function parseSubmission(value: unknown): z.infer<typeof submission> {
  const parsed = submission.safeParse(value)
  if (parsed.error?.issues.some(issue => issue.path[0] === 'prompt_id'))
    throw new BadRequest('invalid_prompt_id', 'prompt_id must be a valid UUID')
  return parse(submission, value)
}

/** `/interrupt` is posted with JSON's Content-Type and no body by ComfyUI's own page, so nothing about it is an error. */
function jsonOrNothing(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return undefined
  }
}
/** Without an id whatever runs is meant; with one that no job can have, none: least of all somebody else's. */
function wantedId(body: unknown): string | undefined {
  const { prompt_id } = z.object({ prompt_id: z.unknown() }).safeParse(body).data ?? {}
  if (typeof prompt_id === 'string') return prompt_id || undefined
  return prompt_id ? JSON.stringify(prompt_id) : undefined
}

/** ComfyUI takes the client from here, too. */
const clientWithin = (extra: z.infer<typeof submission>['extra_data']): string | undefined =>
  typeof extra?.client_id === 'string' && extra.client_id.length <= 200 ? extra.client_id : undefined

const numberOf = (text: unknown): number | undefined =>
  typeof text === 'string' && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined

/** A job as ComfyUI's lists have it. */
export const itemOf = ({ number, promptId, prompt, extraData, outputs }: Job) => [number, promptId, prompt, extraData, outputs]

const historyOf = ({ job, outputs, status }: HistoryEntry) => ({
  prompt: itemOf(job),
  outputs,
  status,
  meta: Object.fromEntries(
    Object.keys(outputs).map(id => {
      const { display_node_id: display_node, parent_node_id: parent_node, real_node_id } = identityOf(id, job.prompt)
      return [id, { node_id: id, display_node, parent_node, real_node_id }]
    }),
  ),
})

/** A graph that cannot be read, in the shape of a refused prompt. */
export const graphAnswer = (error: GraphError) => ({ error: error.problem, node_errors: {} })
