export class ServerError extends Error {
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

export async function request(path: string, init?: RequestInit): Promise<Response> {
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
