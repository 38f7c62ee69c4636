import type { Request, Router } from 'express'
import { parseWorkflow, toPrompt } from '../../workflows/graph.ts'
import type { Parts } from '../app.ts'
import { jsonOf, readRaw } from '../body.ts'
import { beside, type Files } from '../files.ts'
import { cutImage, imageSize } from '../decoding.ts'
import { BadRequest } from '../problem.ts'
import { createShipped } from '../shipped.ts'

/** What only our own page asks: the shipped workflows, what checkpoints say about themselves, where networks run. */
export function patronusRoutes(router: Router, { files, runner, checkpoints, objectInfo }: Parts): void {
  const shipped = createShipped(files)
  router.get('/patronus/workflows', async (_, response) => void response.json(await shipped.list()))
  router.get(
    '/patronus/workflows/:name',
    async (request, response) => void response.json(await shipped.read(request.params.name)),
  )
  // For programs that are no editor: what a page makes of the file before it posts it.
  router.get('/patronus/workflows/:name/prompt', async (request, response) => {
    const workflow = parseWorkflow(await shipped.read(request.params.name))
    response.json(toPrompt(workflow, await objectInfo()).prompt)
  })
  router.get('/patronus/checkpoints', async (_, response) => void response.json(await checkpoints.list()))
  router.get(
    '/patronus/checkpoints/:name',
    async (request, response) => void response.json(await checkpoints.details(request.params.name)),
  )
  router.get(
    '/patronus/checkpoints/:name/names',
    async (request, response) => void response.json(await checkpoints.names(request.params.name)),
  )
  router.get(
    '/patronus/checkpoints/:name/suggestions',
    async (request, response) => void response.json(await checkpoints.suggestions(request.params.name)),
  )
  // PUT: these are all the names. PATCH: these change, null forgets one, the others stay. Both take an exported file.
  for (const method of ['put', 'patch'] as const)
    router[method]<{ name: string }>('/patronus/checkpoints/:name/names', readRaw, async (request, response) => {
      const how = { replace: method === 'put', force: isForced(request) }
      response.json(await checkpoints.rename(request.params.name, jsonOf(request), how))
    })
  router.get(
    '/patronus/checkpoints/:name/atlas',
    async (request, response) => void response.json(await checkpoints.atlas(request.params.name)),
  )
  router.get('/patronus/checkpoints/:name/atlas/:index', async (request, response) => {
    const { name, index } = request.params
    const [, prototype] = /^(\d{1,5})\.png$/.exec(index) ?? []
    if (prototype === undefined) throw new BadRequest('not_found', 'Pictures of an atlas are called 0.png, 1.png, …', 404)
    const bytes = await checkpoints.atlasStrip(name, Number(prototype))
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=300' }).send(bytes)
  })
  router.get('/patronus/checkpoints/:name/tiles/:index', async (request, response) => {
    const { name, index } = request.params
    const bytes = await tileOf(files, name, /^(\d{1,5})\.png$/.exec(index)?.[1])
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=300' }).send(bytes)
  })
  router.get('/patronus/device', (_, response) => void response.json(runner.device()))
}

const isForced = ({ query }: Request<object>): boolean => query.force !== undefined && query.force !== 'false'

/**
 * The patch that shows prototype `index`. They lie beside the checkpoint as one strip of square tiles, left to right:
 * `name.tiles.png` for `name.safetensors`.
 */
async function tileOf(files: Files, checkpoint: string, index: string | undefined): Promise<Buffer> {
  const strip = await beside(files, checkpoint, checkpoint.replace(/(\.safetensors)?$/, '.tiles.png'))
  const { width = 0, height: side = 0 } = strip ? await imageSize(strip) : {}
  const left = Number(index) * side
  if (!strip || !(left + side <= width))
    throw new BadRequest('not_found', `There is no picture of that prototype of "${checkpoint}"`, 404)
  return cutImage(strip, { left, top: 0, width: side, height: side })
}
