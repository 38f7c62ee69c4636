import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import type { Outcome } from './executor.ts'
import type { Figures } from './figures.ts'
import type { PreviewFrame } from './frames.ts'
import type { DeviceReport, ServerMessage } from './protocol.ts'
import type { Job } from './queue.ts'

/** What comes out of a run while it runs. */
export type RunEvent =
  { readonly kind: 'message'; readonly message: ServerMessage } | { readonly kind: 'preview'; readonly frame: PreviewFrame }

/** Runs jobs, one at a time. In a process of its own by default, in this one for tests: nothing else can tell which. */
export type Runner = {
  /**
   * Resolves when a job could begin at once, or at least get its answer. A job is taken from the queue only then: one that
   * still waits when this process dies did not bring that about.
   */
  ready(): Promise<void>
  /** Never rejects; what goes wrong is told as `execution_error`. A preview is taken once the listener's promise is fulfilled. */
  run(job: Job, on: (event: RunEvent) => Promise<void> | void): Promise<Outcome>
  /** Asks the run of that id to end, if it is the one that runs. */
  cancel(promptId: string): void
  /** Names that the pictures a checkpoint was trained on suggest (sources.ts); graphs that run meanwhile go first between its batches. */
  suggest(checkpoint: string): Promise<NameSuggestions>
  /** Gives memory back before the next job: loaded checkpoints, remembered results. */
  free(what: { readonly models?: boolean; readonly results?: boolean }): void
  device(): DeviceReport
  /** As last told; undefined while nobody is there to tell. */
  figures(): Figures | undefined
  close(): Promise<void>
}
