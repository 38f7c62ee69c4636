import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { RequestHandler, Response, Router } from 'express'
import multer from 'multer'
import type { Parts } from '../app.ts'
import { writeWhole } from '../context.ts'
import type { Files, Kind } from '../files.ts'
import { checkImage, convertImage } from '../images.ts'
import { BadRequest } from '../problem.ts'

/** What a browser may show; anything else is only ever downloaded, so that no file becomes a page of this origin. */
const shown: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.avif': 'image/avif',
}
const folders = ['output', 'input', 'temp'] as const
type Folder = (typeof folders)[number]

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Pictures out and in: /view, /upload/image (spec/comfyui.md 1.8, 1.9). */
export function fileRoutes(router: Router, { files, limits }: Parts): void {
  const upload = uploadOf(limits.upload)
  router.get('/view', async (request, response) => {
    const { kind, name } = wanted(request.query)
    const file = await files.find(kind, name)
    if (!file) throw new BadRequest('not_found', `There is no "${name}" in the ${kind} folder`, 404)
    protect(response)
    const type = shown[path.extname(file).toLowerCase()]
    const preview = text(request.query.preview)
    const channel = text(request.query.channel)
    if (type && (preview !== undefined || channel === 'rgb' || channel === 'a')) {
      const { mime, bytes } = await convertImage(file, { preview, channel })
      response.set({ 'Content-Type': mime, 'Content-Disposition': disposition('inline', name) }).send(bytes)
    } else send(response, file, name, type)
  })

  router.post('/upload/image', fewAtATime, upload, async (request, response) => {
    if (!request.file) throw new BadRequest('no_file', 'The upload holds no file; send it in the field "image"')
    const kind = folderOf(text(request.body?.type) ?? 'input')
    const subfolder = text(request.body?.subfolder) ?? ''
    const isOverwriting = ['true', '1'].includes(text(request.body?.overwrite) ?? '')
    const { buffer, originalname } = request.file
    if (buffer.length === 0) throw new BadRequest('empty_file', `The file "${originalname.slice(0, 80)}" is empty`)
    await checkImage(buffer)
    const name = await keep(files, { kind, subfolder, name: originalname, bytes: buffer, isOverwriting })
    response.json({ name, subfolder, type: kind })
  })
}

/** `filename` may end in ` [input]`, which then wins over `type`. */
function wanted(query: Record<string, unknown>): { kind: Kind; name: string } {
  const given = text(query.filename)
  if (!given) throw new BadRequest('no_filename', 'The query needs a filename')
  const [, bare, annotation] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(given)!
  const subfolder = text(query.subfolder) ?? ''
  return { kind: folderOf(annotation ?? text(query.type) ?? 'output'), name: subfolder ? `${subfolder}/${bare}` : bare }
}

function folderOf(name: string): Folder {
  const found = folders.find(folder => folder === name)
  if (!found)
    throw new BadRequest('bad_folder', `There is no folder "${name.slice(0, 40)}"; the folders are ${folders.join(', ')}`)
  return found
}

/** A file must not run, load or be read as anything else than what it says it is. */
export const protect = (response: Response): Response =>
  response.set({
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    'Cache-Control': 'no-cache',
  })

function send(response: Response, file: string, name: string, type: string | undefined): void {
  response.set({
    'Content-Type': type ?? 'application/octet-stream',
    'Content-Disposition': disposition(type ? 'inline' : 'attachment', name),
  })
  // The path is already resolved; `root` keeps the name check of `send` out of it.
  response.sendFile(path.basename(file), { root: path.dirname(file), dotfiles: 'allow', cacheControl: false })
}

const disposition = (how: 'inline' | 'attachment', name: string): string => {
  const base = path.posix.basename(name)
  return `${how}; filename="${base.replace(/[^\x20-\x7e]|["\\]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(base)}`
}

/** multer's own errors have a name; those of its parser (no boundary, an early end) are plain and just as much the client's. */
function uploadOf(largest: number): RequestHandler {
  const readForm = multer({
    storage: multer.memoryStorage(),
    limits: { fileSize: largest, files: 1, fields: 16, fieldSize: 64 << 10, parts: 20, headerPairs: 100 },
    defParamCharset: 'utf8',
  }).single('image')
  return (request, response, next) =>
    readForm(request, response, (error: unknown) =>
      next(
        error instanceof Error && error.name === 'Error'
          ? new BadRequest('bad_upload', `The upload was refused: ${error.message}`)
          : error,
      ),
    )
}

/** An upload holds its whole file in memory while it is checked; beyond two at a time they wait in their sockets. */
const fewAtATime: RequestHandler = (() => {
  const waiting: (() => void)[] = []
  let free = 2
  return (_, response, next) => {
    const begin = () => {
      if (response.destroyed) return waiting.length > 0 ? waiting.shift()!() : void free++
      response.once('close', () => (waiting.shift() ?? (() => free++))())
      next()
    }
    if (free === 0) return void waiting.push(begin)
    free--
    begin()
  }
})()

type Upload = {
  readonly kind: Folder
  readonly subfolder: string
  readonly name: string
  readonly bytes: Buffer
  readonly isOverwriting: boolean
}

/** Stores an upload; the same bytes keep their name, others of that name become `a (1).png`. Gives the name it got. */
async function keep(files: Files, { kind, subfolder, name, bytes, isOverwriting }: Upload): Promise<string> {
  const { name: stem, ext } = path.posix.parse(name)
  const digest = createHash('sha256').update(bytes).digest('hex')
  for (let i = 0; ; i++) {
    const candidate = i === 0 ? name : `${stem} (${i})${ext}`
    const full = subfolder ? `${subfolder}/${candidate}` : candidate
    const there = await files.find(kind, full)
    if (
      there &&
      !isOverwriting &&
      createHash('sha256')
        .update(await readFile(there))
        .digest('hex') === digest
    )
      return candidate
    if (there && !isOverwriting) continue
    await writeWhole(await files.place(kind, full), bytes)
    return candidate
  }
}
