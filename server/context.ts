import { randomInt } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Artefacts } from '../analysis/artefacts.ts'
import type { FeatureNetwork } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import type { Context, SavedImage } from '../nodes/node.ts'
import { writePngGraph } from '../workflows/png.ts'
import { splitAnnotation } from './annotated-files.ts'
import { decodeImage } from './decoding.ts'
import { nameProblem, type Files } from './files.ts'
import { drawSvg, encodePng } from './images.ts'
import { isInception } from './offered.ts'
import { counterOf, outputName, type Claim } from './output-names.ts'
import type { Previews } from './preview.ts'
import type { Job } from './queue.ts'
import type { Sources } from './sources.ts'
import { writeWhole } from './whole-files.ts'

export type ContextParts = {
  readonly job: Job
  readonly node: string
  readonly files: Files
  readonly sources: Sources
  readonly signal: AbortSignal
  readonly previews: Previews
  checkpoint(name: string): Promise<Patronus>
  /** Opens an Inception-v3 file on the chosen device. */
  inception(file: string): Promise<FeatureNetwork>
  progress(value: number, max: number): void
  /** Names for pictures of this node, written down before they are used (output-names.ts). */
  claim(wish: Omit<Claim, 'promptId' | 'node' | 'position'>): Promise<readonly string[]>
  activations(t: number, s: number[][]): void
  /** Fulfilled when the other side has it. */
  send(png: Buffer): Promise<void> | void
}

/** The world of one running node (nodes/node.ts): the files it may touch, the bars and pictures it may move. */
export function createContext(parts: ContextParts): Context {
  const { files, signal, previews, job } = parts
  return {
    node: parts.node,
    signal,
    prompt: job.prompt,
    extraPngInfo: pngInfoOf(job),
    progress: parts.progress,
    preview: async image => {
      await previews.show(image)
      signal.throwIfAborted()
    },
    activations: (t, s) => parts.activations(t, tableOf(s)),
    pause: async () => {
      await turn()
      signal.throwIfAborted()
    },
    wait: ms => sleep(ms, undefined, { signal }),
    checkpoint: parts.checkpoint,
    inception: async name => parts.inception(await findInception(files, name)),
    readImage: async name => decodeImage(await findImage(files, name)),
    saveImages: (images, { type, prefix = type === 'temp' ? 'preview' : 'Patronus' }) =>
      saveImages(images, {
        files,
        type,
        prefix: type === 'temp' ? `${prefix}_${randomLetters()}` : prefix,
        texts: textsOf(job),
        claim: parts.claim,
      }),
    sendImages: async images => {
      for (let b = 0; b < images.shape[0]; b++) {
        signal.throwIfAborted()
        await parts.send(await encodePng(rows(images, b, b + 1)))
      }
    },
    dataSet: async request => parts.sources.dataSet(request, await findFolder(files, request.set), parts),
    reader: data => parts.sources.reader(data, parts),
    untrained: (config, data, seed) => parts.sources.untrained(config, data, seed, parts),
    artefacts: createArtefacts(files),
    drawSvg,
  }
}

/** s is told to five decimals: what a page can show, in a third of the text. */
const tableOf = ({ shape, data }: Tensor): number[][] =>
  Array.from({ length: shape[0] }, (_, b) =>
    Array.from(data.subarray(b * shape[1], (b + 1) * shape[1]), value => Math.round(value * 1e5) / 1e5),
  )

/** `name`, or `name [output]`, `name [temp]` as ComfyUI's clients write it for pictures that lie elsewhere. */
async function findImage(files: Files, name: string): Promise<string> {
  const { name: bare, folder = 'input' } = splitAnnotation(name)
  const file = await files.find(folder, bare)
  if (!file) throw new Error(`There is no image "${bare}" in the ${folder} folder; upload it, or choose another`)
  return file
}

async function findInception(files: Files, name: string): Promise<string> {
  const file = await files.find('inception', name)
  if (file) return file
  const there = (await files.list('inception', isInception)).join(', ') || '(none)'
  throw new Error(
    `There is no "${name}" in the inception folder, which is data/inception unless --data names another data folder; put an Inception-v3 as ONNX there, or choose one of: ${there}`,
  )
}

/** What every saved PNG carries: the graph it came from, in both forms, so that dropping it on an editor brings the graph back. */
const textsOf = (job: Job): Record<string, unknown> => ({ prompt: job.prompt, ...pngInfoOf(job) })

function pngInfoOf({ extraData }: Job): Readonly<Record<string, unknown>> {
  const extra = extraData.extra_pnginfo
  return typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? (extra as Record<string, unknown>) : {}
}

/** A folder of pictures, where a data set's name is one. */
const findFolder = async (files: Files, name: string): Promise<string | undefined> =>
  nameProblem(name) ? undefined : files.folder('datasets', name)

const createArtefacts = (files: Files): Artefacts => ({
  read: async key => {
    const file = await files.find('artefacts', key)
    return file === undefined ? undefined : readFile(file)
  },
  write: async (key, bytes) => writeWhole(await files.place('artefacts', key), bytes),
})

const randomLetters = () => Array.from({ length: 5 }, () => 'abcdefghijklmnopqrstuvwxyz'[randomInt(26)]).join('')

type Saving = {
  readonly files: Files
  readonly type: 'output' | 'temp'
  readonly prefix: string
  readonly texts: Readonly<Record<string, unknown>>
  readonly claim: ContextParts['claim']
}

/** `folder/prefix_00001_.png` and so on, one file a picture, counting on from what lies there (spec/comfyui.md 3.7). */
async function saveImages(images: Tensor, { files, type, prefix, texts, claim }: Saving): Promise<SavedImage[]> {
  const [B, height, width] = images.shape
  const wanted = fillIn(prefix, { width, height })
  const subfolder = path.posix.dirname(wanted) === '.' ? '' : path.posix.dirname(wanted)
  const stem = path.posix.basename(wanted)
  const from = await nextCounter(path.dirname(await files.place(type, `${wanted}_`)), stem)
  const saved: SavedImage[] = []
  // Temporary pictures are gone at the next start anyhow; nobody needs to know later whose they were.
  const names =
    type === 'output'
      ? await claim({ type, subfolder, stem, count: B, from })
      : Array.from({ length: B }, (_, b) => outputName(stem, b, from + b))
  for (const [b, filename] of names.entries()) {
    const file = await files.place(type, subfolder ? `${subfolder}/${filename}` : filename)
    await writeWhole(file, writePngGraph(await encodePng(rows(images, b, b + 1)), texts))
    saved.push({ filename, subfolder, type })
  }
  return saved
}

/** ComfyUI's `%year%` and the like. */
function fillIn(prefix: string, { width, height }: { width: number; height: number }): string {
  const now = new Date()
  const two = (n: number) => String(n).padStart(2, '0')
  const values: Record<string, string> = {
    width: String(width),
    height: String(height),
    year: String(now.getFullYear()),
    month: two(now.getMonth() + 1),
    day: two(now.getDate()),
    hour: two(now.getHours()),
    minute: two(now.getMinutes()),
    second: two(now.getSeconds()),
  }
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`%${name}%`, value), prefix)
}

/** One more than the highest number in a folder among files of that stem. */
const nextCounter = async (folder: string, stem: string): Promise<number> =>
  (await readdir(folder)).reduce((highest, name) => Math.max(highest, counterOf(stem, name)), 0) + 1
