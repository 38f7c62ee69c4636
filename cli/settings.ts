import {
  declaredInputs,
  hasControl,
  isWidget,
  widgetValues,
  type InputInfo,
  type NodeId,
  type ObjectInfo,
  type Prompt,
  type Workflow,
  type WorkflowNode,
} from '../workflows/graph.ts'
import { Failure } from './failure.ts'

/** `--set <node>.<input>=<value>`: what was asked, found in a graph, checked, and put in. Pure functions. */

export type Setting = { readonly node: string; readonly input: string; readonly value: string; readonly text: string }
/** A setting whose node and input are known. */
export type Found = Setting & { readonly id: NodeId; readonly config: InputInfo }

export function parseSetting(text: string): Setting {
  const [, node, input, value] = /^([^=]*)\.([^=.]+)=(.*)$/s.exec(text) ?? []
  if (!node?.trim() || !input?.trim())
    throw new Failure(`--set ${text}: wanted <node>.<input>=<value>, for example --set "Sample DDIM.steps=20"`)
  return { node: node.trim(), input: input.trim(), value, text }
}

/** The words of a title or class name, whatever their case and what stands between them. */
const plain = (name: string): string => name.toLowerCase().replace(/[\s_.-]+/g, '')

const namesOf = (prompt: Prompt, info: ObjectInfo, id: NodeId): string[] => {
  const { class_type, _meta } = prompt[id]
  return [_meta?.title, info[class_type]?.display_name, class_type, class_type.replace(/^Patronus/, '')].filter(
    name => name !== undefined,
  )
}

export const titleOf = (prompt: Prompt, info: ObjectInfo, id: NodeId): string => namesOf(prompt, info, id)[0]

const nodeLine = (prompt: Prompt, info: ObjectInfo, id: NodeId): string => {
  const title = titleOf(prompt, info, id)
  const kind = info[prompt[id].class_type]?.display_name ?? prompt[id].class_type
  return `${id} ${title}${title === kind ? '' : ` (${kind})`}`
}

/** The node and the input a setting means: by id, else by title, kind or class name when only one node has it. */
export function findSetting(setting: Setting, prompt: Prompt, info: ObjectInfo): Found {
  const { node, input, text } = setting
  const all = Object.keys(prompt)
  const matches = Object.hasOwn(prompt, node)
    ? [node]
    : all.filter(id => namesOf(prompt, info, id).some(name => plain(name) === plain(node)))
  const list = (ids: readonly NodeId[]) => ids.map(id => nodeLine(prompt, info, id)).join(', ')
  if (matches.length === 0) throw new Failure(`--set ${text}: the graph has no node "${node}"; it has: ${list(all)}`)
  if (matches.length > 1)
    throw new Failure(`--set ${text}: "${node}" is ${matches.length} nodes; give the number of one: ${list(matches)}`)
  const [id] = matches
  const known = info[prompt[id].class_type]
  if (!known) throw new Failure(`--set ${text}: node ${nodeLine(prompt, info, id)} is of a class that is not known here`)
  const settable = declaredInputs(known).filter(([, config]) => isWidget(config))
  const config = new Map(declaredInputs(known)).get(input)
  const have = `what can be set there: ${settable.map(([name]) => name).join(', ') || 'nothing'}`
  if (!config) throw new Failure(`--set ${text}: node ${nodeLine(prompt, info, id)} has no input "${input}"; ${have}`)
  if (!isWidget(config))
    throw new Failure(`--set ${text}: input "${input}" takes ${String(config[0])} from a link and cannot be set; ${have}`)
  return { ...setting, id, config }
}

/** The settings that `*.<input>=<value>` stands for: one for every node that has such an input. */
export function spreadSetting(setting: Setting, prompt: Prompt, info: ObjectInfo): Setting[] {
  if (setting.node !== '*') return [setting]
  const has = (id: NodeId) =>
    knownInputs(info, prompt[id].class_type).some(([name, config]) => name === setting.input && isWidget(config))
  const ids = Object.keys(prompt).filter(has)
  if (ids.length === 0)
    throw new Failure(`--set ${setting.text}: no node of the graph has an input "${setting.input}" that can be set`)
  return ids.map(node => ({ ...setting, node }))
}

