/**
 * The atlas as it lies beside a checkpoint: `name.atlas.json`, and all pictures in one `name.atlas.webp`
 * (docs/data-representation.md). Here: what the JSON holds, its checks, and where pictures stand in the sheet.
 */
import type { Box } from '../model/receptive-field.ts'
import type { Atlas, AtlasEntry } from './atlas.ts'
import { isRecord, kindOf, parserMessage } from './plain-values.ts'

/** What the JSON holds; sizes in pixels. Entry i's pictures stand in row i mod `rows` of block ⌊i / rows⌋, `faces` in a row. */
export type AtlasFile = {
  readonly format: 'patronus-atlas'
  readonly version: 1
  /** SHA-256 of the checkpoint file, hex. */
  readonly checkpoint: string
  readonly faces: number
  readonly steps: number
  readonly picture: { readonly width: number; readonly height: number }
  /** Rows of pictures in a block of the sheet; the next block stands at its right. */
  readonly rows: number
  readonly shuffled: Atlas['shuffled']
  readonly entries: Atlas['entries']
}

export const atlasLimits = {
  characters: 16 << 20,
  prototypes: 10_000,
  faces: 64,
  /** Pixels a side of the sheet: WebP cannot be taller or wider. */
  side: 16_383,
  /** Pixels of the sheet: the server opens no larger picture. */
  pixels: 64 << 20,
} as const

/** The file that belongs to a checkpoint, by its path or name. */
export const atlasName = (checkpoint: string, kind: 'json' | 'webp'): string =>
  checkpoint.replace(/(\.safetensors)?$/, `.atlas.${kind}`)

export type Sheet = { readonly rows: number; readonly width: number; readonly height: number }

/** The sheet for so many prototypes on so many pictures: as few blocks as its height allows, of as equal height as can be. */
export function sheetFor(count: number, faces: number, picture: AtlasFile['picture']): Sheet {
  const rows = Math.ceil(count / Math.ceil(count / Math.floor(atlasLimits.side / picture.height)))
  const sheet = { rows, ...sheetSize({ rows, faces, picture }, count) }
  if (!isPossible(sheet))
    throw new Error(
      `atlas: ${count} prototypes on ${faces} pictures of ${picture.width}×${picture.height} do not fit into one sheet of ${atlasLimits.side} pixels a side and ${atlasLimits.pixels} in all; take fewer pictures`,
    )
  return sheet
}

const sheetSize = ({ rows, faces, picture }: Pick<AtlasFile, 'rows' | 'faces' | 'picture'>, count: number) => ({
  width: Math.ceil(count / rows) * faces * picture.width,
  height: rows * picture.height,
})

const isPossible = ({ width, height }: Omit<Sheet, 'rows'>): boolean =>
  Math.max(width, height) <= atlasLimits.side && width * height <= atlasLimits.pixels

/** Size of the sheet that belongs to the file. */
export const sheetOf = (file: AtlasFile): Omit<Sheet, 'rows'> => sheetSize(file, file.entries.length)

/** Where the pictures of entry i stand in the sheet, side by side. */
export const stripOf = (
  { faces, picture: { width, height }, rows }: Pick<AtlasFile, 'faces' | 'picture' | 'rows'>,
  i: number,
) => ({
  left: Math.floor(i / rows) * faces * width,
  top: (i % rows) * height,
  width: faces * width,
  height,
})

/** An atlas file that cannot be used; the message says what is wrong with it. */
export class AtlasError extends Error {
  override readonly name = 'AtlasError'
}

function fault(where: string, wanted: string, value: unknown): never {
  throw new AtlasError(`${where} should be ${wanted}, is ${kindOf(value)}`)
}

/** JSON text of an atlas file. `count`: how many prototypes its checkpoint has. */
export function parseAtlas(text: string, count?: number): AtlasFile {
  if (text.length > atlasLimits.characters)
    throw new AtlasError(`the file has ${text.length} characters; at most ${atlasLimits.characters} are allowed`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AtlasError(`the file is not JSON: ${parserMessage(error)}`)
  }
  return checkAtlas(value, count)
}

