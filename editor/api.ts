/** The server, as functions. Every answer is checked here; nothing past this file meets an unknown shape. */
import * as v from 'valibot'
import type { SavedImage, Ui } from '../nodes/node.ts'
import { json, request, ServerError } from './api/request.ts'
import { parseDefinitions } from './ports.ts'
import type { Listed } from './shell.ts'
import type { Problem } from './state.ts'

export * from './api/checkpoints.ts'
export { json, ServerError }

export const getDefinitions = async () => {
  const body = await json('./api/object_info')
  return { ...parseDefinitions(body), objectInfo: body }
}

const NodeErrors = v.record(
  v.string(),
  v.object({
    class_type: v.optional(v.string()),
    errors: v.array(v.object({ message: v.string(), details: v.optional(v.string(), '') })),
  }),
)
const Refusal = v.object({
  error: v.optional(v.object({ message: v.string(), details: v.optional(v.string(), '') })),
  node_errors: v.optional(v.union([NodeErrors, v.array(v.unknown())])),
})
const Accepted = v.object({ prompt_id: v.string(), node_errors: v.optional(v.union([NodeErrors, v.array(v.unknown())])) })

export type Submission = { readonly id?: string; readonly problems: readonly Problem[] }

/** POST /prompt: queues the graph, or says what is wrong with it, node by node. */
export async function submit(prompt: unknown, workflow: unknown, clientId: string | undefined, id: string): Promise<Submission> {
  const response = await fetch('./api/prompt', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt, prompt_id: id, client_id: clientId, extra_data: { extra_pnginfo: { workflow } } }),
  }).catch(() => {
    throw new ServerError('No answer from the server. Is it running?', 0)
  })
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok) {
    const accepted = v.parse(Accepted, body)
    return { id: accepted.prompt_id, problems: nodeProblems(accepted.node_errors) }
  }
  const refusal = v.safeParse(Refusal, body)
  if (!refusal.success) throw new ServerError(`The server refused the graph (${response.status}).`, response.status)
  const problems = nodeProblems(refusal.output.node_errors)
  const { error } = refusal.output
  if (problems.length || !error) return { problems }
  return {
    problems: [{ message: [error.message, error.details].filter(Boolean).join(': '), severity: 'error', from: 'refusal' }],
  }
}

const nodeProblems = (errors: v.InferOutput<typeof NodeErrors> | unknown[] | undefined): Problem[] =>
  !errors || Array.isArray(errors)
    ? []
    : Object.entries(errors).flatMap(([node, { class_type, errors }]) =>
        errors.map(({ message, details }) => ({
          node,
          nodeType: class_type,
          message: details ? `${message}: ${details}` : message,
          severity: 'error' as const,
          from: 'refusal' as const,
        })),
      )

export const interrupt = (run?: string) =>
  request('./api/interrupt', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(run ? { prompt_id: run } : {}),
  })

export const clearQueue = () =>
  request('./api/queue', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clear: true }),
  })

const Uploaded = v.object({ name: v.string(), subfolder: v.optional(v.string(), ''), type: v.optional(v.string(), 'input') })

/** Puts a picture into the input folder; gives the name that a Load Image node takes. */
export async function upload(file: File): Promise<string> {
  const form = new FormData()
  form.append('image', file, file.name)
  form.append('type', 'input')
  const { name, subfolder } = v.parse(
    Uploaded,
    await (await request('./api/upload/image', { method: 'POST', body: form })).json(),
  )
  return subfolder ? `${subfolder}/${name}` : name
}

export const viewUrl = ({ filename, subfolder, type }: SavedImage): string =>
  `./api/view?${new URLSearchParams({ filename, subfolder, type })}`

const Shipped = v.array(v.object({ name: v.string(), title: v.string(), description: v.optional(v.string(), '') }))

export async function listWorkflows(): Promise<Listed[]> {
  const shipped = v.parse(Shipped, await json('./patronus/workflows')).map(item => ({ ...item, from: 'shipped' as const }))
  const own = await json('./api/userdata?dir=workflows&recurse=true').catch(() => [])
  const names = v.safeParse(v.array(v.string()), own)
  const user = (names.success ? names.output : []).filter(name => name.endsWith('.json'))
  return [
    ...shipped,
    ...user.map(path => ({ name: path.slice(0, -5), title: path.slice(0, -5), description: '', from: 'user' as const })),
  ]
}

export const getWorkflow = ({ name, from }: Pick<Listed, 'name' | 'from'>): Promise<unknown> =>
  json(
    from === 'shipped'
      ? `./patronus/workflows/${encodeURIComponent(name)}`
      : `./api/userdata/${encodeURIComponent(`workflows/${name}.json`)}`,
  )

export const saveWorkflow = (name: string, workflow: unknown) =>
  request(`./api/userdata/${encodeURIComponent(`workflows/${name}.json`)}?overwrite=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(workflow, null, 2),
  })

const Image = v.object({ filename: v.string(), subfolder: v.string(), type: v.picklist(['output', 'temp', 'input']) })
const Output = v.looseObject({ images: v.optional(v.array(Image)), text: v.optional(v.array(v.string())) })
const Past = v.object({
  prompt: v.looseTuple([
    v.number(),
    v.string(),
    v.unknown(),
    v.looseObject({ extra_pnginfo: v.optional(v.looseObject({ workflow: v.optional(v.unknown()) })) }),
  ]),
  outputs: v.record(v.string(), Output),
  status: v.looseObject({ messages: v.array(v.looseTuple([v.string(), v.looseObject({ timestamp: v.optional(v.number()) })])) }),
})

/** A finished run as the server remembers it: what its nodes showed (those that were taken from the cache, too), and its graph. */
export type PastRun = {
  readonly run: string
  readonly at: number
  readonly outputs: Readonly<Record<string, Ui>>
  readonly workflow?: string
}

/** Finished runs, oldest first: one, or the last `count`. */
export async function getHistory(which: string | { readonly count: number }): Promise<PastRun[]> {
  const body = await json(
    typeof which === 'string' ? `./api/history/${encodeURIComponent(which)}` : `./api/history?max_items=${which.count}`,
  )
  return Object.entries(v.parse(v.record(v.string(), v.unknown()), body)).flatMap(([run, raw]) => {
    const past = v.safeParse(Past, raw)
    if (!past.success) return []
    const { prompt, outputs, status } = past.output
    const { workflow } = prompt[3].extra_pnginfo ?? {}
    const at = status.messages.at(-1)?.[1].timestamp ?? 0
    return [
      {
        run,
        at,
        outputs: outputs as Readonly<Record<string, Ui>>,
        workflow: workflow === undefined ? undefined : JSON.stringify(workflow),
      },
    ]
  })
}
