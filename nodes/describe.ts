import type { AnyNode, Catalog, FileKind, InputPort, OutputPort } from './node.ts'
import type { InputInfo, InputOptions, NodeInfo, ObjectInfo } from './object-info.ts'

/** What lies in the folders that combos offer, newest or alphabetical as the server likes. */
export type Files = Readonly<Partial<Record<FileKind, readonly string[]>>>

/** The catalog as `GET /object_info` says it (spec/comfyui.md 1.7). Order of ports and nodes is kept. */
export const describe = (catalog: Catalog, files: Files = {}): ObjectInfo =>
  Object.fromEntries([...catalog].map(([type, node]) => [type, describeNode(node, files)]))

export function describeNode(node: AnyNode, files: Files = {}): NodeInfo {
  const ports = Object.entries(node.inputs as Readonly<Record<string, InputPort>>)
  const group = (optional: boolean) =>
    ports.filter(([, port]) => !!port.optional === optional).map(([name, port]) => [name, describeInput(port, files)] as const)
  const required = group(false)
  const optional = group(true)
  const outputs = Object.entries(node.outputs as Readonly<Record<string, OutputPort>>)
  return {
    input: { required: Object.fromEntries(required), optional: Object.fromEntries(optional) },
    input_order: { required: required.map(([name]) => name), optional: optional.map(([name]) => name) },
    output: outputs.map(([, port]) => port.type),
    output_is_list: outputs.map(([, port]) => !!port.list),
    ...(node.inputIsList && { is_input_list: true }),
    ...(node.takesUndeclared && { takes_undeclared: true }),
    output_name: outputs.map(([name, port]) => port.label ?? name),
    output_tooltips: outputs.map(([, port]) => port.help),
    name: node.type,
    display_name: node.title,
    description: node.help,
    python_module: `custom_nodes.${node.pack ?? 'patronus'}`,
    category: node.category,
    output_node: !!node.output,
    search_aliases: node.aliases ?? [],
  }
}

function describeInput(port: InputPort, files: Files): InputInfo {
  const common: InputOptions = {
    tooltip: port.help,
    ...(port.label && { display_name: port.label }),
    ...(port.advanced && { advanced: true }),
    ...(port.lazy && { lazy: true }),
  }
  switch (port.type) {
    case 'COMBO': {
      const options = port.files ? [...port.options, ...(files[port.files] ?? [])] : port.options
      const first = port.default !== undefined && options.includes(port.default) ? port.default : options[0]
      return [options, { ...common, ...(first !== undefined && { default: first }), ...(port.upload && { image_upload: true }) }]
    }
    case 'INT':
    case 'FLOAT':
      return [port.type, { ...common, ...describeNumber(port) }]
    case 'STRING':
      return [
        'STRING',
        {
          ...common,
          default: port.default,
          multiline: !!port.multiline,
          ...(port.placeholder && { placeholder: port.placeholder }),
        },
      ]
    case 'BOOLEAN':
      return ['BOOLEAN', { ...common, default: port.default }]
    default:
      return [port.type, common]
  }
}

/** min, max, step and display are always sent: a page that misses them falls back to 0 … 2048 in steps of ½. */
function describeNumber(port: InputPort & { type: 'INT' | 'FLOAT' }): InputOptions {
  const { default: value, min, max, display = 'number' } = port
  if (port.type === 'INT')
    return { default: value, min, max, step: port.step ?? 1, display, ...(port.seed && { control_after_generate: true }) }
  const step = port.step ?? 0.01
  return { default: value, min, max, step, round: port.round ?? step, display }
}
