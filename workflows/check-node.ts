/** The inputs of one node against what its class declares (spec/comfyui.md 3.2, points 4 to 7). */
import { coerce, floatText, python } from './coerce.ts'
import { isRecord } from './json.ts'
import type { InputInfo, NodeId, ObjectInfo, Problem, Prompt, PromptNode } from './types.ts'
import { asLink } from './types.ts'

export type FileCheck = (name: string) => boolean
export type CheckedNode = { readonly errors: Problem[]; readonly inputs: Record<string, unknown> }

type Options = {
  /** Only decides how ComfyUI names a broken link. */
  readonly isRoot: boolean
  readonly isFile?: FileCheck
  /** Inputs whose range and choices the node checks itself. */
  readonly own?: readonly string[]
}

/** All faults of node `id`, and its inputs as they will be run. */
export function checkNode(id: NodeId, prompt: Prompt, info: ObjectInfo, { isRoot, isFile, own = [] }: Options): CheckedNode {
  const { inputs: given } = prompt[id]
  const { required, optional, undeclared } = inputsOf(prompt[id], info)
  const errors: Problem[] = []
  const inputs: Record<string, unknown> = {}
  const check = (name: string, config: InputInfo, isRequired: boolean) => {
    if (!Object.hasOwn(given, name)) {
      if (isRequired) errors.push(problem('required_input_missing', 'Required input is missing', name, { input_name: name }))
      else if (config[1]?.default !== undefined) inputs[name] = config[1].default
      return
    }
    const value = given[name]
    const about = { input_name: name, input_config: config }
    if (Array.isArray(value)) {
      inputs[name] = value
      const fault = linkFault(name, value, config, about, prompt, info, isRoot)
      if (fault) errors.push(fault)
      return
    }
    const result = literal(name, isRecord(value) && Object.hasOwn(value, '__value__') ? value.__value__ : value, config, about, {
      isFile,
      isOwn: own.includes(name),
    })
    if ('fault' in result) errors.push(result.fault)
    else inputs[name] = result.value
  }
  for (const [name, config] of Object.entries(required)) check(name, config, true)
  for (const [name, config] of Object.entries(optional)) check(name, config, false)
  for (const name of undeclared) check(name, ['*'], false)
  return { errors, inputs }
}

/** What a node declares, and the names of the links it takes besides. */
export function inputsOf({ class_type, inputs }: PromptNode, info: ObjectInfo) {
  const { input, takes_undeclared } = info[class_type]
  const { required = {}, optional = {} } = input
  const isDeclared = (name: string) => Object.hasOwn(required, name) || Object.hasOwn(optional, name)
  const undeclared = takes_undeclared ? Object.keys(inputs).filter(name => !isDeclared(name) && Array.isArray(inputs[name])) : []
  return { required, optional, undeclared, isDeclared }
}

type About = { readonly input_name: string; readonly input_config: InputInfo }

export const problem = (type: string, message: string, details: string, extra_info: Problem['extra_info']): Problem => ({
  type,
  message,
  details,
  extra_info,
})

function linkFault(
  name: string,
  value: readonly unknown[],
  config: InputInfo,
  about: About,
  prompt: Prompt,
  info: ObjectInfo,
  isRoot: boolean,
): Problem | undefined {
  if (value.length !== 2)
    return problem('bad_linked_input', 'Bad linked input, must be a length-2 list of [node_id, slot_index]', name, {
      ...about,
      received_value: value,
    })
  const from = value[0]
  const source = typeof from === 'string' && Object.hasOwn(prompt, from) ? prompt[from] : undefined
  const received = source && asLink(value) ? info[source.class_type].output[value[1] as number] : undefined
  if (received === undefined) {
    const details = source ? 'tuple index out of range' : python(from)
    const explanation = source
      ? `input "${name}" is linked to output ${python(value[1])} of node ${python(from)} (${source.class_type}), which has ${info[source.class_type].output.length}`
      : `input "${name}" is linked to node ${python(from)}, which is not in the graph; link it to a node that is`
    return isRoot
      ? problem('exception_during_validation', 'Exception when validating node', details, {
          ...{ input_name: name, linked_node: value, explanation },
          ...{ exception_type: source ? 'IndexError' : 'KeyError', traceback: [] },
        })
      : problem('exception_during_inner_validation', 'Exception when validating inner node', details, {
          ...{ ...about, linked_node: value, explanation, exception_message: details },
          ...{ exception_type: source ? 'IndexError' : 'KeyError', traceback: [] },
        })
  }
  if (isLinkable(received, config[0])) return undefined
  const details = `${name}, received_type(${typeText(received)}) mismatch input_type(${typeText(config[0])})`
  return problem('return_type_mismatch', 'Return type mismatch between linked nodes', details, {
    ...about,
    received_type: received,
    linked_node: value,
  })
}

