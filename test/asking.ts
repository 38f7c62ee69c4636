import { connect, getJson, submit, type TestServer } from './server-parts.ts'

type Entry = {
  prompt: [number, string, Record<string, { inputs: object }>, Record<string, unknown>, string[]]
  outputs: Record<string, object>
}

/** What the tests of ComfyUI's protocol say to their server, which is there only once they run. */
export function asking(server: () => TestServer) {
  const at = (url: string, init?: RequestInit) => fetch(server().origin + url, init)
  const post = (url: string, body?: unknown, headers?: Record<string, string>) => {
    const isReady = body === undefined || typeof body === 'string' || body instanceof FormData
    return at(url, { method: 'POST', body: isReady ? body : JSON.stringify(body), headers })
  }
  /** Runs a graph to its end. */
  const ended = async (prompt: object, more: object = {}): Promise<string> => {
    const client = await connect(server())
    const { body } = await submit(server(), prompt, { client_id: client.id, ...more })
    await client.done(body.prompt_id)
    await client.close()
    return body.prompt_id
  }
  const historyOf = async (id: string) => ((await getJson(server(), `/history/${id}`)) as Record<string, Entry>)[id]
  return { at, post, ended, historyOf }
}

export const show = (value: unknown = 1) => ({ class_type: 'Show', inputs: { value } })
