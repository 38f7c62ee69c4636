/** What a client did wrong, in ComfyUI's shape: `{ error: { type, message, details, extra_info }, node_errors }`. */
export class BadRequest extends Error {
  readonly type: string
  readonly status: number
  constructor(type: string, message: string, status = 400) {
    super(message)
    this.name = 'BadRequest'
    this.type = type
    this.status = status
  }
}

export const problemBody = (type: string, message: string, details = message) => ({
  error: { type, message, details, extra_info: {} },
  node_errors: {},
})

/** The status and the body with which an error of any origin is answered. What is not the client's fault says nothing of our inside. */
export function answerFor(error: unknown): { status: number; body: ReturnType<typeof problemBody> } {
  if (error instanceof BadRequest) return { status: error.status, body: problemBody(error.type, error.message) }
  const { name, code, status, type, message } = error as {
    name?: string
    code?: string
    status?: number
    type?: string
    message?: string
  }
  if (name === 'MulterError')
    return code === 'LIMIT_FILE_SIZE'
      ? { status: 413, body: problemBody('upload_too_large', 'The file is larger than this server takes') }
      : { status: 400, body: problemBody('bad_upload', `The upload was refused: ${message}`) }
  if (code && /^(ENOSPC|EDQUOT|SQLITE_FULL)/.test(code))
    return { status: 507, body: problemBody('disk_full', 'The disk of the server is full; free some space and try again') }
  if (code && /^(EROFS|EIO|SQLITE_(IOERR|READONLY|CANTOPEN))/.test(code))
    return {
      status: 507,
      body: problemBody('disk_error', `The disk of the server cannot be written (${code}); mend that and try again`),
    }
  if (type === 'entity.too.large')
    return { status: 413, body: problemBody('body_too_large', 'The request body is larger than this server takes') }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return { status, body: problemBody(type ?? 'bad_request', message ?? 'Bad request') }
  return { status: 500, body: problemBody('server_error', 'Something went wrong in the server; its log says what') }
}
