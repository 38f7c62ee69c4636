import type { ObjectInfo, Prompt } from '../workflows/graph.ts'
import type { Files } from './files.ts'

type Folder = 'input' | 'output' | 'temp'

/** `a.png [output]`, as ComfyUI's clients name a picture wherever it lies: the name, and the folder if it says one. */
export function splitAnnotation(text: string): { readonly name: string; readonly folder?: Folder } {
  const [, name, folder] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(text)!
  return { name, folder: folder as Folder | undefined }
}

/**
 * Pictures that a graph names where no combo lists them, `a.png [output]`, and that are there. Looked up before the graph is checked,
 * since a check only thinks.
 */
export async function annotatedFiles(prompt: Prompt, info: ObjectInfo, files: Files): Promise<ReadonlySet<string>> {
  const named = new Set(Object.values(prompt).flatMap(node => uploadsOf(node, info)))
  const found = new Set<string>()
  for (const text of named) {
    const { name, folder } = splitAnnotation(text)
    if (folder && (await files.find(folder, name).catch(() => undefined)) !== undefined) found.add(text)
  }
  return found
}

function uploadsOf({ class_type, inputs }: Prompt[string], info: ObjectInfo): string[] {
  if (!Object.hasOwn(info, class_type)) return []
  const declared = { ...info[class_type].input.required, ...info[class_type].input.optional }
  return Object.entries(inputs).flatMap(([name, value]) =>
    typeof value === 'string' && Object.hasOwn(declared, name) && declared[name][1]?.image_upload ? [value] : [],
  )
}
