import type { DataConfig } from '../config.ts'
import { avatars } from './avatars.ts'
import { countOf, type DataSet } from './dataset.ts'
import { folderDataSet } from './folder.ts'
import { idxDataSet } from './idx.ts'
import { type Reporter, silent } from '../progress.ts'

export type Splits = { readonly train: DataSet; readonly test: DataSet }

/** The two halves of the data set a config names. Test pictures are never trained on. */
export async function loadData(config: DataConfig, { signal, reporter = silent }: { signal?: AbortSignal; reporter?: Reporter } = {}): Promise<Splits> {
  if (config.kind === 'avatars') {
    const { size, seed, bias } = config
    const make = (count: number, own: number, strength: number) =>
      avatars({ count, seed: own, size, bias: strength, signal, onProgress: (done, all) => reporter.step(done, all, 'faces drawn') })
    return { train: await make(config.train, seed, bias), test: await make(config.test, seed + 1_000_000, 0) }
  }
  if (config.kind === 'idx') {
    const { path, size } = config
    return { train: await idxDataSet(path, 'train', { size, count: config.train }), test: await idxDataSet(path, 'test', { size, count: config.test }) }
  }
  const { data, skipped } = await folderDataSet(config)
  for (const { file, reason } of skipped) reporter.say(`left out ${file}: ${reason}`)
  return data
}

/** One line about a data set. */
export const summary = (data: DataSet): string =>
  `${data.name}: ${countOf(data)} pictures of ${data.shape.join('×')}${data.attributes ? `, ${data.attributes.names.length} attributes` : ''}${data.classes ? `, ${data.classes.names.length} classes` : ''}`
