/** What a dropped or chosen file is, and how files leave the page. */
import { graphKind, parsePrompt, parseWorkflow, type ObjectInfo, type Workflow } from '../workflows/graph.ts'
import { isPng, readPngGraph } from '../workflows/png.ts'
import { layOut } from './fit-workflow.ts'
import { messageOf } from './message-of.ts'

export type Opened = { readonly kind: 'workflow'; readonly workflow: Workflow } | { readonly kind: 'picture' }

const LARGEST_JSON = 32 << 20

/** A workflow from a JSON file or from a PNG that carries one; a picture without a graph is just a picture. Throws with a reason. */
export async function readFile(file: File, info: ObjectInfo): Promise<Opened> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (isPng(bytes)) {
    const { workflow, prompt } = readPngGraph(bytes)
    if (workflow === undefined && prompt === undefined) return { kind: 'picture' }
    return { kind: 'workflow', workflow: readGraph(workflow ?? prompt, info) }
  }
  if (file.type.startsWith('image/')) return { kind: 'picture' }
  if (bytes.length > LARGEST_JSON)
    throw new Error(`${file.name} has ${Math.round(bytes.length / 2 ** 20)} MB; a workflow has at most 32.`)
  return { kind: 'workflow', workflow: readGraph(parseJson(new TextDecoder().decode(bytes), file.name), info) }
}

/** Either JSON form of a graph, as a workflow. */
export const readGraph = (value: unknown, info: ObjectInfo): Workflow =>
  graphKind(value) === 'prompt' ? layOut(parsePrompt(value), info) : parseWorkflow(value)

export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${name} is not JSON: ${messageOf(error)}`)
  }
}

export function download(name: string, content: Blob | string): void {
  const url = URL.createObjectURL(typeof content === 'string' ? new Blob([content]) : content)
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Asks for a file. Undefined when the person thinks better of it. */
export function pickFile(accept: string): Promise<File | undefined> {
  return new Promise(resolve => {
    const input = Object.assign(document.createElement('input'), { type: 'file', accept })
    input.addEventListener('change', () => resolve(input.files?.[0]))
    input.addEventListener('cancel', () => resolve(undefined))
    input.click()
  })
}

/** `My face (2).json` → `My face (2)`; never a path, never empty. */
export const baseName = (file: string): string =>
  file
    .replace(/^.*[\\/]/, '')
    .replace(/\.(json|png)$/i, '')
    .trim() || 'untitled'
