import { stat } from 'node:fs/promises'
import type { Patronus } from '../engine/patronus.ts'
import { zeros } from '../model/tensor.ts'
import type { Catalog } from '../nodes/node.ts'
import { createCache } from './cache.ts'
import { createContext } from './context.ts'
import { execute, explain } from './executor.ts'
import { folderHash, type Files } from './files.ts'
import { createPreviews, type Previews } from './preview.ts'
import type { DeviceReport } from './protocol.ts'
import type { Job } from './queue.ts'
import type { Runner, RunEvent } from './runner.ts'
import type { Sources } from './sources.ts'

export type WorkerParts = {
  readonly catalog: Catalog
  readonly files: Files
  /** Opens a checkpoint file on the chosen device. */
  load(file: string): Promise<Patronus>
  /** Looks for devices, and says what it found. */
  findDevice(): Promise<{ device: string; report: string }>
  /** Data sets, and what reads attributes from pictures. */
  readonly sources: Sources
  /** Checkpoint to load ahead of the first run: that one, the first there is, or none. */
  readonly warm: string | boolean
  readonly onDevice?: (report: DeviceReport) => void
}

/** Checkpoints kept loaded between jobs; more are unloaded, longest unused first. */
const keepLoaded = 3

/** What does the work: in a process of its own (worker-main.ts), or in the caller's (tests). */
export function createWorker({ catalog, files, load, findDevice, sources, warm, onDevice = () => {} }: WorkerParts): Runner {
  const cache = createCache()
  const checkpoints = createCheckpoints(files, load, patronus => cache.forget(patronus))
  let current: { promptId: string; abort: AbortController } | undefined
  let toFree: { models?: boolean; results?: boolean } = {}
  let report: DeviceReport = { device: 'unknown', report: '', worker: 'starting' }
  const tellDevice = (change: Partial<DeviceReport>) => onDevice((report = { ...report, ...change }))

  const tidy = async () => {
    const what = toFree
    toFree = {}
    if (what.results) cache.clear()
    await checkpoints.keep(what.models ? 0 : keepLoaded)
  }
  const begin = async () => {
    try {
      tellDevice({ ...(await findDevice()), worker: 'ready' })
    } catch (error) {
      tellDevice({ device: 'none', report: messageOf(error), worker: 'ready' })
    }
    const checkpoint = warm === true ? (await files.list('checkpoints', isCheckpoint)).at(0) : warm || undefined
    if (checkpoint === undefined) return
    tellDevice({ warm: { checkpoint, state: 'loading' } })
    try {
      // The first run asks for the file's hash, too.
      await files.hash('checkpoints', checkpoint)
      await stepOnce(await checkpoints.get(checkpoint))
      tellDevice({ warm: { checkpoint, state: 'ready' } })
    } catch (error) {
      tellDevice({ warm: { checkpoint, state: 'failed', error: messageOf(error) } })
    }
  }
  void begin()

  return {
    run: async (job, on) => {
      const abort = new AbortController()
      current = { promptId: job.promptId, abort }
      try {
        return await runJob(job, on, abort.signal)
      } finally {
        current = undefined
        await tidy()
      }
    },
    cancel: promptId => {
      if (current?.promptId === promptId) current.abort.abort(new Error('The run was cancelled'))
    },
    free: what => {
      toFree = { models: toFree.models || what.models, results: toFree.results || what.results }
      if (!current) void tidy()
    },
    device: () => report,
    close: async () => {
      current?.abort.abort(new Error('The server stops'))
      await checkpoints.keep(0)
    },
  }

  async function runJob(job: Job, on: (event: RunEvent) => Promise<void> | void, signal: AbortSignal) {
    let previews: Previews | undefined
    try {
      return await execute(job, catalog, {
        tell: message => void on({ kind: 'message', message }),
        cache,
        signal,
        hash: (kind, name) => (kind === 'datasets' ? folderHash(files, name) : files.hash(kind, name)),
        contextFor: (node, progress) => {
          previews?.close()
          previews = createPreviews(image =>
            on({ kind: 'preview', frame: { promptId: job.promptId, node, mime: 'image/png', image } }),
          )
          const activations = (t: number, s: number[][]) =>
            void on({ kind: 'message', message: { type: 'patronus.activations', data: { prompt_id: job.promptId, node, t, s } } })
          return createContext({
            job,
            node,
            files,
            sources,
            signal,
            previews,
            progress,
            activations,
            checkpoint: checkpoints.get,
          })
        },
      })
    } catch (cause) {
      // Not a node but the run itself failed: a fault of ours, told like any other so that nobody waits for ever.
      const where = {
        prompt_id: job.promptId,
        node_id: job.outputs[0] ?? '',
        node_type: '',
        executed: [],
        current_outputs: [],
        timestamp: Date.now(),
      }
      void on({ kind: 'message', message: { type: 'execution_error', data: { ...where, ...explain(cause, {}) } } })
      return { status: 'error' as const, outputs: {} }
    } finally {
      previews?.close()
    }
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** One pass through both networks, so that whatever is compiled at first use is compiled. */
async function stepOnce(patronus: Patronus): Promise<void> {
  const { image, prototypes } = patronus.info.config
  const x = zeros([1, image.height, image.width, image.channels])
  await patronus.encode(x)
  await patronus.denoiser(zeros([1, prototypes.count]))(x, 0)
}

/** Loaded checkpoints by name; a file that changed on the disk is loaded again. */
function createCheckpoints(files: Files, load: WorkerParts['load'], unloading: (patronus: Patronus) => void) {
  const loaded = new Map<string, { stamp: string; patronus: Promise<Patronus> }>()
  const drop = async (name: string) => {
    const patronus = await loaded.get(name)?.patronus.catch(() => undefined)
    loaded.delete(name)
    if (patronus) {
      unloading(patronus)
      await patronus.dispose()
    }
  }
  return {
    get: async (name: string): Promise<Patronus> => {
      const file = await files.find('checkpoints', name)
      if (!file)
        throw new Error(
          `There is no checkpoint "${name}"; choose one of: ${(await files.list('checkpoints', isCheckpoint)).join(', ') || '(none)'}`,
        )
      const { mtimeMs, size } = await stat(file)
      const stamp = `${file}|${mtimeMs}|${size}`
      const known = loaded.get(name)
      // Used last, stands last. The old version of a changed file may still be in use; it is unloaded after the job.
      loaded.delete(name)
      if (known && known.stamp !== stamp) loaded.set(`${name}\0${known.stamp}`, known)
      const entry = known?.stamp === stamp ? known : { stamp, patronus: load(file) }
      loaded.set(name, entry)
      entry.patronus.catch(() => loaded.delete(name))
      return entry.patronus
    },
    keep: async (count: number) => {
      for (const name of [...loaded.keys()].slice(0, Math.max(0, loaded.size - count))) await drop(name)
    },
  }
}

export const isCheckpoint = (name: string): boolean => name.endsWith('.safetensors')
