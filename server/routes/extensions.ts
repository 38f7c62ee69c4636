import { existsSync } from 'node:fs'
import path from 'node:path'
import express, { type Router } from 'express'

const script = '/extensions/patronus/patronus.js'

/** Our panels for ComfyUI's page: a module that it imports at its start (spec/comfyui.md 5.6). Other clients only list it. */
export function extensionRoutes(router: Router, folder: string | undefined): void {
  const isBuilt = () => folder !== undefined && existsSync(path.join(folder, path.basename(script)))
  router.get('/extensions', (_, response) => void response.json(isBuilt() ? [script] : []))
  if (folder !== undefined)
    router.use(
      path.posix.dirname(script),
      express.static(folder, {
        index: false,
        dotfiles: 'ignore',
        cacheControl: false,
        setHeaders: response => response.setHeader('Cache-Control', 'no-cache'),
      }),
    )
}
