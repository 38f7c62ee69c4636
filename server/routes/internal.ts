import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { jsonOf, readRaw } from '../body.ts'
import { nameProblem } from '../files.ts'
import { folderOf } from './files.ts'
import { parse } from './prompt.ts'

/** Columns and rows of the terminal panel of ComfyUI's page; nothing here wraps at them. */
const size = { cols: 120, rows: 40 }

const subscription = z.object({ clientId: z.string().min(1).max(200), enabled: z.boolean() })

/** What ComfyUI's page asks behind its back: the log, the newest files (spec/comfyui.md 1.10, 5.4). */
export function internalRoutes(router: Router, { files, logs }: Parts): void {
  router.get('/internal/logs', (_, response) => {
    const lines = logs.entries().map(({ t, m }) => `${t} - ${m}`)
    response.json(lines.join(''))
  })
  router.get('/internal/logs/raw', (_, response) => void response.json({ entries: logs.entries(), size }))
  router.patch('/internal/logs/subscribe', readRaw, (request, response) => {
    const { clientId, enabled } = parse(subscription, jsonOf(request) ?? {})
    logs.subscribe(clientId, enabled)
    response.end()
  })
  // Names only: ComfyUI tells where the folders lie, and with that how the person is called.
  router.get('/internal/folder_paths', (_, response) => {
    response.json(Object.fromEntries(['checkpoints', 'input', 'output', 'temp'].map(kind => [kind, [kind]])))
  })
  router.get('/internal/files/:folder', async (request, response) => {
    const folder = await files.folder(folderOf(request.params.folder), '')
    response.json(folder === undefined ? [] : await newestFirst(folder))
  })
}

/** Files right in a folder, the one that changed last first. */
async function newestFirst(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(entry => entry.isFile() && !nameProblem(entry.name))
  const found = await Promise.all(
    entries.map(async ({ name }) => ({ name, at: (await stat(path.join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  return found.sort((a, b) => b.at - a.at || a.name.localeCompare(b.name)).map(({ name }) => name)
}
