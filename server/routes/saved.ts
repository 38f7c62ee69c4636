import type { Router } from 'express'
import type { Parts } from '../app.ts'
import { BadRequest } from '../problem.ts'
import { workflowPath } from '../user-files.ts'
import { sendFile } from './userdata.ts'

/** Earlier versions of people's own workflows; ComfyUI's routes (userdata.ts) know only the newest. Names lie below `workflows/`. */
export function savedRoutes(router: Router, { store: { workflows } }: Parts): void {
  router.get('/patronus/saved', async (_, response) => {
    response.json({ workflows: await workflows.list(), deleted: await workflows.deleted() })
  })
  router.delete('/patronus/saved/:name', async (request, response) => {
    const path = pathOf(request.params.name)
    if (!(await workflows.forget(path))) throw new BadRequest('not_found', `There is no version of "workflows/${path}"`, 404)
    response.status(204).end()
  })
  router.get('/patronus/saved/:name/versions', async (request, response) => {
    const found = await workflows.versions(pathOf(request.params.name))
    response.json(found.map(({ number, saved, size, nodes, current }) => ({ number, saved, size, nodes, current })))
  })
  router.get('/patronus/saved/:name/versions/:number', async (request, response) => {
    const { name, number } = request.params
    sendFile(response, name, await workflows.version(pathOf(name), versionNumber(number)))
  })
  router.post('/patronus/saved/:name/versions/:number/restore', async (request, response) => {
    const { name, number } = request.params
    const file = await workflows.restore(pathOf(name), versionNumber(number))
    response.json({ ...file, path: `workflows/${file.path}` })
  })
}

/** By the rules for every file name, though no file is looked for. */
const pathOf = (name: string): string => workflowPath(`workflows/${name}`)!

function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new BadRequest('bad_version', `A version is a whole number from 1, not "${text.slice(0, 40)}"; the list of versions says which there are`) // prettier-ignore
  return Number(text)
}
