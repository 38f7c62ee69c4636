import { z } from 'zod'
import type { AnyNode } from '../nodes/node.ts'

/**
 * Whether what a plugin exports can be nodes. TypeScript checks our own; these come from anywhere, and a fault that is found
 * at the start names plugin, node and field, while the same fault in a running graph names nothing.
 */
export function checkNodes(plugin: string, exported: unknown): readonly AnyNode[] {
  const { default: main = exported } = exported as { default?: unknown }
  const nodes = Array.isArray(main) ? main : (main as { nodes?: unknown } | null)?.nodes
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new Error(
      `Plugin "${plugin}" exports no nodes: wanted a default export { nodes: [...] } or a list of nodes, got ${kindOf(nodes ?? main)}`,
    )
  const seen = new Set<string>()
  return nodes.map((node: unknown, i) => {
    const checked = checkNode(plugin, node, i)
    if (seen.has(checked.type)) throw new Error(`Plugin "${plugin}" has two nodes of the type ${checked.type}; rename one`)
    seen.add(checked.type)
    return checked
  })
}

function checkNode(plugin: string, node: unknown, index: number): AnyNode {
  const { error } = nodeSchema.safeParse(node)
  if (!error) return node as AnyNode
  const type = (node as { type?: unknown } | null)?.type
  const name = typeof type === 'string' && type ? type : `number ${index + 1}`
  const faults = error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
  throw new Error(`Plugin "${plugin}", node ${name}: ${faults.slice(0, 5).join('; ')}. docs/plugins.md says what a node is`)
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length ? 'a list' : 'an empty list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** What was wanted and what came, for each field. */
const wanted = (what: string) => ({
  error: ({ input }: { input?: unknown }) =>
    `wanted ${what}, got ${typeof input === 'string' ? JSON.stringify(input.slice(0, 80)) : typeof input === 'number' ? String(input) : kindOf(input)}`,
})

const text = (what: string) => z.string(wanted(what)).min(1, wanted(what))
const help = text('a sentence that says what it is')
const number = z.number(wanted('a number'))
const flag = z.boolean(wanted('true or false')).optional()
const common = { help, label: text('a text').optional(), optional: flag, advanced: flag }

/** Links of any type in capitals, or any of several with commas between; those of nodes/node.ts can be linked with our nodes. */
const linkType = /^(\*|[A-Z][A-Z0-9_]*(,[A-Z][A-Z0-9_]*)*)$/

const numberPort = (whole: boolean) => {
  const value = whole ? z.int(wanted('a whole number')) : number
  return z
    .object({
      ...common,
      default: value,
      min: value,
      max: value,
      step: number.positive(wanted('a number above 0')).optional(),
      display: z.enum(['slider', 'number'], wanted('"slider" or "number"')).optional(),
    })
    .check(({ value: { default: initial, min, max }, issues }) => {
      if (!(min <= initial && initial <= max))
        issues.push({ code: 'custom', path: ['default'], input: initial, message: `wanted ${min} … ${max}, got ${initial}` })
    })
}

const comboPort = z
  .object({
    ...common,
    options: z.array(z.string(wanted('a text')), wanted('a list of texts')),
    default: z.string(wanted('a text')).optional(),
    files: z
      .enum(['input', 'checkpoints', 'datasets', 'inception'], wanted('"input", "checkpoints", "datasets" or "inception"'))
      .optional(),
  })
  .check(({ value: { options, default: initial, files }, issues }) => {
    if (files !== undefined) return
    if (options.length === 0)
      issues.push({ code: 'custom', path: ['options'], input: options, message: 'wanted at least one option, got an empty list' })
    else if (initial !== undefined && !options.includes(initial))
      issues.push({ code: 'custom', path: ['default'], input: initial, message: `wanted one of the options, got "${initial}"` })
  })

const widgets: Readonly<Record<string, z.ZodType>> = {
  INT: numberPort(true),
  FLOAT: numberPort(false),
  STRING: z.object({ ...common, default: z.string(wanted('a text')) }),
  BOOLEAN: z.object({ ...common, default: z.boolean(wanted('true or false')) }),
  COMBO: comboPort,
}
const link = z.object(common)
const typed = z.object(
  { type: z.string(wanted('a type')).regex(linkType, wanted('a type in capitals, such as IMAGE')) },
  wanted('a port'),
)

/** Each type of input asks for other fields, so the type is looked at first and the message speaks of one kind of port only. */
const input = typed.loose().check(({ value, issues }) => {
  const { error } = (Object.hasOwn(widgets, value.type) ? widgets[value.type] : link).safeParse(value)
  for (const { path, message } of error?.issues ?? []) issues.push({ code: 'custom', path, input: value, message })
})
const output = z.object({ type: typed.shape.type, help, label: text('a text').optional() }, wanted('a port'))

/** Names are keys of objects and parts of messages. */
const ports = <T extends z.ZodType>(port: T, taken: readonly string[] = []) =>
  z.record(
    z
      .string()
      .regex(/^[A-Za-z]\w*$/, wanted('a name of letters, digits and _'))
      .refine(name => !taken.includes(name), { error: 'this name is taken; choose another' }),
    port,
    wanted('an object of ports'),
  )
const isFunction = (value: unknown) => typeof value === 'function'

const nodeSchema = z.object(
  {
    type: z
      .string(wanted('the class name in graphs'))
      .regex(/^[A-Za-z][\w.-]{0,99}$/, wanted('a name of at most 100 letters, digits, _, . and -')),
    title: text('the title that menus show'),
    category: text('a category, such as "patronus/prototypes"'),
    help,
    inputs: ports(input),
    // What a result may hold beside its outputs.
    outputs: ports(output, ['ui', 'expand']),
    output: flag,
    takesUndeclared: flag,
    aliases: z.array(z.string(wanted('a text')), wanted('a list of texts')).optional(),
    fingerprint: z.custom(isFunction, wanted('a function')).optional(),
    run: z.custom(isFunction, wanted('a function')),
  },
  wanted('a node'),
)
