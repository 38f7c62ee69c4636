import { readFile } from 'node:fs/promises'
import { parseWorkflow } from '../workflows/graph.ts'
import type { Files } from './files.ts'
import { BadRequest } from './problem.ts'
import type { ShippedWorkflow } from './protocol.ts'

/** The workflows that come with the house, for our page (/patronus/workflows) and for ComfyUI's (templates). */
export type Shipped = {
  list(): Promise<ShippedWorkflow[]>
  /** Its JSON, with or without `.json` behind the name; throws 404. */
  read(name: string): Promise<unknown>
}

export function createShipped(files: Files): Shipped {
  const read = async (name: string): Promise<unknown> => {
    const file = await files.find('workflows', `${name.replace(/\.json$/, '')}.json`)
    if (!file) throw new BadRequest('not_found', `There is no shipped workflow "${name}"`, 404)
    return JSON.parse(await readFile(file, 'utf8'))
  }
  return {
    read,
    list: async () => {
      const names = await files.list('workflows', name => /^[^/]+\.json$/.test(name))
      return Promise.all(names.map(async name => describe(name.replace(/\.json$/, ''), await read(name))))
    },
  }
}

/** Title and sentence stand in the file, under `extra.patronus`; the file name serves where they are missing. */
function describe(name: string, workflow: unknown): ShippedWorkflow {
  const { title, description } = (parseWorkflow(workflow).extra.patronus ?? {}) as Partial<Record<string, unknown>>
  const fromName = name.replaceAll('-', ' ').replace(/^./, letter => letter.toUpperCase())
  return {
    name,
    title: typeof title === 'string' ? title : fromName,
    description: typeof description === 'string' ? description : '',
  }
}
