import { avatarNetwork } from './attribute-network.ts'
import { avatarTraining, classifierFor, type Classifier, type ClassifierTraining } from './classifier.ts'
import { avatars } from './datasets/avatars.ts'
import type { DataSet } from './datasets/dataset.ts'
import type { Reporter } from './progress.ts'

/** Seed of the faces that the classifier learns from: no training or test set has it. */
const classifierFaces = { seed: 424_242, count: 12_000 }

export type HeldOutOptions = {
  readonly test: DataSet
  /** How it is trained, and on how many faces of its own. */
  readonly classifier?: ClassifierTraining & { readonly images: number }
  /** Folder of trained classifiers; false trains anew and keeps nothing. */
  readonly cache?: string | false
  readonly signal?: AbortSignal
  readonly reporter: Reporter
}

/** Faces can be drawn without end, so their classifier learns from its own; other sets have no pictures to spare. */
export async function heldOutClassifier({
  test,
  cache,
  classifier,
  signal,
  reporter,
}: HeldOutOptions): Promise<Classifier | undefined> {
  if (!test.attributes || !test.name.startsWith('avatars')) return undefined
  const { images, ...training } = classifier ?? {
    ...avatarTraining(avatarNetwork(test.attributes.names.length, test.shape[0])),
    images: classifierFaces.count,
  }
  reporter.say('the attribute classifier')
  const onDrawn = (done: number, count: number) => reporter.step(done, count, 'faces for the classifier')
  const faces = await avatars({
    seed: classifierFaces.seed,
    count: images,
    size: test.shape[0],
    cache: cache === false ? false : undefined,
    signal,
    onProgress: onDrawn,
  })
  const onProgress = (done: number, total: number, loss: number) =>
    reporter.step(done, total, `classifier, loss ${loss.toFixed(4)}`)
  return classifierFor(faces, training, { cache, onProgress })
}
