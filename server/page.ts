import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import express, { type RequestHandler, type Response } from 'express'

/** Rules of a page by directive; `frame-ancestors` and the like included. */
type Policy = Readonly<Record<string, string>>

/** Scripts, styles and connections of our own origin only; nothing inline but styles, which litegraph and preact set. */
const ownPolicy = (host: string): Policy => ({
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data: blob:",
  'font-src': "'self' data:",
  // Some browsers do not count ws: as 'self'. The guard has checked the host name.
  'connect-src': `'self' ws://${host} wss://${host}`,
  'manifest-src': "'self'",
  'worker-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
})

/**
 * What a page that we did not build needs besides: scripts that stand in its own index.html, each by its hash; WebAssembly,
 * workers and films out of memory; its `<base>`. Still nothing from another site, no inline script that the folder does not
 * hold, and no `eval`: a page that evaluates arithmetic in number fields has to do without.
 */
const foreignPolicy = (host: string, inline: readonly string[]): Policy => ({
  ...ownPolicy(host),
  'script-src': ["'self'", "'wasm-unsafe-eval'", 'blob:', ...inline].join(' '),
  'connect-src': `'self' ws://${host} wss://${host} blob: data:`,
  'worker-src': "'self' blob:",
  'media-src': "'self' blob: data:",
  'base-uri': "'self'",
})

const written = (policy: Policy): string =>
  Object.entries(policy)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ')

/** The policy of every answer that says nothing else. */
export const strictPolicy = (host: string): string => written(ownPolicy(host))

/** `'sha256-…'` of every inline script of an HTML page, as a policy names it. */
export const inlineScripts = (html: string): string[] =>
  [...html.matchAll(/<script\b(?![^>]*\ssrc\s*=)[^>]*>([\s\S]*?)<\/script\s*>/gi)].map(
    ([, code]) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`,
  )

/** The built page. Files under /assets have their content in their name and never change. */
export function pageFrom(folder: string): RequestHandler {
  const files = express.static(folder, {
    index: 'index.html',
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders: (response, file) => {
      const isHashed = path.relative(folder, file).startsWith(`assets${path.sep}`)
      response.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  return (request, response, next) => {
    if (request.path === '/' && !existsSync(path.join(folder, 'index.html')))
      return void response
        .status(503)
        .type('text/plain')
        .send('The page is not built yet: run `npm run build` and reload. The server itself works.')
    files(request, response, next)
  }
}

/** Another front end's folder in place of our page: nothing in it is kept by browsers unasked, for it may be replaced by another version. */
export function foreignPage(folder: string): RequestHandler {
  const loosen = (response: Response, inline: readonly string[] = []) =>
    response.set({
      'Content-Security-Policy': written(foreignPolicy(response.req.headers.host!, inline)),
      'Cache-Control': 'no-cache',
    })
  const files = express.static(folder, { index: false, dotfiles: 'ignore', cacheControl: false, setHeaders: r => void loosen(r as Response) }) // prettier-ignore
  return async (request, response, next) => {
    const asksForPage = ['GET', 'HEAD'].includes(request.method) && ['/', '/index.html'].includes(request.path)
    if (!asksForPage) return void files(request, response, next)
    const html = await readFile(path.join(folder, 'index.html'), 'utf8')
    loosen(response, inlineScripts(html)).type('html').send(html)
  }
}

/** Throws unless the folder holds a page. */
export function checkFrontEnd(folder: string): void {
  if (!existsSync(path.join(folder, 'index.html')))
    throw new Error(
      `--front-end-root ${folder}: there is no index.html in it; give the folder of a built ComfyUI front end, such as comfyui_frontend_package/static`,
    )
}
