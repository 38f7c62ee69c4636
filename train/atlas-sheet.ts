/** Writes the atlas beside a checkpoint: `name.atlas.json` and all pictures in one `name.atlas.webp`. */
import sharp from 'sharp'
import { atlasName, sheetFor, stripOf, type AtlasFile, type Sheet } from '../analysis/atlas-file.ts'
import type { Atlas } from '../analysis/atlas.ts'
import { writeWhole } from './files.ts'

/** Writes both files whole; gives their paths. `stem` is the checkpoint's path without its ending, `checkpoint` its SHA-256. */
export async function writeAtlas(stem: string, atlas: Atlas, checkpoint: string): Promise<string[]> {
  const { entries, images, faces, steps, shuffled } = atlas
  const [, height, width] = images.shape
  const sheet = sheetFor(entries.length, faces, { width, height })
  const raw = { width: sheet.width, height: sheet.height, channels: 3 as const }
  const picture = await sharp(sheetPixels(atlas, sheet), { raw }).webp({ quality: 88 }).toBuffer()
  const file: AtlasFile = {
    format: 'patronus-atlas',
    version: 1,
    checkpoint,
    faces,
    steps,
    picture: { width, height },
    rows: sheet.rows,
    shuffled: shuffled && { mean: short(shuffled.mean), high: short(shuffled.high) },
    entries: entries.map(rounded),
  }
  const [sheetFile, jsonFile] = [atlasName(stem, 'webp'), atlasName(stem, 'json')]
  await writeWhole(sheetFile, [picture])
  await writeWhole(jsonFile, [`${JSON.stringify(file)}\n`])
  return [sheetFile, jsonFile]
}

/** Four decimals: finer than anything shown, in a third of the bytes. */
const short = (value: number): number => Number(value.toFixed(4))
const rounded = (entry: Atlas['entries'][number]): Atlas['entries'][number] => ({
  ...entry,
  value: short(entry.value),
  before: entry.before.map(short),
  after: entry.after.map(short),
  consistency: entry.consistency === null ? null : short(entry.consistency),
})

function sheetPixels({ images, faces, entries }: Atlas, { rows, ...size }: Sheet): Buffer {
  const [, height, width, C] = images.shape
  const out = Buffer.alloc(size.width * size.height * 3, 255)
  for (let i = 0; i < entries.length * faces; i++) {
    const strip = stripOf({ faces, rows, picture: { width, height } }, Math.floor(i / faces))
    const left = strip.left + (i % faces) * width
    for (let p = 0; p < width * height; p++)
      for (let c = 0; c < 3; c++) {
        const value = images.data[(i * width * height + p) * C + (C === 3 ? c : 0)]
        const at = ((strip.top + Math.floor(p / width)) * size.width + left + (p % width)) * 3 + c
        out[at] = Math.round((value + 1) * 127.5)
      }
  }
  return out
}
