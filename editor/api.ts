/** The server, as functions. Every answer is checked here; nothing past this file meets an unknown shape. */
import * as v from 'valibot'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { SavedImage, Ui } from '../nodes/node.ts'
import type { AtlasFile, NamesFile, NameSuggestions } from '../server/protocol.ts'
import { parseDefinitions } from './ports.ts'
import type { Listed } from './shell.ts'
import type { Problem } from './state.ts'

export class ServerError extends Error {
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, init).catch((cause: unknown) => {
    throw new ServerError(
      `No answer from the server (${cause instanceof Error ? cause.message : String(cause)}). Is it running?`,
      0,
    )
  })
  if (!response.ok) throw new ServerError(await reason(response, path), response.status)
  return response
}

/** What an error answer says about itself: our `{error: {message, details}}`, else its first line. */
async function reason(response: Response, path: string): Promise<string> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as { error?: string | { message?: string; details?: string } }
    if (typeof error === 'string') return error
    if (error?.message) return [...new Set([error.message, error.details])].filter(Boolean).join(': ')
  } catch {
    // not JSON: fall through to the text itself
  }
  return `${path}: ${response.status} ${text.split('\n')[0].slice(0, 200) || response.statusText}`
}

export const json = async (path: string): Promise<unknown> => (await request(path)).json()

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

const Numbers = v.object({
  min: v.number(),
  max: v.number(),
  mean: v.number(),
  std: v.number(),
  quantiles: v.record(v.string(), v.number()),
})
const Info = v.looseObject({
  name: v.string(),
  description: v.optional(v.string(), ''),
  config: v.looseObject({ prototypes: v.looseObject({ count: v.pipe(v.number(), v.integer(), v.maxValue(4096)) }) }),
  ranges: v.optional(v.array(Numbers)),
  names: v.optional(v.record(v.string(), v.string())),
})

const Details = v.object({ info: Info, hasAtlas: v.optional(v.boolean(), false) })

/** What a checkpoint says about itself. Only what the bank shows is checked. */
export async function getCheckpoint(name: string): Promise<{ info: CheckpointInfo; hasAtlas: boolean }> {
  const { info, hasAtlas } = v.parse(Details, await json(`./patronus/checkpoints/${encodeURIComponent(name)}`))
  return { info: info as unknown as CheckpointInfo, hasAtlas }
}

const Names = v.object({
  format: v.literal('patronus-names'),
  version: v.literal(1),
  checkpoint: v.string(),
  checkpointName: v.string(),
  names: v.record(v.string(), v.object({ name: v.string(), note: v.optional(v.string()), confidence: v.optional(v.number()) })),
})
const namesUrl = (checkpoint: string): string => `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/names`

/** What people call the prototypes of a checkpoint, with notes. */
export const getNames = async (checkpoint: string): Promise<NamesFile> => v.parse(Names, await json(namesUrl(checkpoint)))

const sendNames = async (method: 'PUT' | 'PATCH', checkpoint: string, body: unknown, force: boolean): Promise<NamesFile> => {
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return v.parse(Names, await (await request(`${namesUrl(checkpoint)}${force ? '?force=true' : ''}`, init)).json())
}

/** Changes the names that `body` (a names file, or `{ names }`) mentions; the server checks it. 409: it is another checkpoint's. */
export const changeNames = (checkpoint: string, body: unknown, { force = false } = {}): Promise<NamesFile> =>
  sendNames('PATCH', checkpoint, body, force)

/** Makes these all the names there are. */
export const replaceNames = (checkpoint: string, file: NamesFile): Promise<NamesFile> => sendNames('PUT', checkpoint, file, false)

const Suggestions = v.object({
  checkpoint: v.string(),
  dataSet: v.string(),
  pictures: v.number(),
  threshold: v.number(),
  suggestions: v.array(
    v.object({
      prototype: v.pipe(v.number(), v.integer(), v.minValue(0)),
      name: v.string(),
      attribute: v.string(),
      sign: v.picklist([1, -1]),
      auroc: v.number(),
      runnerUp: v.nullable(v.object({ name: v.string(), auroc: v.number() })),
      gap: v.nullable(v.number()),
      pictures: v.number(),
      positives: v.number(),
      control: v.nullable(v.number()),
      evidence: v.string(),
    }),
  ),
})

/** Names that the data set of a checkpoint suggests; takes a while the first time. 422: its pictures cannot be had. */
export const getSuggestions = async (checkpoint: string): Promise<NameSuggestions> =>
  v.parse(Suggestions, await json(`./patronus/checkpoints/${encodeURIComponent(checkpoint)}/suggestions`))

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

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const Atlas = v.object({
  format: v.literal('patronus-atlas'),
  version: v.literal(1),
  checkpoint: v.string(),
  faces: v.pipe(Whole, v.maxValue(64)),
  steps: Whole,
  picture: v.object({ width: Whole, height: Whole }),
  rows: Whole,
  shuffled: v.nullable(v.object({ mean: v.number(), high: v.number() })),
  entries: v.array(
    v.object({
      prototype: Whole,
      value: v.number(),
      before: v.array(v.number()),
      after: v.array(v.number()),
      cells: v.array(Whole),
      boxes: v.array(v.object({ x0: Whole, y0: Whole, x1: Whole, y1: Whole })),
      consistency: v.nullable(v.number()),
    }),
  ),
})

/** The prototypes of a checkpoint drawn. 404: there is none; 409: it was made from other weights. */
export const getAtlas = async (checkpoint: string): Promise<AtlasFile> =>
  v.parse(Atlas, await json(`./patronus/checkpoints/${encodeURIComponent(checkpoint)}/atlas`))

/** The pictures of one prototype, side by side. `version` keeps pictures of different atlases apart. */
export const atlasStripUrl = (checkpoint: string, prototype: number, version: number): string =>
  `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/atlas/${prototype}.png?v=${version}`

/** The patch that shows a prototype, where the server has one. */
export const tileUrl = (checkpoint: string, index: number): string =>
  `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/tiles/${index}.png`

/** Whether the server has tiles for this checkpoint: asked once, not a hundred times. */
export const hasTiles = (checkpoint: string): Promise<boolean> =>
  fetch(tileUrl(checkpoint, 0)).then(
    ({ ok }) => ok,
    () => false,
  )
