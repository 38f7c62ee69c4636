import { freemem, totalmem } from 'node:os'
import type { Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { jsonOf, readRaw } from '../body.ts'

/** What both sides can do beyond the oldest protocol. Saying more makes ComfyUI's page ask for what is behind it. */
export const features = ({ upload }: Pick<Parts['limits'], 'upload'>) => ({
  supports_preview_metadata: true,
  max_upload_size: upload,
})

/** The ComfyUI version whose protocol this is; clients compare it. */
const comfyVersion = '0.3.64'

/** ComfyUI's page compares these with its own and asks a person to update; "0" is never newer. */
const pageVersions = { required_frontend_version: '0', installed_templates_version: '0', required_templates_version: '0' }

/** Everything a client asks once, at its start: what nodes there are, what machine this is (spec/comfyui.md 1.7, 1.10, 5.1). */
export function infoRoutes(router: Router, { objectInfo, runner, limits }: Parts): void {
  router.get('/object_info', async (_, response) => void response.json(await objectInfo()))
  router.get('/object_info/:type', async (request, response) => {
    const { type } = request.params
    const info = await objectInfo([type])
    // 200 with nothing in it, as ComfyUI: clients crash on 404 here.
    response.json(Object.hasOwn(info, type) ? { [type]: info[type] } : {})
  })
  router.get('/features', (_, response) => void response.json(features(limits)))
  router.get('/system_stats', (_, response) => {
    const { device } = runner.device()
    const memory = { vram_total: totalmem(), vram_free: freemem(), torch_vram_total: 0, torch_vram_free: 0 }
    response.json({
      system: {
        os: process.platform,
        ram_total: totalmem(),
        ram_free: freemem(),
        comfyui_version: comfyVersion,
        ...pageVersions,
        python_version: `none (Node ${process.version})`,
        pytorch_version: 'none (ONNX Runtime)',
        embedded_python: false,
        argv: [],
      },
      devices: [{ name: device, type: device, index: 0, ...memory }],
    })
  })
  router.get('/i18n', (_, response) => void response.json({}))
  router.get('/global_subgraphs', (_, response) => void response.json({}))
  router.get('/node_replacements', (_, response) => void response.json({}))
  router.post('/free', readRaw, (request, response) => {
    const asked = z
      .object({ unload_models: z.boolean().optional(), free_memory: z.boolean().optional() })
      .safeParse(jsonOf(request) ?? {}).data
    runner.free({ models: asked?.unload_models, results: asked?.free_memory || asked?.unload_models })
    response.end()
  })
}
