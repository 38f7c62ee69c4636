import type { SavedImage } from '../../nodes/node.ts'

/** `faces/a.png [input]`, as a choice of pictures names it. */
export function inputFile(name: string): SavedImage {
  const path = name.replace(/ \[input\]$/, '')
  const at = path.lastIndexOf('/')
  return { filename: path.slice(at + 1), subfolder: at < 0 ? '' : path.slice(0, at), type: 'input' }
}
