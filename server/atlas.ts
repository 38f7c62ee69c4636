import { readFile, stat } from 'node:fs/promises'
import { AtlasError, atlasLimits, atlasName, parseAtlas, sheetOf, stripOf, type AtlasFile } from '../analysis/atlas-file.ts'
import { beside, type Files } from './files.ts'
import { cutImage, imageSize } from './decoding.ts'
import type { Subject } from './names.ts'
import { BadRequest } from './problem.ts'

/** The prototype atlases that `patronus atlas` put beside checkpoints. The files are as hostile as any other until checked. */
export type Atlases = {
  /** Whether there is one; says nothing about its worth. */
  has(checkpoint: string): Promise<boolean>
  /** BadRequest: 404 without one, 409 when it was made from other weights, 422 when it cannot be used. */
  read(checkpoint: string, subject: Subject): Promise<AtlasFile>
  /** PNG of the pictures formed with one prototype raised, side by side, without frames. */
  strip(checkpoint: string, subject: Subject, prototype: number): Promise<Buffer>
}

export function createAtlases(files: Files): Atlases {
  const find = (checkpoint: string, kind: 'json' | 'webp') => beside(files, checkpoint, atlasName(checkpoint, kind))
  const read = async (checkpoint: string, subject: Subject): Promise<AtlasFile> => {
    const file = await find(checkpoint, 'json')
    if (!file) throw new BadRequest('no_atlas', `There is no atlas of "${checkpoint}" yet; ${make(checkpoint)}`, 404)
    const atlas = await parsed(file, checkpoint, subject.count)
    if (atlas.checkpoint !== subject.id)
      throw new BadRequest(
        'other_checkpoint',
        `The atlas beside "${checkpoint}" was made from another file (${atlas.checkpoint.slice(0, 12)}…; this one is ${subject.id.slice(0, 12)}…), whose prototypes are others; ${make(checkpoint)}`,
        409,
      )
    return atlas
  }
  return {
    has: async checkpoint => (await find(checkpoint, 'json')) !== undefined,
    read,
    strip: async (checkpoint, subject, prototype) => {
      const atlas = await read(checkpoint, subject)
      const i = atlas.entries.findIndex(entry => entry.prototype === prototype)
      if (i < 0) throw new BadRequest('not_found', `The atlas of "${checkpoint}" has no pictures of that prototype`, 404)
      const sheet = await find(checkpoint, 'webp')
      if (!sheet) throw unusable(checkpoint, `${atlasName(checkpoint, 'webp')} is missing`)
      const { width, height } = sheetOf(atlas)
      try {
        const found = await imageSize(sheet)
        if (found.width !== width || found.height !== height)
          throw new AtlasError(`its sheet should have ${width}×${height} pixels, has ${found.width}×${found.height}`)
        return await cutImage(sheet, stripOf(atlas, i))
      } catch (error) {
        throw unusable(checkpoint, error instanceof AtlasError ? error.message : 'its sheet is no whole picture')
      }
    },
  }
}

const make = (checkpoint: string): string => `make one with: npx patronus atlas <folder>/${checkpoint}`

const unusable = (checkpoint: string, why: string) =>
  new BadRequest('bad_atlas', `The atlas of "${checkpoint}" cannot be used (${why}); ${make(checkpoint)}`, 422)

async function parsed(file: string, checkpoint: string, count: number): Promise<AtlasFile> {
  try {
    // It is plain ASCII; what is larger is not read to find that out.
    if ((await stat(file)).size > atlasLimits.characters) throw new AtlasError('the file is too large')
    return parseAtlas(await readFile(file, 'utf8'), count)
  } catch (error) {
    if (error instanceof AtlasError) throw unusable(checkpoint, error.message)
    throw error
  }
}
