import { readCheckpointInfo } from '../engine/checkpoint/safetensors.ts'
import type { Files } from './files.ts'
import { BadRequest } from './problem.ts'
import type { CheckpointDetails, CheckpointSummary } from './protocol.ts'
import { isCheckpoint } from './worker.ts'

/** What the checkpoint files in reach say about themselves. Their weights are the worker's business. */
export type Checkpoints = {
  list(): Promise<CheckpointSummary[]>
  details(name: string): Promise<CheckpointDetails>
}

export const createCheckpoints = (files: Files): Checkpoints => ({
  list: async () => Promise.all((await files.list('checkpoints', isCheckpoint)).map(name => summarise(files, name))),
  details: async name => {
    const file = await files.find('checkpoints', name)
    if (!file) throw new BadRequest('not_found', `There is no checkpoint "${name}"`, 404)
    try {
      return { name, info: await readCheckpointInfo(file), id: await files.hash('checkpoints', name) }
    } catch (error) {
      throw new BadRequest('bad_checkpoint', reason(error), 422)
    }
  },
})

async function summarise(files: Files, name: string): Promise<CheckpointSummary> {
  try {
    const info = await readCheckpointInfo((await files.find('checkpoints', name))!)
    return {
      name,
      title: info.name,
      description: info.description,
      dataset: info.dataset,
      prototypes: info.config.prototypes.count,
      hasPrior: !!info.prior,
    }
  } catch (error) {
    return { name, error: reason(error) }
  }
}

/** The message without the folder the file lies in. */
const reason = (error: unknown): string => String((error as Error).message).replace(/(?:\/[^\s:/]+)+\//g, '')
