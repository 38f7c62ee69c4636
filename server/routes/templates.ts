import type { Router } from 'express'
import type { Parts } from '../app.ts'
import { BadRequest } from '../problem.ts'
import { createShipped } from '../shipped.ts'

/** The module under which ComfyUI's page lists our templates. */
const ours = 'patronus'

/** The shipped workflows in ComfyUI's template browser (spec/comfyui.md 1.10, 5.2). */
export function templateRoutes(router: Router, { files }: Parts): void {
  const shipped = createShipped(files)
  router.get('/workflow_templates', async (_, response) => {
    response.json({ [ours]: (await shipped.list()).map(({ name }) => name) })
  })
  router.get('/workflow_templates/:module/:file', async (request, response) => {
    const { module, file } = request.params
    // A page asks for a picture of each as well, `name.jpg`; there is none.
    if (module !== ours || !file.endsWith('.json'))
      throw new BadRequest('not_found', `There is no template "${module}/${file}"`, 404)
    response.json(await shipped.read(file))
  })
  // ComfyUI's own collection, whose workflows need nodes that are not here.
  router.get('/templates/index.json', (_, response) => void response.json([]))
}
