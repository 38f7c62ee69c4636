/**
 * Everything wrong with a graph, at once and per node: ComfyUI's validation, error for error (spec/comfyui.md 1.2 and 3.2), so that
 * its clients mark the right input of the right node. Good outputs still run when others are bad.
 */
import { checkNode, inputsOf, problem, type CheckedNode, type FileCheck } from './check-node.ts'
import { cycleFrom, cyclePath, linksInto, walk } from './order.ts'
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
  return 'verdict' in found ? found.verdict : verdict(found)
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
  return verdict(found)
}

type Found = {
  readonly clean: Prompt
  readonly outputs: readonly NodeId[]
  /** What the outputs need, each node after all it reads from. */
  readonly order: readonly NodeId[]
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
  const { order, cycles } = walk(takenLinks(prompt, info), outputs)
  for (const id of order)
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
  addCycles(clean, cycles, errors)
  return { clean, outputs, order, errors }
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

/** The graph seen through the inputs that its nodes take; the others are never followed. */
const takenLinks = (prompt: Prompt, info: ObjectInfo): Prompt =>
  Object.fromEntries(
    Object.entries(prompt).map(([id, node]) => {
      const { undeclared, isDeclared } = inputsOf(node, info)
      const isTaken = (name: string) => isDeclared(name) || undeclared.includes(name)
      return [id, { ...node, inputs: Object.fromEntries(Object.entries(node.inputs).filter(([name]) => isTaken(name))) }]
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
function addCycles(prompt: Prompt, cycles: readonly NodeId[][], errors: ReadonlyMap<NodeId, Problem[]>): void {
  const told = new Set<NodeId>()
  for (const cycle of cycles)
    cycle.forEach((id, i) => {
      if (told.has(id)) return
      told.add(id)
      const extra_info = { node_id: id, cycle_nodes: cycleFrom(cycle, i) }
      const details = cyclePath(prompt, cycle, i)
      errors.get(id)?.push({ type: 'dependency_cycle', message: 'Dependency cycle', details, extra_info })
    })
}

/** Nodes that cannot run: those with errors, and all that read from them. */
function badNodes(
  prompt: Prompt,
  order: readonly NodeId[],
  errors: ReadonlyMap<NodeId, readonly Problem[]>,
): ReadonlySet<NodeId> {
  const bad = new Set<NodeId>()
  for (const id of order) if (errors.get(id)?.length || linksInto(prompt[id]).some(([, [from]]) => bad.has(from))) bad.add(id)
  return bad
}

/** Steps that the search for dependents may take: thousands of outputs of thousands of nodes are not all listed. */
const dependentsBudget = 100_000

/** For each node with errors, the outputs that cannot run because of it. */
function dependentsOf(prompt: Prompt, outputs: readonly NodeId[], errors: ReadonlyMap<NodeId, readonly Problem[]>) {
  const found = new Map<NodeId, NodeId[]>()
  let budget = dependentsBudget
  for (const output of outputs) {
    const reached = budget > 0 ? walk(prompt, [output]).order : [output]
    budget -= reached.length
    for (const id of reached) {
      if (!errors.get(id)?.length) continue
      const dependents = found.get(id) ?? []
      dependents.push(output)
      found.set(id, dependents)
    }
  }
  if (budget <= 0) for (const [id, { length }] of errors) if (length > 0 && !found.has(id)) found.set(id, [])
  return found
}

function verdict({ clean: prompt, outputs, order, errors }: Found): Checked {
  const isBad = badNodes(prompt, order, errors)
  const roots = outputs.filter(output => !isBad.has(output))
  const dependents = dependentsOf(
    prompt,
    outputs.filter(output => isBad.has(output)),
    errors,
  )
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
