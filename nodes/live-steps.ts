import { fromModel } from '../analysis/pixels.ts'
import type { Hooks } from '../analysis/sampling.ts'
import type { Context } from './node.ts'

/** Hooks that move the bar and show x̂0 after every step, and stop the run when it is cancelled. */
export const liveSteps = (context: Context): Required<Hooks> => ({
  async onStep(done, total, x0) {
    context.progress(done, total)
    await context.preview(fromModel(x0))
    context.signal.throwIfAborted()
  },
})
