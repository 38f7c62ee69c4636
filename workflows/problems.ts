/**
 * Everything wrong with a graph, at once and per node: ComfyUI's validation, error for error (spec/comfyui.md 1.2 and 3.2), so that
 * its clients mark the right input of the right node. Good outputs still run when others are bad.
 */
import { checkNode, problem, type CheckedNode, type FileCheck } from './check-node.ts'
import { cyclePath, walk } from './order.ts'
import { asLink, type NodeId, type NodeProblems, type ObjectInfo, type Problem, type Prompt, type PromptNode } from './types.ts'

/** What a node class says of its own values: `Validate` of nodes/node.ts. */
export type Validator = {
  readonly inputs: readonly string[]
  check(literals: Readonly<Record<string, unknown>>): boolean | string | Promise<boolean | string>
}

export type Checked = {
  /** The graph to run: literals converted, undeclared inputs left out, optional widgets at their defaults. Never the one that came in. */
  readonly prompt: Prompt
  /** Output nodes that can run; none when `error` is there. */
  readonly roots: readonly NodeId[]
  /** Why nothing can run. */
  readonly error?: Problem
  readonly nodeErrors: Readonly<Record<NodeId, NodeProblems>>
}

export type CheckOptions = {
  /** ComfyUI's `partial_execution_targets`: only these outputs are roots. */
  readonly targets?: readonly NodeId[]
  /** Whether a file outside an upload combo's list exists (in a subfolder of the input folder). */
  readonly isFile?: FileCheck
}

export function problems(prompt: Prompt, info: ObjectInfo, options: CheckOptions = {}): Checked {
  const found = examine(prompt, info, options)
  return 'verdict' in found ? found.verdict : verdict(found.clean, found.outputs, found.errors)
}

/** The same, and what nodes say of their own values: `validators` gives the check of a class that has one (nodes/node.ts). */
export async function problemsWith(
  validators: (type: string) => Validator | undefined,
  prompt: Prompt,
  info: ObjectInfo,
  options: CheckOptions = {},
): Promise<Checked> {
  const found = examine(prompt, info, options, type => validators(type)?.inputs)
  if ('verdict' in found) return found.verdict
  for (const [id, errors] of found.errors) {
    const { class_type, inputs } = found.clean[id]
    const validator = validators(class_type)
    // What could not be read cannot be judged.
    if (validator && errors.length === 0) errors.push(...(await customFaults(validator, inputs)))
  }
  return verdict(found.clean, found.outputs, found.errors)
}

type Found = {
  readonly clean: Prompt
  readonly outputs: readonly NodeId[]
  /** Of every node that an output needs. */
  readonly errors: ReadonlyMap<NodeId, Problem[]>
}

function examine(
  prompt: Prompt,
  info: ObjectInfo,
  options: CheckOptions,
  ownOf: (type: string) => readonly string[] | undefined = () => undefined,
): Found | { readonly verdict: Checked } {
  const ids = Object.keys(prompt)
  const unknown = ids.filter(id => !Object.hasOwn(info, prompt[id].class_type))
  if (unknown.length > 0) return { verdict: unknownNodes(prompt, unknown) }
  const { targets } = options
  const outputs = ids.filter(id => info[prompt[id].class_type].output_node && (!targets || targets.includes(id)))
  if (outputs.length === 0)
    return {
      verdict: { prompt, roots: [], nodeErrors: {}, error: problem('prompt_no_outputs', 'Prompt has no outputs', '', {}) },
    }

  const checked = new Map<NodeId, CheckedNode>()
  const roots = new Set(outputs)
  for (const id of walk(declaredLinks(prompt, info), outputs).order)
    checked.set(
      id,
      checkNode(id, prompt, info, {
        isRoot: roots.has(id),
        isFile: options.isFile,
        own: ownOf(prompt[id].class_type),
      }),
    )
  const clean: Prompt = Object.fromEntries(
    ids.map(id => [id, { ...prompt[id], inputs: checked.get(id)?.inputs ?? prompt[id].inputs }]),
  )
  const errors = new Map([...checked].map(([id, { errors }]) => [id, [...errors]]))
  addCycles(clean, outputs, errors)
  return { clean, outputs, errors }
}

