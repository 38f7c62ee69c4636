import type { DataConfig } from '../config.ts'
import { type Reporter, silent } from '../progress.ts'
import { avatars } from './avatars.ts'
import { countOf, type DataSet } from '../../analysis/data-set.ts'
import { type DecodePicture, folderDataSet, type FolderOptions } from './folder.ts'
import { idxDataSet } from './idx.ts'

export type Splits = { readonly train: DataSet; readonly test: DataSet }

type LoadOptions = {
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  /** false: drawn faces are neither kept on the disk nor read from there. */
  readonly cache?: false
  /** How pictures of a folder are decoded; by default here (folder.ts). */
  readonly decode?: DecodePicture
}

/** The two halves of the data set a config names. Test pictures are never trained on. */
export async function loadData(config: DataConfig, options: LoadOptions = {}): Promise<Splits> {
  if (config.kind === 'folder') return loadFolder(config, options)
  return { test: await loadSplit(config, 'test', options), train: await loadSplit(config, 'train', options) }
}

/** One half of it: most questions need no training pictures. */
export async function loadSplit(
  config: DataConfig,
  split: keyof Splits,
  { signal, reporter = silent, cache, decode }: LoadOptions = {},
): Promise<DataSet> {
  if (config.kind === 'folder') return (await loadFolder(config, { reporter, signal, decode }))[split]
  if (config.kind === 'idx') {
    const { path, size, classes } = config
    return idxDataSet(path, split, { size, classes, count: config[split] })
  }
  const { size, seed, bias } = config
  const onProgress = (done: number, all: number) => reporter.step(done, all, 'faces drawn')
  const common = { size, count: config[split], cache, signal, onProgress }
  // A biased model is judged on balanced faces, but with no hair colour that it has never seen.
  return split === 'train'
    ? avatars({ ...common, seed, bias })
    : avatars({ ...common, seed: seed + 1_000_000, bias: 0, redHair: bias === 0 })
}

async function loadFolder(config: FolderOptions, { reporter = silent, signal, decode }: LoadOptions): Promise<Splits> {
  const { data, skipped } = await folderDataSet(config, { signal, decode })
  for (const { file, reason } of skipped) reporter.say(`left out ${file}: ${reason}`)
  return data
}

/** One line about a data set. */
export const summary = (data: DataSet): string =>
  `${data.name}: ${countOf(data)} pictures of ${data.shape.join('×')}${data.attributes ? `, ${data.attributes.names.length} attributes` : ''}${data.classes ? `, ${data.classes.names.length} classes` : ''}`
