import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { graphKind, GraphError, parsePrompt, parseWorkflow, type Prompt, type Workflow } from '../workflows/graph.ts'
import { isPng, readPngGraph } from '../workflows/png.ts'
import { Failure } from './failure.ts'

/** A graph as it was found: the form an editor saves, or the one that runs. */
export type GraphFile = { readonly file: string } & ({ readonly workflow: Workflow } | { readonly prompt: Prompt })

/** Reads a workflow JSON (UI or API format), a PNG that holds one, or a shipped workflow by its name, else one of `saved`. */
export async function readGraph(
  source: string,
  shipped: string,
  saved?: (name: string) => Promise<Buffer | undefined>,
): Promise<GraphFile> {
  const named = path.join(shipped, `${source}.json`)
  const file = !existsSync(source) && /^[\w-]+$/.test(source) && existsSync(named) ? named : source
  const bytes = await readFile(file).catch(async (error: NodeJS.ErrnoException) => {
    const kept = error.code === 'ENOENT' ? await saved?.(source) : undefined
    if (kept) return kept
    const names = (await readdir(shipped).catch(() => [])).filter(name => name.endsWith('.json')).map(name => name.slice(0, -5))
    const what = error.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${error.code ?? error.message})`
    throw new Failure(
      `${source}: ${what}; give a workflow .json, a PNG that holds one, the name of a saved one, or of a shipped one: ${names.join(', ')}`,
    )
  })
  try {
    return { file, ...graphIn(isPng(bytes) ? fromPng(bytes) : fromText(bytes)) }
  } catch (error) {
    if (error instanceof GraphError || error instanceof SyntaxError) throw new Failure(`${source}: ${error.message}`)
    throw error
  }
}

function fromPng(bytes: Uint8Array): unknown {
  const { workflow, prompt } = readPngGraph(bytes)
  if (workflow === undefined && prompt === undefined)
    throw new Failure('this picture holds no workflow; only those saved by this program or ComfyUI do')
  return workflow ?? prompt
}

function fromText(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new SyntaxError(`it is neither JSON nor a PNG (${(error as Error).message})`)
  }
}

const graphIn = (value: unknown): { workflow: Workflow } | { prompt: Prompt } =>
  graphKind(value) === 'prompt' ? { prompt: parsePrompt(value) } : { workflow: parseWorkflow(value) }
