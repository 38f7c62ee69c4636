import type { FileCheck, ObjectInfo, Prompt } from '../workflows/graph.ts'
import type { Files } from './files.ts'

/** Folders that hold pictures which a graph may name. */
export type PictureFolder = 'input' | 'output' | 'temp'

/** `name`, or `name [input]`, `name [output]`, `name [temp]`: so ComfyUI's clients write which folder a picture lies in. */
export function placeOf(text: string): { readonly folder?: PictureFolder; readonly name: string } {
  const [, name, folder] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(text) ?? ['', text]
  return { name, folder: folder as PictureFolder | undefined }
}

/** What the upload combos of a graph name and no list shows: pictures of the output and temp folders. */
export async function picturesElsewhere(files: Files, prompt: Prompt, info: ObjectInfo): Promise<FileCheck> {
  const there = new Set<string>()
  for (const text of namedElsewhere(prompt, info)) {
    const { folder = 'input', name } = placeOf(text)
    // A name that is not allowed names nothing; the check of the graph says so in ComfyUI's words.
    if (await files.find(folder, name).catch(() => undefined)) there.add(text)
  }
  return text => there.has(text)
}

function namedElsewhere(prompt: Prompt, info: ObjectInfo): ReadonlySet<string> {
  const found = new Set<string>()
  for (const { class_type, inputs } of Object.values(prompt)) {
    const declared = Object.hasOwn(info, class_type) ? info[class_type].input : {}
    for (const [name, [, options]] of Object.entries({ ...declared.required, ...declared.optional })) {
      const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined
      if (options?.image_upload && typeof value === 'string' && / \[(output|temp)\]$/.test(value)) found.add(value)
    }
  }
  return found
}
