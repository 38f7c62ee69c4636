import { parentPort } from 'node:worker_threads'
import type { DrawRequest } from './ahead.ts'
import { drawNoise } from './batches.ts'
import { linearSchedule } from '../model/schedule.ts'

/** The other side of `drawsAhead`: one draw a message; its numbers change hands without a copy. */
parentPort!.on('message', ({ timesteps, shape, seed, levels, step }: DrawRequest) => {
  const draw = drawNoise(linearSchedule(timesteps), shape, seed, step, levels)
  parentPort!.postMessage({ step, draw }, [draw.eps.data.buffer as ArrayBuffer])
})
