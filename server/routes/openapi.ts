import type { Router } from 'express'
import { openApi } from '../openapi/document.ts'

/** Of the protocol, not of the program: it grows when routes change. */
const version = '1.0.0'

/** The description of all this, for programs that make clients from it (docs/driving.md). */
export function openApiRoutes(router: Router): void {
  let document: Record<string, unknown> | undefined
  router.get('/openapi.json', (_, response) => void response.json((document ??= openApi(version))))
}
