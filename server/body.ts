import express, { type Request, type RequestHandler } from 'express'
import { withoutNaN } from '../workflows/json.ts'
import { BadRequest } from './problem.ts'

/** Bounds on what a request may bring (spec/reliability.md 1.3). */
export const limits = { json: 8 << 20, upload: 100 << 20, depth: 64 } as const

/**
 * Reads a JSON body whatever its Content-Type says: ComfyUI's scripts send forms and text/plain (spec/comfyui.md 0.1).
 * What a hostile page could do with that is stopped by the guard. An empty body is `undefined`.
 */
export const readRaw: RequestHandler = express.raw({ type: () => true, limit: limits.json, inflate: false })

export function jsonOf(request: Request): unknown {
  const bytes = bytesOf(request)
  if (bytes.length === 0) return undefined
  return parseJson(bytes)
}

/** The body as it came; express leaves `body` undefined when there was none. */
export const bytesOf = (request: Request): Buffer => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0))

/** JSON, or what Python takes for it, of bounded depth: a body of 20 kB can be deep enough to overflow the stack of whoever serialises it later. */
export function parseJson(bytes: Buffer): unknown {
  if (depthOf(bytes) > limits.depth)
    throw new BadRequest('json_too_deep', `The JSON is nested deeper than ${limits.depth} levels`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BadRequest('bad_json', 'The body is not UTF-8 text')
  }
  const reviver = /__proto__|\\u/.test(text) ? refuseProto : undefined
  try {
    return JSON.parse(text, reviver)
  } catch (error) {
    if (error instanceof BadRequest) throw error
    const loose = withoutNaN(text)
    if (loose !== text) return parseJson(Buffer.from(loose))
    throw new BadRequest('bad_json', `The body is not JSON: ${(error as Error).message}`)
  }
}

/** A key that could change the prototype of objects that are merged later. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new BadRequest('bad_json', 'The JSON holds the key "__proto__"')
  return value
}

/** The deepest nesting of brackets outside strings; one pass over the bytes. */
export function depthOf(bytes: Buffer): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return deepest
}
