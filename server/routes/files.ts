import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Request, RequestHandler, Response, Router } from 'express'
import multer from 'multer'
import { z } from 'zod'
import { copyPngText, isPng } from '../../workflows/png.ts'
import { splitAnnotation } from '../annotated-files.ts'
import type { Parts } from '../app.ts'
import { parseJson } from '../body.ts'
import { checkImage, convertImage, withAlphaOf } from '../decoding.ts'
import { nameProblem, type Files, type Kind } from '../files.ts'
import { BadRequest } from '../problem.ts'
import { writeWhole } from '../whole-files.ts'
import { parse } from './prompt.ts'

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

/** Pictures out and in: /view, /upload/image, /upload/mask (spec/comfyui.md 1.8, 1.9). */
export function fileRoutes(router: Router, { files, limits }: Parts): void {
  const upload = formReader(limits.upload)
  router.get('/view', async (request, response) => {
    const { kind, name } = wanted(request.query)
    const file = await files.find(kind, name)
    if (!file) throw new BadRequest('not_found', `There is no "${name}" in the ${kind} folder`, 404)
    protect(response).set('ETag', await tagOf(file, request.url))
    const type = shown[path.extname(file).toLowerCase()]
    const preview = text(request.query.preview)
    const channel = text(request.query.channel)
    if (type && (preview !== undefined || channel === 'rgb' || channel === 'a')) {
      if (request.fresh) return void response.status(304).end()
      const { mime, bytes } = await convertImage(file, { preview, channel })
      response.set({ 'Content-Type': mime, 'Content-Disposition': disposition('inline', name) }).send(bytes)
    } else send(response, file, name, type)
  })

  router.post('/upload/image', fewAtATime, upload, async (request, response) => {
    response.json(await keep(files, await uploadOf(request)))
  })
  router.post('/upload/mask', fewAtATime, upload, async (request, response) => {
    const sent = await uploadOf(request)
    const original = await originalOf(request, files)
    const masked = await withAlphaOf(original, sent.bytes)
    const source = await readFile(original)
    // Only PNG has an opacity and the graph, so a mask of `a.jpg` is `a.png`.
    const name = path.posix.format({ ...path.posix.parse(sent.name), base: undefined, ext: '.png' })
    const bytes = Buffer.from(isPng(source) ? copyPngText(source, masked) : masked)
    response.json(await keep(files, { ...sent, name, bytes }))
  })
}

/** The file of an upload and where it is to go; checked, and a picture. */
async function uploadOf({ file, body }: Request): Promise<Upload> {
  if (!file) throw new BadRequest('no_file', 'The upload holds no file; send it in the field "image"')
  const { buffer, originalname } = file
  if (buffer.length === 0) throw new BadRequest('empty_file', `The file "${originalname.slice(0, 80)}" is empty`)
  const fields = (body ?? {}) as Record<string, unknown>
  const kind = folderOf(text(fields.type) ?? 'input')
  await checkImage(buffer)
  return {
    kind,
    subfolder: withoutSlash(text(fields.subfolder) ?? ''),
    name: originalname,
    bytes: buffer,
    isOverwriting: ['true', '1'].includes(text(fields.overwrite) ?? ''),
  }
}

const reference = z.object({ filename: z.string(), subfolder: z.string().nullish(), type: z.string().nullish() })

/** The picture that a mask is for. comfy-ui-client calls the field `originalRef`. */
async function originalOf({ body }: Request, files: Files): Promise<string> {
  const { original_ref, originalRef } = (body ?? {}) as Record<string, unknown>
  const given = text(original_ref) ?? text(originalRef)
  if (given === undefined)
    throw new BadRequest('no_original', 'A mask needs original_ref: {"filename", "subfolder", "type"} as JSON')
  const { filename, subfolder, type } = parse(reference, parseJson(Buffer.from(given)))
  const { kind, name } = wanted({ filename, subfolder: subfolder ?? undefined, type: type ?? undefined })
  const file = await files.find(kind, name)
  if (!file) throw new BadRequest('not_found', `There is no "${name}" in the ${kind} folder to mask`, 404)
  return file
}

/** Changes with the file and with what was asked of it; the number that ComfyUI's page adds against caches says nothing. */
async function tagOf(file: string, url: string): Promise<string> {
  const { size, mtimeMs } = await stat(file)
  const asked = new URLSearchParams(url.split('?')[1] ?? '')
  asked.delete('rand')
  asked.sort()
  return `"${createHash('sha256').update(`${size}|${mtimeMs}|${asked}`).digest('base64url').slice(0, 27)}"`
}

/** `filename` may end in ` [input]`, which then wins over `type`. The statuses are ComfyUI's: 404 without a name, 403 for a bad folder. */
function wanted(query: Record<string, unknown>): { kind: Kind; name: string } {
  const given = text(query.filename)
  if (!given) throw new BadRequest('no_filename', 'The query needs a filename', given === undefined ? 404 : 400)
  const { name, folder } = splitAnnotation(given)
  const subfolder = withoutSlash(text(query.subfolder) ?? '')
  const problem = subfolder && nameProblem(subfolder)
  if (problem) throw new BadRequest('bad_file_name', `The subfolder "${subfolder.slice(0, 80)}" ${problem}`, 403)
  return { kind: folder ?? folderOf(text(query.type) ?? 'output'), name: subfolder ? `${subfolder}/${name}` : name }
}

/** `a/b/` as some clients write a folder. */
const withoutSlash = (folder: string): string => (folder.endsWith('/') ? folder.slice(0, -1) : folder)

export function folderOf(name: string): Folder {
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
function formReader(largest: number): RequestHandler {
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

/** Stores an upload; the same bytes keep their name, others of that name become `a (1).png`. Says where it lies now. */
async function keep(files: Files, upload: Upload): Promise<{ name: string; subfolder: string; type: Folder }> {
  return { name: await store(files, upload), subfolder: upload.subfolder, type: upload.kind }
}

async function store(files: Files, { kind, subfolder, name, bytes, isOverwriting }: Upload): Promise<string> {
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
