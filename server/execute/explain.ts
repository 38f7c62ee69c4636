import { isBlocked } from '../../nodes/blocker.ts'
import type { ExecutionError } from '../protocol.ts'

/** Items of one input that are told, at most. */
const mostItems = 20

/** What failed and with what: enough to act on without a debugger. Anything may be thrown, even nothing. */
export function explain(
  cause: unknown,
  inputs: Readonly<Record<string, readonly unknown[]>>,
): Pick<ExecutionError, 'exception_message' | 'exception_type' | 'traceback' | 'current_inputs'> {
  const error =
    cause instanceof Error || (typeof cause === 'object' && cause !== null && 'message' in cause) ? (cause as Error) : undefined
  return {
    exception_message: error ? String(error.message) : `The node threw ${String(cause)}`,
    exception_type: error?.name ?? typeof cause,
    traceback: traceback(error),
    current_inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, items]) => [name, items.slice(0, mostItems).map(describeValue)]),
    ),
  }
}

/** Stack lines with each path cut down to its last folder: where the house stands on the disk is nobody's business. */
const traceback = (error: Error | undefined): string[] =>
  (error?.stack ?? '')
    .split('\n')
    .filter(line => /^\s+at /.test(line))
    .map(line => line.trim().replace(/(?:file:\/\/)?(?:[A-Z]:)?[\\/][^\s():]*[\\/](?=[^\\/]+[\\/][^\\/]+:\d)/i, ''))

/** A value in a few words: texts and numbers themselves, everything else by its shape. */
function describeValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return value.slice(0, 1000)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value !== 'object' || value === null) return null
  if (isBlocked(value)) return 'blocked'
  const { shape, x, info } = value as { shape?: readonly number[]; x?: { shape: readonly number[] }; info?: { name?: string } }
  if (Array.isArray(shape)) return `[${shape}]`
  if (x && Array.isArray(x.shape)) return `noise [${x.shape}]`
  return info?.name ? `checkpoint ${info.name}` : Object.keys(value).join(', ')
}
