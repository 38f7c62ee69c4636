import { readFile } from 'node:fs/promises'
import { countOf, type DataSet } from '../analysis/data-set.ts'
import { avatarNetwork } from './attribute-network.ts'
import { avatarTraining, classifierFor, shippedClassifier, type Classifier, type ClassifierTraining } from './classifier.ts'
import { avatars } from './datasets/avatars.ts'
import { faceAttributes } from './datasets/faces.ts'
import { silent, type Reporter } from './progress.ts'

/** Who reads attributes in pictures a model made: for synthetic faces a classifier that learned from faces of its own. */

/** Seed of the faces that the classifier learns from: no training or test set has it. */
export const readerFaces = { seed: 424_242, count: 12_000 } as const

/** Synthetic faces in colour. The name alone would not do: a person may call a folder of other pictures so. */
export const isFaces = ({ name, shape, attributes }: DataSet): boolean =>
  name.startsWith('avatars') && shape[2] === 3 && attributes?.names.join() === faceAttributes.join()

export type ReaderOptions = {
  /** How it is trained, and on how many faces; default: the shipped one where it fits. */
  readonly training?: ClassifierTraining & { readonly images: number }
  /** Folder of trained classifiers; false trains anew and keeps nothing. */
  readonly cache?: string | false
  /** A file of weights for 64-pixel faces that came with the program. */
  readonly shipped?: string
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
}

/** The reader of synthetic faces `size` pixels a side: shipped, kept from before, or trained now (minutes on two cores). */
export async function avatarReader(names: readonly string[], size: number, options: ReaderOptions = {}): Promise<Classifier> {
  const { training, cache, shipped, signal, reporter = silent } = options
  const network = avatarNetwork(names.length, size)
  if (!training && shipped && size === 64) {
    const file = await readFile(shipped).catch(() => undefined)
    if (file) return shippedClassifier(file, avatarTraining(network), names, shipped)
  }
  const { images, ...how } = training ?? { ...avatarTraining(network), images: readerFaces.count }
  reporter.say('the attribute classifier')
  const faces = await avatars({
    seed: readerFaces.seed,
    count: images,
    size,
    cache: cache === false ? false : undefined,
    signal,
    onProgress: (done, count) => reporter.step(done, count, 'faces for the classifier'),
  })
  return classifierFor(faces, how, { cache, onProgress: progressOf(reporter) })
}

/** Fewer pictures teach nothing that generalises. */
const fewest = 200

/** A reader of a user's own attributes, taught on pictures that the analysis does not use. */
export async function trainedReader(data: DataSet, { cache, reporter = silent }: ReaderOptions = {}): Promise<Classifier> {
  const [size, width, channels] = data.shape
  if (size !== width) throw new Error(`reading attributes wants square pictures, ${data.name} has ${size}×${width}`)
  if (countOf(data) < fewest)
    throw new Error(
      `${data.name}: ${countOf(data)} pictures are left to teach the attribute classifier, ${fewest} are wanted; ask about fewer pictures or give more`,
    )
  const layers = [16, 32, 64, 96].filter((_, i) => size % 2 ** (i + 1) === 0)
  const network = { size, channels: [channels, ...layers], attributes: data.attributes?.names.length ?? 0 }
  reporter.say('the attribute classifier')
  return classifierFor(data, avatarTraining(network), { cache, onProgress: progressOf(reporter) })
}

const progressOf = (reporter: Reporter) => (done: number, total: number, loss: number) =>
  reporter.step(done, total, `classifier, loss ${loss.toFixed(4)}`)
