/**
 * Everything wrong with a graph, at once and per node: ComfyUI's validation, error for error (spec/comfyui.md 1.2 and 3.2), so that
 * its clients mark the right input of the right node. Good outputs still run when others are bad.
 */
import { checkNode, type FileCheck } from './check-node.ts'
import { cycleFrom, cyclePath, linksInto, walk } from './order.ts'
import type { NodeId, NodeProblems, ObjectInfo, Problem, Prompt } from './types.ts'

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
  const ids = Object.keys(prompt)
  const unknown = ids.filter(id => !Object.hasOwn(info, prompt[id].class_type))
  if (unknown.length > 0) return unknownNodes(prompt, unknown)
  const { targets } = options
  const outputs = ids.filter(id => info[prompt[id].class_type].output_node && (!targets || targets.includes(id)))
  if (outputs.length === 0)
    return {
      prompt,
      roots: [],
      nodeErrors: {},
      error: { type: 'prompt_no_outputs', message: 'Prompt has no outputs', details: '', extra_info: {} },
    }

  const checked = new Map<NodeId, ReturnType<typeof checkNode>>()
  const { order, cycles } = walk(declaredLinks(prompt, info), outputs)
  for (const id of order) checked.set(id, checkNode(id, prompt, info, outputs.includes(id), options.isFile))
  const clean: Prompt = Object.fromEntries(
    ids.map(id => [id, { ...prompt[id], inputs: checked.get(id)?.inputs ?? prompt[id].inputs }]),
  )
  const errors = new Map([...checked].map(([id, { errors }]) => [id, [...errors]]))
  addCycles(clean, cycles, errors)
  return verdict(clean, outputs, order, errors)
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

function verdict(
  prompt: Prompt,
  outputs: readonly NodeId[],
  order: readonly NodeId[],
  errors: ReadonlyMap<NodeId, readonly Problem[]>,
): Checked {
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
