/** Content hashes of what a node's result depends on: equal signature, equal result (spec/comfyui.md 3.3). */
import type { NodeId, PromptNode } from './types.ts'
import { asLink } from './types.ts'

/** What a node depends on besides its inputs. */
export type Facts = {
  /** The bytes of a file, say. */
  readonly fingerprint?: string
  /** Its own id, where two nodes with the same inputs are not the same. */
  readonly id?: NodeId
}

/**
 * A node's signature, when those it reads from are `known`: `hash` of its class, literals, facts and, for linked inputs, the
 * signature and slot it reads from. Ids, titles and positions are not part of it, so a renumbered graph, or a second node just like
 * the first, finds the same result. `hash` is brought along: this file also runs in a page, whose own hash has to be waited for.
 */
export function signatureOf(
  node: PromptNode,
  { fingerprint, id }: Facts,
  known: (id: NodeId) => string | undefined,
  hash: (text: string) => string,
): string {
  const inputs = Object.entries(node.inputs).map(([name, value]) => {
    const link = asLink(value)
    return link ? [name, 'link', [known(link[0]) ?? null, link[1]]] : [name, 'value', canonical(value)]
  })
  inputs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  return hash(JSON.stringify([node.class_type, fingerprint ?? null, id ?? null, inputs]))
}

/**
 * The same data with the keys of its objects as sorted pairs: `{a, b}` and `{b, a}` are the same literal. What is not JSON (a node
 * hands a tensor or a network to those it expands to) is like nothing else, not even itself.
 */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value === 'function' || (typeof value === 'object' && !isPlain(value))) return crypto.randomUUID()
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value).map(([key, item]) => [key, canonical(item)])
  return { pairs: pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) }
}

/** Whatever realm it comes from: what it inherits from inherits nothing. */
function isPlain(value: object | null): boolean {
  const parent = value && (Object.getPrototypeOf(value) as object | null)
  return !parent || Object.getPrototypeOf(parent) === null
}
