import { isBlocked } from '../../nodes/blocker.ts'
import type { ExecutionError } from '../protocol.ts'

/** Items of one input that are told, at most. */
const mostItems = 20

/** Characters of a message that are told. */
const longestMessage = 20_000

/** What failed and with what: enough to act on without a debugger. Anything may be thrown, even nothing. */
export function explain(
  cause: unknown,
  inputs: Readonly<Record<string, readonly unknown[]>>,
): Pick<ExecutionError, 'exception_message' | 'exception_type' | 'traceback' | 'current_inputs'> {
  const { message, name, stack } = wordsOf(cause)
  return {
    // A message may quote what it is about.
    exception_message: message.slice(0, longestMessage),
    exception_type: name,
    traceback: traceback(stack),
    current_inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, items]) => [name, items.slice(0, mostItems).map(describeValue)]),
    ),
  }
}

/** What was thrown, as text. It may throw in turn when it is looked at. */
function wordsOf(cause: unknown): { message: string; name: string; stack: string } {
  try {
    if (typeof cause !== 'object' || cause === null || !('message' in cause))
      return { message: `The node threw ${String(cause)}`, name: typeof cause, stack: '' }
    const { message, name, stack } = cause as Partial<Error>
    return { message: String(message), name: String(name ?? typeof cause), stack: String(stack ?? '') }
  } catch {
    return { message: 'The node threw something that cannot be put into words', name: typeof cause, stack: '' }
  }
}

/** Stack lines with each path cut down to its last folder: where the house stands on the disk is nobody's business. */
const traceback = (stack: string): string[] =>
  stack
    .split('\n')
    .filter(line => line.length < 1000 && /^\s+at /.test(line))
    .map(line => {
      const text = line.trim()
      const open = text.indexOf(' (')
      const from = open < 0 ? text.lastIndexOf(' ') + 1 : open + 2
      const place = text.slice(from)
      return /^(file:|[\\/]|[a-z]:[\\/])/i.test(place) ? text.slice(0, from) + place.split(/[\\/]/).slice(-2).join('/') : text
    })

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