const typeText = (type: string | readonly unknown[]): string => (typeof type === 'string' ? type : python(type))

/** Equal types, overlapping comma-separated sets, or the wildcard; combos need the equal list. Also tells an editor which slots fit. */
export function isLinkable(from: string | readonly unknown[], to: string | readonly unknown[]): boolean {
  if (from === '*' || to === '*') return true
  if (typeof from !== 'string' || typeof to !== 'string') return JSON.stringify(from) === JSON.stringify(to)
  const accepted = new Set(to.split(',').map(type => type.trim()))
  return from.split(',').some(type => accepted.has(type.trim()))
}

function literal(
  name: string,
  value: unknown,
  config: InputInfo,
  about: About,
  { isFile, isOwn }: { readonly isFile?: FileCheck; readonly isOwn: boolean },
): { readonly value: unknown } | { readonly fault: Problem } {
  const [type, options = {}] = config
  const choices: readonly unknown[] | undefined =
    typeof type !== 'string' ? type : type === 'COMBO' ? (options.options ?? []) : undefined
  if (choices) {
    const fault =
      (isOwn && !asLink(value)) || choices.includes(value) ? undefined : choiceFault(name, value, choices, config, isFile)
    return fault ? { fault } : { value }
  }
  // A list that looks like a link would be taken for one when the graph runs.
  const coerced = asLink(value) ? { fault: `${python(value)} stands for a link` } : coerce(type as string, value)
  if ('fault' in coerced) {
    const message = `Failed to convert an input value to a ${String(type)} value`
    const details = `${name}, ${typeof value === 'string' ? value : python(value)}, ${coerced.fault}`
    return {
      fault: problem('invalid_input_type', message, details, {
        ...about,
        received_value: value,
        exception_message: coerced.fault,
      }),
    }
  }
  if (isOwn) return { value: coerced.value }
  const range = { ...about, received_value: coerced.value }
  const number = coerced.value as number
  const text = type === 'FLOAT' ? floatText : String
  if (options.min !== undefined && number < options.min)
    return {
      fault: problem('value_smaller_than_min', `Value ${text(number)} smaller than min of ${text(options.min)}`, name, range),
    }
  if (options.max !== undefined && number > options.max)
    return {
      fault: problem('value_bigger_than_max', `Value ${text(number)} bigger than max of ${text(options.max)}`, name, range),
    }
  return { value: coerced.value }
}

/** A value outside a combo's list. Upload combos also take files the list does not show, with ComfyUI's " [input]" after the name. */
function choiceFault(
  name: string,
  value: unknown,
  choices: readonly unknown[],
  config: InputInfo,
  isFile?: FileCheck,
): Problem | undefined {
  if (config[1]?.image_upload) {
    const file = typeof value === 'string' ? value.replace(/ \[input\]$/, '') : undefined
    if (file !== undefined && (choices.includes(file) || isFile?.(file))) return undefined
    return problem(
      'custom_validation_failed',
      'Custom validation failed for node',
      `${name} - Invalid image file: ${String(value)}`,
      {
        input_name: name,
      },
    )
  }
  const isLong = choices.length > 20
  const shown = isLong ? `(list of length ${choices.length})` : python(choices)
  return problem(
    'value_not_in_list',
    'Value not in list',
    `${name}: ${typeof value === 'string' ? `'${value}'` : python(value)} not in ${shown}`,
    {
      input_name: name,
      input_config: isLong ? null : config,
      received_value: value,
    },
  )
}
