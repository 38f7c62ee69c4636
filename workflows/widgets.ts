/** Which inputs of a node are widgets, and how a saved file's `widgets_values` fall to them (spec/comfyui.md 4.3, 4.4). */
import type { InputInfo, NodeInfo } from './types.ts'

const widgetTypes = new Set(['INT', 'FLOAT', 'STRING', 'BOOLEAN', 'COMBO'])

export const isWidget = ([type, options]: InputInfo): boolean =>
  !options?.forceInput && (typeof type !== 'string' || widgetTypes.has(type))

/** Whether the page puts ComfyUI's "after generate" control behind this widget: one more entry in `widgets_values`. */
export const hasControl = (name: string, [type, options]: InputInfo): boolean =>
  !!options?.control_after_generate || (type === 'INT' && (name === 'seed' || name === 'noise_seed'))

/** All inputs of a node in the order they are declared, required ones first. */
export function declaredInputs({ input, input_order }: NodeInfo): (readonly [name: string, config: InputInfo])[] {
  return (['required', 'optional'] as const).flatMap(group => {
    const inputs = input[group] ?? {}
    const names = input_order?.[group] ?? Object.keys(inputs)
    return names.filter(name => Object.hasOwn(inputs, name)).map(name => [name, inputs[name]] as const)
  })
}

const controls = new Set<unknown>(['fixed', 'increment', 'decrement', 'randomize'])

/** Values by input name. What the file does not hold gets the input's default; values too many are left over unused. */
export function widgetValues(
  node: NodeInfo,
  saved: readonly unknown[] | Readonly<Record<string, unknown>> = [],
): Map<string, unknown> {
  const values = new Map<string, unknown>()
  let at = 0
  for (const [name, config] of declaredInputs(node)) {
    if (!isWidget(config)) continue
    const value = Array.isArray(saved) ? saved[at++] : (saved as Readonly<Record<string, unknown>>)[name]
    values.set(name, value ?? config[1]?.default ?? (typeof config[0] === 'string' ? undefined : config[0][0]))
    // Files written by a script may lack the control's entry, so look before stepping over it.
    if (Array.isArray(saved) && hasControl(name, config) && controls.has(saved[at])) at++
  }
  return values
}
