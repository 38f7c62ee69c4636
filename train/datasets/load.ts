import type { DataConfig } from '../config.ts'
import { type Reporter, silent } from '../progress.ts'
import { avatars } from './avatars.ts'
import { countOf, type DataSet } from '../../analysis/data-set.ts'
import { folderDataSet } from './folder.ts'
import { idxDataSet } from './idx.ts'

export type Splits = { readonly train: DataSet; readonly test: DataSet }

/** The two halves of the data set a config names. Test pictures are never trained on. */
export async function loadData(
  config: DataConfig,
  { signal, reporter = silent }: { signal?: AbortSignal; reporter?: Reporter } = {},
): Promise<Splits> {
  if (config.kind === 'avatars') {
    const { size, seed, bias } = config
    const common = { size, signal, onProgress: (done: number, all: number) => reporter.step(done, all, 'faces drawn') }
    // A biased model is judged on balanced faces, but with no hair colour that it has never seen.
    const test = await avatars({ ...common, count: config.test, seed: seed + 1_000_000, bias: 0, redHair: bias === 0 })
    return { train: await avatars({ ...common, count: config.train, seed, bias }), test }
  }
  if (config.kind === 'idx') {
    const { path, size, classes } = config
    const split = (name: 'train' | 'test') => idxDataSet(path, name, { size, classes, count: config[name] })
    return { train: await split('train'), test: await split('test') }
  }
  const { data, skipped } = await folderDataSet(config)
  for (const { file, reason } of skipped) reporter.say(`left out ${file}: ${reason}`)
  return data
}

/** One line about a data set. */
export const summary = (data: DataSet): string =>
  `${data.name}: ${countOf(data)} pictures of ${data.shape.join('×')}${data.attributes ? `, ${data.attributes.names.length} attributes` : ''}${data.classes ? `, ${data.classes.names.length} classes` : ''}`