/** ComfyUI's VALIDATE_INPUTS: the finding is told once for each input it is about, a failing check like a failing node. */
async function customFaults({ inputs: names, check }: Validator, inputs: PromptNode['inputs']): Promise<Problem[]> {
  try {
    const literals = Object.fromEntries(Object.entries(inputs).filter(([, value]) => !asLink(value)))
    const found = await check(literals)
    if (found === true) return []
    const details = (name: string) => (typeof found === 'string' ? `${name} - ${found}` : name)
    return names.map(name =>
      problem('custom_validation_failed', 'Custom validation failed for node', details(name), { input_name: name }),
    )
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    const about = { exception_type: name, traceback: [] }
    return [problem('exception_during_validation', 'Exception when validating node', message, about)]
  }
}

/** The graph seen through declared inputs only; the others are never followed. */
const declaredLinks = (prompt: Prompt, info: ObjectInfo): Prompt =>
  Object.fromEntries(
    Object.entries(prompt).map(([id, node]) => {
      const { required = {}, optional = {} } = info[node.class_type].input
      return [
        id,
        {
          ...node,
          inputs: Object.fromEntries(
            Object.entries(node.inputs).filter(([name]) => Object.hasOwn(required, name) || Object.hasOwn(optional, name)),
          ),
        },
      ]
    }),
  )

function unknownNodes(prompt: Prompt, unknown: readonly NodeId[]): Checked {
  const problem = (id: NodeId): Problem => {
    const { class_type, _meta } = prompt[id]
    return {
      type: 'missing_node_type',
      message: `Cannot execute because node ${class_type} does not exist.`,
      details: `Node ID '#${id}'`,
      extra_info: { node_id: id, class_type, node_title: _meta?.title ?? class_type },
    }
  }
  const nodeErrors = Object.fromEntries(
    unknown.map(id => [id, { errors: [problem(id)], dependent_outputs: [], class_type: prompt[id].class_type }]),
  )
  return { prompt, roots: [], error: problem(unknown[0]), nodeErrors }
}

/** Every node of a cycle gets the error, told from where it stands. */
function addCycles(prompt: Prompt, outputs: readonly NodeId[], errors: ReadonlyMap<NodeId, Problem[]>): void {
  const told = new Set<NodeId>()
  for (const cycle of walk(prompt, outputs).cycles)
    cycle.forEach((id, i) => {
      if (told.has(id)) return
      told.add(id)
      const nodes = [...cycle.slice(i), ...cycle.slice(0, i)]
      const extra_info = { node_id: id, cycle_nodes: nodes }
      errors
        .get(id)
        ?.push({ type: 'dependency_cycle', message: 'Dependency cycle', details: cyclePath(prompt, nodes), extra_info })
    })
}

function verdict(prompt: Prompt, outputs: readonly NodeId[], errors: ReadonlyMap<NodeId, readonly Problem[]>): Checked {
  const dependents = new Map<NodeId, NodeId[]>()
  const roots = outputs.filter(output => {
    const bad = walk(prompt, [output]).order.filter(id => errors.get(id)?.length)
    for (const id of bad) dependents.set(id, [...(dependents.get(id) ?? []), output])
    return bad.length === 0
  })
  const nodeErrors = Object.fromEntries(
    [...dependents].map(([id, dependent_outputs]) => [
      id,
      { errors: errors.get(id) ?? [], dependent_outputs, class_type: prompt[id].class_type },
    ]),
  )
  if (roots.length > 0) return { prompt, roots, nodeErrors }
  const own = outputs.flatMap(id => errors.get(id) ?? []).map(({ message, details }) => `${message}: ${details}`)
  const details = [...new Set(own)].join('\n')
  const error = { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation', details, extra_info: {} }
  return { prompt, roots, error, nodeErrors }
}
