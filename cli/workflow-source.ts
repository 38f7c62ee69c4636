import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { DeletedFile, SavedFile } from '../server/saved-workflows.ts'
import type { Version } from '../server/workflow-versions.ts'
import { Failure } from './failure.ts'

export type VersionLine = Pick<Version, 'number' | 'saved' | 'size' | 'nodes'> & { readonly current: boolean }

/** Saved workflows where they are kept: in a data folder of this machine, or at a server. Paths lie below `workflows/`. */
export type WorkflowSource = {
  list(): Promise<{ readonly workflows: readonly SavedFile[]; readonly deleted: readonly DeletedFile[] }>
  read(path: string): Promise<Uint8Array>
  version(path: string, number: number): Promise<Uint8Array>
  versions(path: string): Promise<readonly VersionLine[]>
  save(path: string, bytes: Uint8Array): Promise<unknown>
  restore(path: string, number: number): Promise<unknown>
  forget(path: string): Promise<unknown>
  close(): void
}

export type SourceOptions = { readonly data: string; readonly server?: string; readonly token?: string }

/** `isNew`: a data folder may be made. */
export const openSource = async (options: SourceOptions, isNew = false): Promise<WorkflowSource> =>
  options.server === undefined ? inFolder(options.data, isNew) : atServer(options.server, options.token)

async function inFolder(data: string, isNew: boolean): Promise<WorkflowSource> {
  const folder = path.resolve(data)
  const [{ databaseFile }, { openWorkflows }, { workflowPath }] = await Promise.all([
    import('../server/database/open.ts'),
    import('../server/storage.ts'),
    import('../server/user-files.ts'),
  ])
  const isThere = existsSync(databaseFile(folder)) || existsSync(path.join(folder, 'user', 'data', 'workflows'))
  if (!isThere && !isNew)
    throw new Failure(`--data ${data}: no server has kept anything there; give its data folder, or --server with its address`)
  await mkdir(folder, { recursive: true })
  const { workflows, close } = openWorkflows(folder, problem => process.stderr.write(`${problem}\n`))
  const checked = (name: string) => workflowPath(`workflows/${name}`)!
  return {
    list: async () => ({ workflows: await workflows.list(), deleted: await workflows.deleted() }),
    read: async name => {
      const bytes = await workflows.read(checked(name))
      if (!bytes) throw new Failure(`There is no saved workflow "${name}"`)
      return bytes
    },
    version: async (name, number) => workflows.version(checked(name), number),
    versions: async name => workflows.versions(checked(name)),
    save: async (name, bytes) => workflows.save(checked(name), bytes),
    restore: async (name, number) => workflows.restore(checked(name), number),
    forget: async name => workflows.forget(checked(name)),
    close,
  }
}

async function atServer(address: string, token: string | undefined): Promise<WorkflowSource> {
  const { shapes } = await import('../server/openapi/shapes.ts')
  const ask = createAsk(address, token)
  const versions = (name: string) => `patronus/saved/${encodeURIComponent(name)}/versions`
  const file = (name: string) => `userdata/${encodeURIComponent(`workflows/${name}`)}`
  const bytes = async (route: string) => new Uint8Array(await (await ask('GET', route)).arrayBuffer())
  return {
    list: async () => shapes.SavedWorkflows.parse(await (await ask('GET', 'patronus/saved')).json()),
    read: name => bytes(file(name)),
    version: (name, number) => bytes(`${versions(name)}/${number}`),
    versions: async name => shapes.Versions.parse(await (await ask('GET', versions(name))).json()),
    save: (name, body) => ask('POST', file(name), body),
    restore: (name, number) => ask('POST', `${versions(name)}/${number}/restore`),
    forget: name => ask('DELETE', `patronus/saved/${encodeURIComponent(name)}`),
    close: () => {},
  }
}

function createAsk(address: string, token: string | undefined) {
  const base = URL.canParse(address) ? new URL(address) : undefined
  if (!base || !/^https?:$/.test(base.protocol))
    throw new Failure(`--server ${address}: wanted the address of a server, for example http://127.0.0.1:8188`)
  const root = new URL(base.pathname.endsWith('/') ? base : `${base.href}/`)
  const known = token ?? root.searchParams.get('token') ?? undefined
  root.search = ''
  return async (method: string, route: string, body?: Uint8Array): Promise<Response> => {
    const headers: Record<string, string> = known === undefined ? {} : { Authorization: `Bearer ${known}` }
    const response = await fetch(new URL(route, root), { method, headers, body: body && Buffer.from(body) }).catch((error: Error) => { throw new Failure(`--server ${address}: no answer (${messageOf(error)}); is it running?`) }) // prettier-ignore
    if (!response.ok) throw new Failure(`--server ${address}: ${await reasonOf(response)}`)
    return response
  }
}

const messageOf = ({ message, cause }: Error): string => (cause instanceof Error && cause.message) || message

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } }
    if (error?.message) return error.message
  } catch {
    // Plain text then, as the guard answers.
  }
  return text.split('\n')[0].slice(0, 300) || `it answered ${response.status}`
}
