import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Router } from 'express'
import type { Parts } from '../app.ts'
import type { Files } from '../files.ts'
import { isCheckpoint } from '../offered.ts'
import { BadRequest } from '../problem.ts'

/** Model files as ComfyUI's clients list them (spec/comfyui.md 1.10). This server has one kind, checkpoints. */
export function modelRoutes(router: Router, { files, checkpoints }: Parts): void {
  const known = (folder: string): 'checkpoints' => {
    if (folder === 'checkpoints') return folder
    throw new BadRequest('not_found', `There is no folder of models "${folder.slice(0, 40)}"; there is "checkpoints"`, 404)
  }
  router.get('/embeddings', (_, response) => void response.json([]))
  router.get('/models', (_, response) => void response.json(['checkpoints']))
  router.get('/models/:folder', async (request, response) => {
    response.json(await files.list(known(request.params.folder), isCheckpoint))
  })
  // ComfyUI gives the folders' paths here; where they lie on this disk is nobody's business.
  router.get('/experiment/models', (_, response) => void response.json([{ name: 'checkpoints', folders: ['checkpoints'] }]))
  router.get('/experiment/models/:folder', async (request, response) => {
    const names = await files.list(known(request.params.folder), isCheckpoint)
    response.json((await Promise.all(names.map(name => describe(files, name)))).flat())
  })
  router.get('/view_metadata/:folder', async (request, response) => {
    const folder = known(request.params.folder)
    const { filename } = request.query
    if (typeof filename !== 'string') throw new BadRequest('not_found', `The query needs filename, one of /models/${folder}`, 404)
    response.json(await checkpoints.metadata(filename))
  })
}

/** Nothing for a file that went away since it was listed. */
async function describe(files: Files, name: string): Promise<object[]> {
  const file = await files.find('checkpoints', name)
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined)
  if (file === undefined || !found) return []
  const { mtimeMs, birthtimeMs, size } = found
  const pathIndex = files.roots.checkpoints.findIndex(root => file.startsWith(root + path.sep))
  return [{ name, pathIndex: Math.max(0, pathIndex), modified: mtimeMs / 1000, created: birthtimeMs / 1000, size }]
}
