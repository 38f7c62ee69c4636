import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Router } from 'express'
import { BadRequest } from '../problem.ts'

/** The module that brings our nodes into other pages (editor/register); `file` is the built one. */
export function registerRoute(router: Router, file: string | undefined): void {
  router.get('/patronus/register.js', (_, response) => {
    if (file === undefined || !existsSync(file))
      throw new BadRequest('not_built', 'register.js is not built yet: run `npm run build` and reload', 404)
    response.set({ 'Content-Type': 'text/javascript; charset=utf-8', 'Cache-Control': 'no-cache' })
    response.sendFile(path.basename(file), { root: path.dirname(file), dotfiles: 'allow', cacheControl: false })
  })
}
