import type { CheckpointInfo } from '../engine/patronus.ts'
import { parseConfig, type DataConfig } from './config.ts'

/** The same data set with at most `count` pictures of a split, where it need not be read as a whole: its first ones. */
export const firstOf = (config: DataConfig, split: 'train' | 'test', count: number): DataConfig =>
  config.kind === 'folder' ? config : { ...config, [split]: Math.min(count, config[split] ?? count) }

/** The data set that a checkpoint of ours was trained on; its config lies in the file. */
export function dataOf(info: CheckpointInfo): DataConfig {
  const { trainingConfig } = info.provenance
  if (typeof trainingConfig !== 'string')
    throw new Error(
      `${info.name} does not say what it was trained on (${info.dataset}); say which data set to judge it on (--data, or --data-set of patronus names)`,
    )
  return parseConfig(JSON.parse(trainingConfig), `training config of ${info.name}`).data
}
