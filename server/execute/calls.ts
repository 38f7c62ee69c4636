import { isBlocked, type Blocker } from '../../nodes/blocker.ts'
import type { AnyNode, Expansion, Ui } from '../../nodes/node.ts'
import type { Result } from '../cache.ts'

/** The inputs of a node as lists: a literal is a list of one. */
export type Lists = Readonly<Record<string, readonly unknown[]>>

/** What one call gave: outputs, the graph they will come from, or nothing because an input was blocked. */
export type Called =
  | { readonly outputs: Readonly<Record<string, unknown>>; readonly ui?: Ui }
  | { readonly expand: Expansion; readonly ui?: Ui }
  | { readonly blocker: Blocker }

/**
 * The inputs of each call. As in ComfyUI, a node runs once for every item of its longest list, and shorter lists repeat their
 * last item; a node that takes lists runs once. Unlike there, an empty list is no error: there is nothing to run for.
 */
export function callsOf(spec: AnyNode, lists: Lists): Readonly<Record<string, unknown>>[] {
  const entries = Object.entries(lists)
  if (spec.inputIsList) return [lists]
  if (entries.some(([, items]) => items.length === 0)) return []
  const count = Math.max(1, ...entries.map(([, items]) => items.length))
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(entries.map(([name, items]) => [name, items[Math.min(i, items.length - 1)]])),
  )
}

/** The first input that is blocked; of a node that takes lists, any item of it. */
export const blockerIn = (spec: AnyNode, inputs: Readonly<Record<string, unknown>>): Blocker | undefined =>
  (spec.inputIsList ? (Object.values(inputs) as unknown[][]).flat() : Object.values(inputs)).find(isBlocked)

/** What `run` gave, sorted into outputs and what is shown. A missing output is the node's fault and told as such. */
export function readResult(spec: AnyNode, given: Readonly<Record<string, unknown>>): Called {
  const { ui, expand, ...outputs } = given as { ui?: Ui; expand?: Expansion }
  if (expand) return { expand, ui }
  for (const [name, port] of Object.entries(spec.outputs as Readonly<Record<string, { list?: boolean }>>)) {
    const value = (outputs as Readonly<Record<string, unknown>>)[name]
    if (value === undefined) throw new Error(`${spec.title} gave no "${name}"; this is a fault of the node, not of the graph`)
    if (port.list && !Array.isArray(value) && !isBlocked(value))
      throw new Error(`${spec.title} gave no list as "${name}"; this is a fault of the node, not of the graph`)
  }
  return { outputs, ui }
}

/** The items of one output of one call. */
export const itemsOf = (spec: AnyNode, name: string, value: unknown): readonly unknown[] =>
  spec.outputs[name].list && !isBlocked(value) ? (value as readonly unknown[]) : [value]

/** The outputs of all calls, put together in their order; each call says its items by the name of the output. */
export const merged = (spec: AnyNode, calls: readonly ((name: string) => readonly unknown[])[], ui: Ui | undefined): Result => ({
  outputs: Object.fromEntries(Object.keys(spec.outputs).map(name => [name, calls.flatMap(items => items(name))])),
  ...(ui && { ui }),
})

/** Lists of the same name one after the other. */
export function mergedUi(uis: readonly (Ui | undefined)[]): Ui | undefined {
  const given = uis.filter(ui => ui !== undefined)
  if (given.length < 2) return given[0]
  const names = [...new Set(given.flatMap(ui => Object.keys(ui)))] as (keyof Ui)[]
  return Object.fromEntries(names.map(name => [name, given.flatMap(ui => (ui[name] ?? []) as readonly unknown[])]))
}
