import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import { countOf, firstPictures, picturesFrom, type DataSet } from '../analysis/data-set.ts'
import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { ModelConfig } from '../model/config.ts'
import { concat, type Tensor } from '../model/tensor.ts'
import type { DataSetRequest } from '../nodes/node.ts'
import type { SourceHooks, Sources } from '../server/sources.ts'
import type { InTurn } from '../server/turns.ts'
import type { Reporter } from '../train/progress.ts'
import { findHouse } from './house.ts'

/** The reader of 64-pixel faces that comes with the program (checkpoints/avatars64.reader.md). */
export const shippedReader = () => path.join(findHouse(fileURLToPath(import.meta.url)), 'checkpoints', 'avatars64.reader.f32')

/** Synthetic sets by the names that the data set node offers. */
const faces: Readonly<Record<string, { readonly bias: number; readonly redHair?: boolean }>> = {
  avatars: { bias: 0 },
  'avatars without red hair': { bias: 0, redHair: false },
  'avatars, biased': { bias: 1 },
}

/** Seeds of the node begin where those of test sets do: seed 1 gives the faces that the shipped models are judged on. */
const testSeeds = 1_000_000

/** Data sets and readers as the program has them: synthetic faces, and folders of pictures. */
export function createSources(): Sources {
  /** Pictures of a folder that were not asked for: what a reader may learn from. */
  const others = new WeakMap<DataSet, DataSet>()
  const readers = new Map<string, Promise<AttributeReader>>()
  return {
    async dataSet(request, folder, hooks) {
      const { set, seed, count, image } = request
      const size = sideOf(request)
      if (Object.hasOwn(faces, set)) {
        const { avatars } = await import('../train/datasets/avatars.ts')
        const { signal, progress: onProgress } = hooks
        const drawn = await avatars({ ...faces[set], count, seed: seed + testSeeds, size, cache: false, signal, onProgress })
        return image.channels === 3 ? drawn : greyed(drawn)
      }
      if (!folder)
        throw new Error(
          `there is no data set "${set}"; choose one of ${Object.keys(faces).join(', ')}, or put a folder of pictures into data/datasets`,
        )
      const [{ folderDataSet }, { flatPicture }] = await Promise.all([
        import('../train/datasets/folder.ts'),
        import('../server/decoding.ts'),
      ])
      const channels = image.channels === 1 ? 1 : 3
      const attributes = await attributesIn(folder)
      const options = { path: folder, attributes, size, channels, test: count, seed } as const
      const { data } = await folderDataSet(options, { decode: flatPicture, signal: hooks.signal })
      const found = { ...data.test, name: set }
      others.set(found, { ...data.train, name: set })
      return found
    },
    async reader(data, hooks) {
      const { isFaces } = await import('../train/readers.ts')
      const key = isFaces(data) ? `faces ${data.shape[0]}` : undefined
      const known = key === undefined ? undefined : readers.get(key)
      if (known) return known
      const opened = openReader(data, others.get(data), hooks)
      if (key !== undefined) {
        readers.set(key, opened)
        opened.catch(() => readers.delete(key))
      }
      return opened
    },
    untrained,
    suggestions,
  }
}

/** Pictures that the untrained encoder's prototypes are taken from, and pictures a network call. */
const [patchesOf, batch] = [512, 32]

async function untrained(config: ModelConfig, data: DataSet, seed: number, { signal, progress }: SourceHooks): Promise<Tensor> {
  const { untrainedControl } = await import('../train/control.ts')
  const count = countOf(data)
  const control = await untrainedControl(config, data, { images: Math.min(patchesOf, count), seed })
  try {
    const parts: Tensor[] = []
    for (let from = 0; from < count; from += batch) {
      signal.throwIfAborted()
      const to = Math.min(from + batch, count)
      parts.push(await control.activations(picturesFrom(data, from, to)))
      progress(to, count)
    }
    return concat(parts)
  } finally {
    await control.dispose()
  }
}

/** As `patronus names --suggest` without options; what the page shows is what the command prints. */
async function suggestions(
  patronus: Patronus,
  name: string,
  { signal, inTurn }: { signal: AbortSignal; inTurn: InTurn },
): Promise<NameSuggestions> {
  const [{ byLead }, { ownPictures }, { suggestDefaults, suggestionsFor }, { silent }] = await Promise.all([
    import('../analysis/name-suggestions.ts'),
    import('./own-pictures.ts'),
    import('./suggest-names.ts'),
    import('../train/progress.ts'),
  ])
  const own = await ownPictures(patronus.info, { name, count: suggestDefaults.pictures, signal })
  const found = await suggestionsFor(
    { patronus, ...own, reporter: silent, signal },
    { ...suggestDefaults, control: true, inTurn },
  )
  return { ...found, suggestions: byLead(found.suggestions) }
}

async function openReader(data: DataSet, others: DataSet | undefined, hooks: SourceHooks): Promise<AttributeReader> {
  if (!data.attributes) throw new Error(`${data.name} has no attributes to read; give a data set with an attributes.csv`)
  const { avatarReader, isFaces, trainedReader } = await import('../train/readers.ts')
  const options = { signal: hooks.signal, reporter: reporterOf(hooks), shipped: shippedReader() }
  if (isFaces(data)) return avatarReader(data.attributes.names, data.shape[0], options)
  if (!others) throw new Error(`${data.name}: there are no other pictures for a reader of its attributes to learn from`)
  return trainedReader(others, options)
}

const reporterOf = ({ progress }: SourceHooks): Reporter => ({ step: (done, total) => progress(done, total), say: () => {} })

function sideOf({ image: { height, width } }: DataSetRequest): number {
  if (height !== width) throw new Error(`data sets are of square pictures; this model wants ${height}×${width}`)
  return height
}

async function attributesIn(folder: string): Promise<string | undefined> {
  const { access } = await import('node:fs/promises')
  const file = path.join(folder, 'attributes.csv')
  return access(file).then(
    () => file,
    () => undefined,
  )
}

/** Faces in grey, by the one luma that pictures of nodes get, too. */
async function greyed(data: DataSet): Promise<DataSet> {
  const { grey } = await import('../analysis/pixels.ts')
  const { shape, data: images } = grey(firstPictures(data, countOf(data)))
  return { ...data, shape: [shape[1], shape[2], 1], images }
}
