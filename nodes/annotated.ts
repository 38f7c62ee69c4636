type Folder = 'input' | 'output' | 'temp'

/** `a.png [output]`, as ComfyUI's clients name a picture wherever it lies: the name, and the folder if it says one. */
export function splitAnnotation(text: string): { readonly name: string; readonly folder?: Folder } {
  const [, name, folder] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(text)!
  return { name, folder: folder as Folder | undefined }
}
