import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Request, Router } from 'express'
import { z } from 'zod'
import type { Parts } from '../app.ts'
import { bytesOf, jsonOf, readRaw } from '../body.ts'
import { nameProblem, type Files } from '../files.ts'
import { BadRequest } from '../problem.ts'
import { writeWhole } from '../whole-files.ts'
import type { Settings } from '../store.ts'
import { protect } from './files.ts'
import { parse } from './prompt.ts'

/** The files a page keeps lie under `user/data/`: as files, since a person may want to see, copy and bring them. */
const home = 'data'

type FileInfo = { path: string; size: number; modified: number; created: number }

/** What a page stores here: files (workflows first of all) and settings (spec/comfyui.md 1.12). One user. */
export function userRoutes(router: Router, { files, store }: Parts): void {
  router.get('/users', (_, response) => void response.json({ storage: 'server', migrated: true }))
  router.post('/users', () => {
    throw new BadRequest('single_user', 'This server has one user')
  })

  router.get('/userdata', async (request, response) => {
    const dir = textOf(request, 'dir')
    if (!dir) throw new BadRequest('no_dir', 'The query needs dir')
    const folder = await files.folder('user', `${home}/${trimmed(dir)}`)
    // A page asks for its folders before it ever wrote into them.
    const found = folder ? await below(folder, isOn(request, 'recurse')) : []
    response.json(await describe(found, isOn(request, 'full_info'), isOn(request, 'split')))
  })
  router.get('/v2/userdata', async (request, response) => {
    const folder = await files.folder('user', [home, trimmed(textOf(request, 'path') ?? '')].filter(Boolean).join('/'))
    response.json(folder ? await listing(folder, trimmed(textOf(request, 'path') ?? '')) : [])
  })
  router.get('/userdata/:file', async (request, response) => {
    const file = await existing(files, request.params.file)
    protect(response).set({
      'Content-Type': file.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      'Content-Disposition': 'attachment',
    })
    response.send(await readFile(file))
  })
  router.post<{ file: string }>('/userdata/:file', readRaw, async (request, response) => {
    const { file: name } = request.params
    const isThere = (await files.find('user', `${home}/${name}`)) !== undefined
    if (isThere && textOf(request, 'overwrite') === 'false') throw new BadRequest('exists', `"${name}" exists already`, 409)
    const file = await files.place('user', `${home}/${name}`)
    await writeWhole(file, bytesOf(request))
    response.json(isOn(request, 'full_info') ? await infoOf(file, name) : name)
  })
  router.delete('/userdata/:file', async (request, response) => {
    await rm(await existing(files, request.params.file))
    response.status(204).end()
  })
  router.post('/userdata/:file/move/:dest', async (request, response) => {
    const { file: name, dest } = request.params
    const from = await existing(files, name)
    if ((await files.find('user', `${home}/${dest}`)) && textOf(request, 'overwrite') === 'false')
      throw new BadRequest('exists', `"${dest}" exists already`, 409)
    const to = await files.place('user', `${home}/${dest}`)
    await rename(from, to)
    response.json(isOn(request, 'full_info') ? await infoOf(to, dest) : dest)
  })
  settingsRoutes(router, store.settings)
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

async function existing(files: Files, name: string): Promise<string> {
  const file = await files.find('user', `${home}/${name}`)
  if (!file) throw new BadRequest('not_found', `There is no "${name}"`, 404)
  return file
}

async function below(folder: string, recurse: boolean, prefix = ''): Promise<{ path: string; file: string }[]> {
  const entries = await readdir(path.join(folder, prefix), { withFileTypes: true })
  const found = await Promise.all(
    entries
      .filter(entry => !nameProblem(entry.name))
      .map(async entry => {
        if (entry.isDirectory()) return recurse ? below(folder, true, `${prefix}${entry.name}/`) : []
        return entry.isFile() ? [{ path: prefix + entry.name, file: path.join(folder, prefix, entry.name) }] : []
      }),
  )
  return found.flat().sort((a, b) => a.path.localeCompare(b.path))
}

const infoOf = async (file: string, name: string): Promise<FileInfo> => {
  const { size, mtimeMs, birthtimeMs } = await stat(file)
  return { path: name, size, modified: Math.round(mtimeMs), created: Math.round(birthtimeMs) }
}

const describe = (found: { path: string; file: string }[], isFull: boolean, isSplit: boolean): Promise<unknown[]> =>
  Promise.all(found.map(({ path: name, file }) => (isFull ? infoOf(file, name) : isSplit ? [name, ...name.split('/')] : name)))

async function listing(folder: string, prefix: string): Promise<object[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    // Links are neither; they may lead nowhere.
    entry => !nameProblem(entry.name) && (entry.isFile() || entry.isDirectory()),
  )
  const rows = await Promise.all(
    entries.map(async entry => {
      const name = prefix ? `${prefix}/${entry.name}` : entry.name
      if (entry.isDirectory()) return { name: entry.name, path: name, type: 'directory' }
      const { size, modified } = await infoOf(path.join(folder, entry.name), name)
      return { name: entry.name, path: name, type: 'file', size, modified }
    }),
  )
  return rows.sort((a, b) => a.type.localeCompare(b.type) || a.name.localeCompare(b.name))
}
