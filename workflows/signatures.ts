/** Content hashes of what a node's result depends on: equal signature, equal result (spec/comfyui.md 3.3). */
import { linksInto, runOrder } from './order.ts'
import type { NodeId, Prompt } from './types.ts'
import { asLink } from './types.ts'

/**
 * SHA-256, hex, of each root's and ancestor's class, literals, fingerprint and, for linked inputs, the signature and slot it reads from.
 * Ids, titles and positions are not part of it, so a renumbered graph, or a second node just like the first, finds the same result.
 * `fingerprints` holds what a node depends on besides its inputs, by node id (the bytes of a file).
 */
export async function signatures(
  prompt: Prompt,
  roots: readonly NodeId[],
  fingerprints: ReadonlyMap<NodeId, string> = new Map(),
): Promise<Map<NodeId, string>> {
  const found = new Map<NodeId, string>()
  for (const id of runOrder(prompt, roots)) {
    const links = new Map(linksInto(prompt[id]))
    const inputs = Object.entries(prompt[id].inputs)
      .filter(([, value]) => !asLink(value))
      .map(([name, value]) => [name, 'value', canonical(value)])
    for (const [name, [from, slot]] of links) inputs.push([name, 'link', [found.get(from) ?? null, slot]])
    inputs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
    found.set(id, await sha256(JSON.stringify([prompt[id].class_type, fingerprints.get(id) ?? null, inputs])))
  }
  return found
}

/** The same data with the keys of its objects as sorted pairs: `{a, b}` and `{b, a}` are the same literal. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value).map(([key, item]) => [key, canonical(item)])
  return { pairs: pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
}
