import { existsSync } from 'node:fs'

/** A workflow that the server over the data folder keeps, by its name with or without `.json`; also while it runs. Makes nothing. */
export async function savedGraph(data: string, name: string): Promise<Buffer | undefined> {
  const { databaseFile } = await import('../server/database/open.ts')
  if (!existsSync(databaseFile(data))) return undefined
  const { openWorkflows } = await import('../server/storage.ts')
  const { workflows, close } = openWorkflows(data, problem => process.stderr.write(`${problem}\n`))
  try {
    const bytes = (await workflows.read(name)) ?? (await workflows.read(`${name}.json`))
    return bytes && Buffer.from(bytes)
  } finally {
    close()
  }
}