export function checkAtlas(value: unknown, count: number = atlasLimits.prototypes): AtlasFile {
  const given = record(value, 'the file')
  if (given.format !== 'patronus-atlas') fault('format', '"patronus-atlas"', given.format)
  if (given.version !== 1) fault('version', '1 (a newer program may have written it)', given.version)
  const { checkpoint } = given
  if (typeof checkpoint !== 'string' || !/^[0-9a-f]{64}$/.test(checkpoint))
    fault('checkpoint', 'the SHA-256 of a checkpoint file (64 hex digits)', checkpoint)
  const faces = whole(given.faces, 'faces', 1, atlasLimits.faces)
  const size = record(given.picture, 'picture')
  const picture = {
    width: whole(size.width, 'picture.width', 1, atlasLimits.side),
    height: whole(size.height, 'picture.height', 1, atlasLimits.side),
  }
  const entries = list(given.entries, 'entries', [1, count], (entry, where) => entryOf(entry, where, { faces, picture, count }))
  if (new Set(entries.map(({ prototype }) => prototype)).size < entries.length)
    throw new AtlasError('entries: a prototype is there twice')
  const file: AtlasFile = {
    format: 'patronus-atlas',
    version: 1,
    checkpoint,
    faces,
    steps: whole(given.steps, 'steps', 1, 100_000),
    picture,
    rows: whole(given.rows, 'rows', 1, entries.length),
    shuffled: given.shuffled === null ? null : chanceOf(given.shuffled),
    entries,
  }
  const { width, height } = sheetOf(file)
  if (!isPossible({ width, height })) throw new AtlasError(`a sheet of ${width}×${height} pixels is too large`)
  return file
}

type Known = { readonly faces: number; readonly picture: AtlasFile['picture']; readonly count: number }

function entryOf(value: unknown, where: string, { faces, picture, count }: Known): AtlasEntry {
  const given = record(value, where)
  const perFace = <T>(name: string, read: (value: unknown, where: string) => T) =>
    list(given[name], `${where}.${name}`, [faces, faces], read)
  return {
    prototype: whole(given.prototype, `${where}.prototype`, 0, count - 1),
    value: finite(given.value, `${where}.value`),
    before: perFace('before', finite),
    after: perFace('after', finite),
    cells: perFace('cells', (cell, where) => whole(cell, where, 0, picture.width * picture.height - 1)),
    boxes: perFace('boxes', (box, where) => boxOf(box, where, picture)),
    consistency: given.consistency === null ? null : cosine(given.consistency, `${where}.consistency`),
  }
}

function boxOf(value: unknown, where: string, { width, height }: AtlasFile['picture']): Box {
  const given = record(value, where)
  const x0 = whole(given.x0, `${where}.x0`, 0, width - 1)
  const y0 = whole(given.y0, `${where}.y0`, 0, height - 1)
  return { x0, y0, x1: whole(given.x1, `${where}.x1`, x0 + 1, width), y1: whole(given.y1, `${where}.y1`, y0 + 1, height) }
}

function chanceOf(value: unknown): AtlasFile['shuffled'] {
  const { mean, high } = record(value, 'shuffled')
  return { mean: cosine(mean, 'shuffled.mean'), high: cosine(high, 'shuffled.high') }
}

const record = (value: unknown, where: string): Record<string, unknown> =>
  isRecord(value) ? value : fault(where, 'an object', value)

const list = <T>(
  value: unknown,
  where: string,
  [least, most]: readonly [number, number],
  read: (value: unknown, where: string) => T,
): T[] => {
  if (!Array.isArray(value)) fault(where, 'a list', value)
  const wanted = least === most ? String(least) : `${least} … ${most}`
  if (!(value.length >= least && value.length <= most))
    throw new AtlasError(`${where} should have length ${wanted}, has ${value.length}`)
  return value.map((item, i) => read(item, `${where}[${i}]`))
}

const finite = (value: unknown, where: string): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : fault(where, 'a number', value)

const cosine = (value: unknown, where: string): number =>
  typeof value === 'number' && Math.abs(value) <= 1 ? value : fault(where, 'a number -1 … 1', value)

const whole = (value: unknown, where: string, least: number, most: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : fault(where, `a whole number ${least} … ${most}`, value)
