/** Elements that HTML never closes. */
const empty = new Set(['meta', 'img', 'br', 'hr', 'link', 'input'])

export type Tag = { readonly name: string; readonly attributes: ReadonlyMap<string, string> }

/** Every tag of a page or drawing; throws when one is not closed, closed out of order, or written so that a reader must guess. */
export function tagsOf(text: string): Tag[] {
  const tags: Tag[] = []
  const open: string[] = []
  const clean = text.replace(/^<!doctype html>/i, '').replace(/<style>[^<]*<\/style>/g, '')
  for (const [whole, close, name, rest, selfClosed] of clean.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[\w-]+="[^"<>]*")*)\s*(\/?)>|</gi,
  )) {
    if (name === undefined) throw new Error(`a < that begins no tag: ${clean.slice(clean.indexOf(whole)).slice(0, 40)}`)
    if (close && open.pop() !== name) throw new Error(`</${name}> closes something else`)
    if (close) continue
    const attributes = new Map([...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]))
    tags.push({ name, attributes })
    if (!selfClosed && !empty.has(name)) open.push(name)
  }
  if (open.length) throw new Error(`never closed: ${open.join(', ')}`)
  return tags
}
