import type { Atlas, AtlasOptions } from '../analysis/atlas.ts'
import type { Patronus } from '../engine/patronus.ts'
import { folderArtefacts } from './artefacts.ts'
import type { Subject } from './subject.ts'

export type DrawOptions = { readonly faces: number; readonly steps: number; readonly batch: number }

/** The atlas of a model over the first test pictures; parts that were made before are not made again. */
export async function drawAtlas(
  { test, reporter, signal }: Subject,
  patronus: Patronus,
  { faces, steps, batch }: DrawOptions,
  how: Pick<AtlasOptions, 'prototypes' | 'usual' | 'fresh' | 'counterpart'> = {},
): Promise<Atlas> {
  const [{ makeAtlas }, { firstPictures }] = await Promise.all([
    import('../analysis/atlas.ts'),
    import('../analysis/data-set.ts'),
  ])
  return makeAtlas(patronus, firstPictures(test, faces), { steps, batch, ...how }, folderArtefacts(), {
    onStep: (done, total) => {
      signal.throwIfAborted()
      reporter.step(done, total, `steps of ${batch} pictures, ${patronus.info.name}`)
    },
  })
}