const knownInputs = (info: ObjectInfo, type: string) => (info[type] ? declaredInputs(info[type]) : [])

/** The text as a value of the input's type; throws with what would be right. `isFile`: any file on the disk would do, too. */
export function settingValue(
  { config: [type, options = {}], value, text, input }: Found,
  isFile = false,
): string | number | boolean {
  const wrong = (wanted: string) => new Failure(`--set ${text}: ${input} wants ${wanted}, got "${value}"`)
  const choices: readonly unknown[] | undefined =
    typeof type !== 'string' ? type : type === 'COMBO' ? (options.options ?? []) : undefined
  if (choices) {
    const found = choices.find(choice => String(choice) === value)
    if (found === undefined)
      throw wrong(
        [
          ...(choices.length ? [`one of: ${choices.map(String).join(', ')}`] : []),
          ...(isFile ? ['the path of a file'] : []),
        ].join('; or ') || 'one of an empty list',
      )
    return found as string
  }
  if (type === 'BOOLEAN') {
    const found = { true: true, on: true, yes: true, 1: true, false: false, off: false, no: false, 0: false }[
      value.trim().toLowerCase()
    ]
    if (found === undefined) throw wrong('true or false')
    return found
  }
  if (type !== 'INT' && type !== 'FLOAT') return value
  const number = value.trim() === '' ? NaN : Number(value)
  const { min = -Infinity, max = Infinity } = options
  if (!Number.isFinite(number) || number < min || number > max || (type === 'INT' && !Number.isInteger(number)))
    throw wrong(`a ${type === 'INT' ? 'whole ' : ''}number ${min} … ${max}`)
  return number
}

/** The graph with the value in it; a link that fed the input is gone. */
export function withValue(prompt: Prompt, { id, input }: Pick<Found, 'id' | 'input'>, value: unknown): Prompt {
  return { ...prompt, [id]: { ...prompt[id], inputs: { ...prompt[id].inputs, [input]: value } } }
}

/** The same in the editor's form, so that a saved picture carries the graph that made it. */
export function withWidget(
  workflow: Workflow,
  info: ObjectInfo,
  { id, input }: Pick<Found, 'id' | 'input'>,
  value: unknown,
): Workflow {
  const node = workflow.nodes.find(node => String(node.id) === id)
  if (!node) return workflow
  const cut = node.inputs.find(({ name }) => name === input)?.link ?? null
  const nodes = workflow.nodes.map(other =>
    other === node ? { ...unlinked(other, input), widgets_values: widgets(other, info, input, value) } : other,
  )
  return {
    ...workflow,
    nodes: nodes.map(other => withoutLink(other, cut)),
    links: workflow.links.filter(([link]) => link !== cut),
  }
}

const unlinked = (node: WorkflowNode, input: string): WorkflowNode => ({
  ...node,
  inputs: node.inputs.map(socket => (socket.name === input ? { ...socket, link: null } : socket)),
})

const withoutLink = (node: WorkflowNode, cut: number | null): WorkflowNode =>
  cut === null
    ? node
    : { ...node, outputs: node.outputs.map(out => ({ ...out, links: out.links?.filter(link => link !== cut) ?? null })) }

/** The saved values of a node with one replaced; a seed that is set by hand stays fixed. */
function widgets(node: WorkflowNode, info: ObjectInfo, input: string, value: unknown): unknown[] {
  const known = info[node.type]
  const values = widgetValues(known, node.widgets_values).set(input, value)
  const configs = new Map(declaredInputs(known))
  return [...values].flatMap(([name, value]) => (hasControl(name, configs.get(name)!) ? [value, 'fixed'] : [value]))
}
