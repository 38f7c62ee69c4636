/** The server, seen from a page of another origin. */
import type { ObjectInfo, Prompt, Workflow } from '../../workflows/graph.ts'
import type { SavedImage, Ui } from '../../nodes/node.ts'
import type { Picture } from '../state.ts'

export type Past = { readonly outputs: Readonly<Record<string, Ui>>; readonly status: { readonly completed: boolean } }

/** A graph that the server does not run; `nodes` says what is wrong with which. */
export class Refusal extends Error {
  readonly nodes: ReadonlyMap<string, string>
  constructor(message: string, nodes: ReadonlyMap<string, string>) {
    super(message)
    this.name = 'Refusal'
    this.nodes = nodes
  }
}

export type Server = ReturnType<typeof createServer>

export function createServer(base: string, token?: string) {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
    return fetch(new URL(path, base), { ...init, headers }).catch((cause: unknown) => {
      throw new Error(
        `No answer from ${base} (${cause instanceof Error ? cause.message : String(cause)}). Is it running, and was it started with --allow-origin ${location.origin}?`,
        { cause },
      )
    })
  }
  const json = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await ask(path, init)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).slice(0, 300)}`)
    return response.json()
  }
  const post = (path: string, body: unknown) =>
    ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

  return {
    objectInfo: () => json('object_info') as Promise<ObjectInfo>,
    /** Throws a Refusal when the graph cannot run. */
    submit: async (id: string, client: string, prompt: Prompt, workflow: Workflow): Promise<void> => {
      const extra_data = { extra_pnginfo: { workflow } }
      const response = await post('prompt', { prompt, prompt_id: id, client_id: client, extra_data })
      if (!response.ok) throw refusal(await response.json().catch(() => ({})), response.status, prompt)
    },
    interrupt: async (id: string): Promise<void> => {
      await post('interrupt', { prompt_id: id })
      await post('queue', { delete: [id] })
    },
    past: async (id: string): Promise<Past | undefined> =>
      ((await json(`history/${encodeURIComponent(id)}`)) as Record<string, Past | undefined>)[id],
    picture: async ({ filename, subfolder, type }: SavedImage): Promise<Picture> => {
      const response = await ask(`view?${new URLSearchParams({ filename, subfolder, type })}`)
      if (!response.ok) throw new Error(`${filename}: ${response.status}`)
      return createImageBitmap(await response.blob())
    },
    /** Gives the name that Load Image takes. */
    upload: async (file: File): Promise<string> => {
      const form = new FormData()
      form.append('image', file, file.name)
      const { name, subfolder } = (await json('upload/image', { method: 'POST', body: form })) as SavedImage & { name: string }
      return subfolder ? `${subfolder}/${name}` : name
    },
  }
}

type Fault = { readonly message: string; readonly details?: string }
type Refused = { readonly error?: Fault; readonly node_errors?: Readonly<Record<string, { readonly errors: readonly Fault[] }>> }

function refusal({ error, node_errors = {} }: Refused, status: number, prompt: Prompt): Refusal {
  const say = ({ message, details }: Fault) => (details ? `${message}: ${details}` : message)
  const nodes = new Map(Object.entries(node_errors).map(([id, { errors }]) => [id, errors.map(say).join('\n')]))
  const lines = [...nodes].map(([id, message]) => `${prompt[id]?._meta?.title ?? 'node'} (${id}): ${message}`)
  return new Refusal(lines.join('\n') || (error ? say(error) : `The server refused the graph (${status})`), nodes)
}
