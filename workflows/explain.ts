/** One sentence a person can act on, from a problem in ComfyUI's shape: what logs, the command line and the page show. */
import type { Problem } from './types.ts'

export function explain({ type, message, details, extra_info }: Problem): string {
  if (typeof extra_info.explanation === 'string') return extra_info.explanation
  const input = typeof extra_info.input_name === 'string' ? `input "${extra_info.input_name}"` : 'it'
  switch (type) {
    case 'required_input_missing':
      return `${input} is missing; link it or set it`
    case 'return_type_mismatch':
      return `${input} takes ${wanted(extra_info)}, but is linked to ${String(extra_info.received_type)}`
    case 'value_smaller_than_min':
    case 'value_bigger_than_max':
      return `${input}: ${message[0].toLowerCase()}${message.slice(1)}`
    case 'invalid_input_type':
      return `${input} wants a value of type ${wanted(extra_info)}: ${String(extra_info.exception_message)}`
    case 'dependency_cycle':
      return `it feeds itself: ${details}; remove one of these links`
    default:
      return details ? `${message}: ${details}` : message
  }
}

function wanted(extra: Problem['extra_info']): string {
  const config = extra.input_config
  return Array.isArray(config) && typeof config[0] === 'string' ? config[0] : 'one of a list'
}
