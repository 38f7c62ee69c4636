/** The atlas as it lies beside a checkpoint: `name.atlas.json` and all pictures in one `name.atlas.webp`. */
import sharp from 'sharp'
import type { Atlas } from '../analysis/atlas.ts'
import { writeWhole } from './files.ts'

/** WebP cannot be taller or wider. */
const longest = 16_383

/** What the JSON holds; sizes in pixels. Entry i's pictures stand in row i mod `rows` of block ⌊i / rows⌋, `faces` in a row. */
export type AtlasFile = {
  readonly format: 'patronus-atlas'
  readonly version: 1
  /** The checkpoint's id. */
  readonly checkpoint: string
  readonly faces: number
  readonly steps: number
  readonly picture: { readonly width: number; readonly height: number }
  /** Rows of pictures in a block of the sheet; the next block stands at its right. */
  readonly rows: number
  readonly shuffled: Atlas['shuffled']
  readonly entries: Atlas['entries']
}

/** Writes both files whole; gives their paths. `stem` is the checkpoint's path without its ending. */
export async function writeAtlas(stem: string, atlas: Atlas, checkpoint: string): Promise<string[]> {
  const { entries, images, faces, steps, shuffled } = atlas
  const [, height, width] = images.shape
  const rows = Math.min(entries.length, Math.floor(longest / height))
  const blocks = Math.ceil(entries.length / rows)
  const sheet = { width: blocks * faces * width, height: rows * height }
  if (sheet.width > longest)
    throw new Error(`atlas: ${entries.length} prototypes on ${faces} pictures do not fit into one sheet; take fewer pictures`)
  const pixels = sheetPixels(atlas, rows, sheet)
  const raw = { ...sheet, channels: 3 as const }
  const picture = await sharp(pixels, { raw }).webp({ quality: 88 }).toBuffer()
  const file: AtlasFile = {
    format: 'patronus-atlas',
    version: 1,
    checkpoint,
    faces,
    steps,
    picture: { width, height },
    rows,
    shuffled,
    entries: entries.map(rounded),
  }
  await writeWhole(`${stem}.atlas.webp`, [picture])
  await writeWhole(`${stem}.atlas.json`, [`${JSON.stringify(file)}\n`])
  return [`${stem}.atlas.webp`, `${stem}.atlas.json`]
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

function sheetPixels({ images, faces, entries }: Atlas, rows: number, sheet: { width: number; height: number }): Buffer {
  const [, height, width, C] = images.shape
  const out = Buffer.alloc(sheet.width * sheet.height * 3, 255)
  for (let i = 0; i < entries.length * faces; i++) {
    const entry = Math.floor(i / faces)
    const left = (Math.floor(entry / rows) * faces + (i % faces)) * width
    const top = (entry % rows) * height
    for (let p = 0; p < width * height; p++)
      for (let c = 0; c < 3; c++) {
        const value = images.data[(i * width * height + p) * C + (C === 3 ? c : 0)]
        const at = ((top + Math.floor(p / width)) * sheet.width + left + (p % width)) * 3 + c
        out[at] = Math.round((value + 1) * 127.5)
      }
  }
  return out
}
