import { fromModel } from '../analysis/pixels.ts'
import type { Hooks } from '../analysis/sampling.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Context } from './node.ts'

/** Hooks that move the bar and show x̂0 after every step, and stop the run when it is cancelled. */
export const liveSteps = (context: Context): Required<Hooks> => ({
  onStep: (done, total, x0) => showStep(context, done, total, fromModel(x0)),
})

/** The same with x̂0 already as a picture, 0…1. */
export async function showStep(context: Context, done: number, total: number, picture: Tensor): Promise<void> {
  context.progress(done, total)
  await context.preview(picture)
  context.signal.throwIfAborted()
}

/** The same for one of several runs that share the bar: from share `from` to share `to` of it, 0…1. */
export const liveStage = (context: Context, from: number, to: number): Required<Hooks> => ({
  onStep: (done, total, x0) => showStep(context, Math.round(1000 * (from + (to - from) * (done / total))), 1000, fromModel(x0)),
})
