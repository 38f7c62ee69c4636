import path from 'node:path'
import type { DataSet } from '../analysis/data-set.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { BadRequest } from '../server/problem.ts'
import type { DataConfig } from '../train/config.ts'

/** Test pictures of what a checkpoint was trained on, and the first of its training pictures, when asked for. */
export type OwnPictures = { readonly test: DataSet; train(count?: number): Promise<DataSet> }

/**
 * What a checkpoint says it was trained on, as far as a server may read it: a file that somebody passed on must not send it
 * through the disk. BadRequest with what to do instead where these pictures cannot be had.
 *
 * name   file name of the checkpoint
 * count  test pictures, at most
 */
export async function ownPictures(
  info: CheckpointInfo,
  { name, count, signal }: { name: string; count: number; signal: AbortSignal },
): Promise<OwnPictures> {
  const [{ checkPictures, facts }, { dataOf, firstOf }, { loadSplit }, { flatPicture }] = await Promise.all([
    import('../analysis/data-set.ts'),
    import('../train/data-of.ts'),
    import('../train/datasets/load.ts'),
    import('../server/decoding.ts'),
  ])
  const refuse = (why: string) => new BadRequest('no_data_set', `${why}. ${otherwise(name)}`, 422)
  if (typeof info.provenance.trainingConfig !== 'string')
    throw refuse(`"${name}" does not say which pictures it was trained on, as an imported checkpoint never does`)
  const load = async (split: 'train' | 'test', count: number): Promise<DataSet> => {
    try {
      const config = firstOf(dataOf(info), split, count)
      checkConfig(config, info)
      const found = await loadSplit(config, split, { signal, cache: false, decode: flatPicture })
      checkPictures(found, info)
      return found
    } catch (error) {
      signal.throwIfAborted()
      throw refuse(`The pictures that "${name}" was trained on cannot be had here: ${(error as Error).message}`)
    }
  }
  const test = await load('test', count)
  if (facts(test).names.length === 0)
    throw refuse(
      `The pictures that "${name}" was trained on (${test.name}) have neither attributes nor classes to take names from`,
    )
  return { test, train: (count = Infinity) => load('train', count) }
}

const otherwise = (name: string): string =>
  `For suggestions from other pictures: npx patronus names <folder>/${name} --suggest --data-set <config>`

/** Before anything is read or drawn. */
function checkConfig(config: DataConfig, { config: { image } }: CheckpointInfo): void {
  if (config.size !== image.height || config.size !== image.width)
    throw new Error(`they are ${config.size}×${config.size}, the model wants ${image.height}×${image.width}`)
  if (config.kind === 'avatars') return
  for (const place of [config.path, config.kind === 'folder' ? config.attributes : undefined])
    if (place !== undefined && !isBelow(place))
      throw new Error(
        `${place} lies outside the folder that the server was started in, and there it reads nothing for a checkpoint`,
      )
}

/** Whether a path stays in the folder where the program runs. */
function isBelow(place: string): boolean {
  const way = path.relative('.', place)
  return way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way)
}
