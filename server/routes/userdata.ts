import type { Request, Response, Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { bytesOf, jsonOf, readRaw } from '../body.ts'
import { BadRequest } from '../problem.ts'
import type { Settings } from '../store.ts'
import { createUserFiles, type FileInfo } from '../user-files.ts'
import { protect } from './files.ts'
import { parse } from './prompt.ts'

/** What a page stores here: files (workflows first of all) and settings (spec/comfyui.md 1.12). One user. */
export function userRoutes(router: Router, { files, store }: Parts): void {
  const userFiles = createUserFiles(files, store.workflows)
  router.get('/users', (_, response) => void response.json({ storage: 'server', migrated: true }))
  router.post('/users', () => {
    throw new BadRequest('single_user', 'This server has one user')
  })

  router.get('/userdata', async (request, response) => {
    const dir = textOf(request, 'dir')
    if (!dir) throw new BadRequest('no_dir', 'The query needs dir')
    const found = await userFiles.list(trimmed(dir), isOn(request, 'recurse'))
    response.json(described(found, isOn(request, 'full_info'), isOn(request, 'split')))
  })
  router.get('/v2/userdata', async (request, response) => {
    response.json(await userFiles.entries(trimmed(textOf(request, 'path') ?? '')))
  })
  router.get('/userdata/:file', async (request, response) => {
    const { file } = request.params
    const bytes = await userFiles.read(file)
    sendFile(response, file, bytes)
  })
  router.post<{ file: string }>('/userdata/:file', readRaw, async (request, response) => {
    const { file } = request.params
    const info = await userFiles.write(file, bytesOf(request), overwriting(request))
    response.json(isOn(request, 'full_info') ? info : file)
  })
  router.delete('/userdata/:file', async (request, response) => {
    await userFiles.remove(request.params.file)
    response.status(204).end()
  })
  router.post('/userdata/:file/move/:dest', async (request, response) => {
    const { file, dest } = request.params
    const info = await userFiles.move(file, dest, overwriting(request))
    response.json(isOn(request, 'full_info') ? info : dest)
  })
  settingsRoutes(router, store.settings)
}

/** As a download: what a page keeps must not become a page of this origin. */
export function sendFile(response: Response, name: string, bytes: Uint8Array): void {
  protect(response).set({
    'Content-Type': name.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    'Content-Disposition': 'attachment',
  })
  response.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

function settingsRoutes(router: Router, settings: Settings): void {
  // ComfyUI's own page would otherwise open with a tour and a graph of nodes that are not here.
  const defaults = { 'Comfy.TutorialCompleted': true }
  const all = async () => ({ ...defaults, ...(await settings.all()) })
  router.get('/settings', async (_, response) => void response.json(await all()))
  router.get(
    '/settings/:id',
    async (request, response) =>
      void response.json(new Map<string, unknown>(Object.entries(await all())).get(request.params.id) ?? null),
  )
  router.post('/settings', readRaw, async (request, response) => {
    await settings.set(parse(z.record(z.string().max(200), z.unknown()), jsonOf(request) ?? {}))
    response.end()
  })
  router.post<{ id: string }>('/settings/:id', readRaw, async (request, response) => {
    await settings.set({ [request.params.id]: jsonOf(request) ?? null })
    response.end()
  })
}

const textOf = (request: Request<object>, name: string): string | undefined => {
  const value = request.query[name]
  return typeof value === 'string' ? value : undefined
}
const isOn = (request: Request<object>, name: string) => ['true', '1'].includes(textOf(request, name) ?? '')
/** Without slashes at its ends. Not by an expression: one that looks for the end begins anew at every slash. */
function trimmed(dir: string): string {
  let [from, to] = [0, dir.length]
  while (dir[from] === '/') from++
  while (to > from && dir[to - 1] === '/') to--
  return dir.slice(from, to)
}

const overwriting = (request: Request<object>) => ({ overwrite: textOf(request, 'overwrite') !== 'false' })

const described = (found: readonly FileInfo[], isFull: boolean, isSplit: boolean): unknown[] =>
  found.map(file => (isFull ? file : isSplit ? [file.path, ...file.path.split('/')] : file.path))
