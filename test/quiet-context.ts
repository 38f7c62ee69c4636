import { Resvg } from '@resvg/resvg-js'
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import { createSources } from '../cli/sources.ts'
import { openInception } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import { zeros, type Tensor } from '../model/tensor.ts'
import type { Context, SavedImage } from '../nodes/node.ts'
import { splitAnnotation } from '../server/annotated-files.ts'

const sources = createSources()

/**
 * A world for nodes that writes nothing and keeps all it was told. `files` maps names of the input and inception folders to paths; `reader` reads
 * attributes where pictures are of a size that no reader comes with.
 */
export function quietContext(
  patronus: Patronus,
  files: Readonly<Record<string, string>> = {},
  signal = new AbortController().signal,
  reader?: AttributeReader,
) {
  const heard = {
    previews: [] as Tensor[],
    progress: [] as [value: number, max: number][],
    activations: [] as { t: number; s: Tensor }[],
    saved: [] as { images: Tensor; type: string; prefix?: string }[],
    sent: [] as Tensor[],
    svgs: [] as string[],
    artefacts: new Map<string, Uint8Array>(),
  }
  const turn = async () => {
    await new Promise(resolve => setImmediate(resolve))
    signal.throwIfAborted()
  }
  const context: Context = {
    node: 'quiet',
    prompt: {},
    extraPngInfo: {},
    signal,
    progress: (value, max) => void heard.progress.push([value, max]),
    async preview(image) {
      heard.previews.push(image)
      await turn()
    },
    activations: (t, s) => void heard.activations.push({ t, s }),
    pause: turn,
    wait: turn,
    checkpoint: async () => patronus,
    inception: name => openInception(files[name], 'cpu'),
    readImage: name => readPng(files[splitAnnotation(name).name]),
    async saveImages(images, options) {
      heard.saved.push({ images, ...options })
      return Array.from({ length: images.shape[0] }, (_, i): SavedImage => ({
        filename: `${heard.saved.length}-${i}.png`,
        subfolder: '',
        type: options.type,
      }))
    },
    sendImages: async images => void heard.sent.push(images),
    dataSet: request => sources.dataSet(request, undefined, { signal, progress: () => {} }),
    reader: async data => reader ?? sources.reader(data, { signal, progress: () => {} }),
    untrained: (config, data, seed) => sources.untrained(config, data, seed, { signal, progress: () => {} }),
    artefacts: {
      read: async key => heard.artefacts.get(key),
      write: async (key, bytes) => void heard.artefacts.set(key, bytes),
    },
    async drawSvg(svg) {
      heard.svgs.push(svg)
      const { width, height, pixels } = new Resvg(svg, { font: { loadSystemFonts: false } }).render()
      return fromBytes(pixels, width, height, 4).image
    },
  }
  return { context, heard }
}

async function readPng(path: string): Promise<{ image: Tensor; mask: Tensor }> {
  const { data, info } = await sharp(await readFile(path))
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return fromBytes(data, info.width, info.height, info.channels)
}

function fromBytes(data: Uint8Array, width: number, height: number, channels: number): { image: Tensor; mask: Tensor } {
  const image = zeros([1, height, width, 3])
  const mask = zeros([1, height, width])
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[i * 3 + c] = data[i * channels + c] / 255
    mask.data[i] = 1 - data[i * channels + 3] / 255
  }
  return { image, mask }
}
