/**
 * What the server says about its nodes (GET /object_info, spec comfyui.md 1.7), as the page wants it.
 * The page knows no node by name: widgets, palette and help come from here alone.
 */
import * as v from 'valibot'

export type Field =
  | {
      readonly kind: 'number'
      readonly integer: boolean
      readonly default: number
      readonly min: number
      readonly max: number
      readonly step: number
      readonly decimals: number
      readonly slider: boolean
      readonly seed: boolean
    }
  | { readonly kind: 'text'; readonly default: string; readonly multiline: boolean; readonly placeholder: string }
  | { readonly kind: 'boolean'; readonly default: boolean }
  | { readonly kind: 'choice'; readonly default: string; readonly options: readonly string[]; readonly upload: boolean }

/** An input of a node. Without `field` it can only be linked. */
export type Port = {
  readonly name: string
  readonly label: string
  readonly type: string
  readonly help: string
  readonly optional: boolean
  readonly advanced: boolean
  readonly field?: Field
}
export type Output = { readonly name: string; readonly type: string; readonly help: string }
export type Definition = {
  readonly type: string
  readonly title: string
  readonly category: string
  readonly help: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Output[]
  /** Runs even when nothing is linked to it. */
  readonly output: boolean
  readonly aliases: readonly string[]
}
export type Definitions = ReadonlyMap<string, Definition>

/** Name of the extra widget that ComfyUI gives a seed: what happens to it after each run. */
export const AFTER_RUN = 'control_after_generate'
export const AFTER_RUN_CHOICES = ['fixed', 'increment', 'decrement', 'randomize'] as const

const Type = v.union([v.string(), v.array(v.unknown())])
const Spec = v.union([v.strictTuple([Type]), v.tuple([Type, v.record(v.string(), v.unknown())])])
/** Not `v.record`: that one drops keys named `prototype`, and so are ports here. */
const Ports = v.optional(
  v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(value => typeof value === 'object' && value !== null && !Array.isArray(value)),
    v.transform(ports => Object.entries(ports)),
    v.array(v.tuple([v.string(), Spec])),
    v.transform(ports => new Map(ports)),
  ),
  {},
)
const Info = v.object({
  input: v.object({ required: Ports, optional: Ports }),
  input_order: v.optional(v.object({ required: v.optional(v.array(v.string())), optional: v.optional(v.array(v.string())) })),
  output: v.array(v.union([v.string(), v.array(v.unknown())])),
  output_name: v.optional(v.array(v.string())),
  output_tooltips: v.optional(v.array(v.nullable(v.string()))),
  display_name: v.string(),
  description: v.optional(v.string(), ''),
  category: v.optional(v.string(), ''),
  output_node: v.optional(v.boolean(), false),
  search_aliases: v.optional(v.array(v.string()), []),
})

/** A node the page cannot read is left out and named; it does not take the others with it. */
export function parseDefinitions(body: unknown): { definitions: Definitions; unread: readonly string[] } {
  const definitions = new Map<string, Definition>()
  const unread: string[] = []
  for (const [type, raw] of Object.entries(v.parse(v.record(v.string(), v.unknown()), body))) {
    const info = v.safeParse(Info, raw)
    if (info.success) definitions.set(type, definition(type, info.output))
    else unread.push(`${type}: ${info.issues[0].message}`)
  }
  return { definitions, unread }
}

function definition(type: string, info: v.InferOutput<typeof Info>): Definition {
  const ports = (kind: 'required' | 'optional') =>
    (info.input_order?.[kind] ?? [...info.input[kind].keys()]).flatMap(name => {
      const spec = info.input[kind].get(name)
      return spec ? [port(name, spec, kind === 'optional')] : []
    })
  return {
    type,
    title: info.display_name || type,
    category: info.category,
    help: info.description,
    inputs: [...ports('required'), ...ports('optional')],
    outputs: info.output.map((output, i) => ({
      name: info.output_name?.[i] ?? String(output),
      type: Array.isArray(output) ? 'COMBO' : output,
      help: info.output_tooltips?.[i] ?? '',
    })),
    output: info.output_node,
    aliases: info.search_aliases,
  }
}

function port(name: string, [type, options = {}]: v.InferOutput<typeof Spec>, optional: boolean): Port {
  return {
    name,
    label: text(options.display_name) ?? name.replaceAll('_', ' '),
    type: Array.isArray(type) ? 'COMBO' : type,
    help: text(options.tooltip) ?? '',
    optional,
    advanced: options.advanced === true,
    field: options.forceInput === true ? undefined : field(name, type, options),
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const number = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise

function field(name: string, type: string | readonly unknown[], options: Record<string, unknown>): Field | undefined {
  if (Array.isArray(type) || type === 'COMBO') {
    const choices = (Array.isArray(type) ? type : Array.isArray(options.options) ? options.options : []).map(String)
    return {
      kind: 'choice',
      options: choices,
      default: text(options.default) ?? choices[0] ?? '',
      upload: options.image_upload === true,
    }
  }
  if (type === 'INT' || type === 'FLOAT') return numberField(name, type === 'INT', options)
  if (type === 'BOOLEAN') return { kind: 'boolean', default: options.default === true }
  if (type === 'STRING')
    return {
      kind: 'text',
      default: typeof options.default === 'string' ? options.default : '',
      multiline: options.multiline === true,
      placeholder: text(options.placeholder) ?? '',
    }
  return undefined
}

function numberField(name: string, integer: boolean, options: Record<string, unknown>): Field {
  const step = number(options.step, integer ? 1 : 0.01)
  const round = number(options.round, step)
  return {
    kind: 'number',
    integer,
    default: number(options.default, 0),
    min: number(options.min, 0),
    max: number(options.max, integer ? 2 ** 31 - 1 : 2048),
    step,
    decimals: integer ? 0 : Math.max(0, Math.min(6, Math.ceil(-Math.log10(Math.min(step, round)) - 1e-9))),
    slider: options.display === 'slider',
    seed: options.control_after_generate !== undefined ? options.control_after_generate !== false : /^(noise_)?seed$/.test(name),
  }
}
