import { stat } from 'node:fs/promises'
import { withNames } from '../analysis/naming.ts'
import type { FeatureNetwork } from '../engine/inception.ts'
import { liveTensors } from '../engine/live-tensors.ts'
import type { Patronus } from '../engine/patronus.ts'
import { zeros } from '../model/tensor.ts'
import type { Catalog } from '../nodes/node.ts'
import { splitAnnotation } from './annotated-files.ts'
import { createCache } from './cache.ts'
import { createContext, type ContextParts } from './context.ts'
import { execute, explain } from './executor.ts'
import { folderHash, type Files } from './files.ts'
import { isCheckpoint } from './offered.ts'
import { createClaims, noKeeper, type Keeper } from './output-names.ts'
import { createPreviews } from './preview.ts'
import type { DeviceReport } from './protocol.ts'
import type { Job } from './queue.ts'
import type { Runner, RunEvent } from './runner.ts'
import type { Sources } from './sources.ts'
import { createTurns } from './turns.ts'

export type WorkerParts = {
  readonly catalog: Catalog
  readonly files: Files
  /** Opens a checkpoint file on the chosen device. */
  load(file: string): Promise<Patronus>
  /** Opens an Inception-v3 file on the chosen device. */
  inception(file: string): Promise<FeatureNetwork>
  /** Looks for devices, and says what it found. */
  findDevice(): Promise<{ device: string; report: string }>
  /** Data sets, and what reads attributes from pictures. */
  readonly sources: Sources
  /** Checkpoint to load ahead of the first run: that one, the first there is, or none. */
  readonly warm: string | boolean
  /** Whom it asks for names; by default nobody. */
  readonly keeper?: Keeper
  readonly onDevice?: (report: DeviceReport) => void
}

/** Checkpoints kept loaded between jobs; more are unloaded, longest unused first. */
const keepLoaded = 3

/** What does the work: in a process of its own (worker-main.ts), or in the caller's (tests). */
export function createWorker({
  catalog,
  files,
  load,
  inception,
  findDevice,
  sources,
  warm,
  keeper = noKeeper,
  onDevice = () => {},
}: WorkerParts): Runner {
  const cache = createCache()
  const checkpoints = createCheckpoints(files, load, patronus => cache.forget(patronus))
  let current: { promptId: string; abort: AbortController } | undefined
  let toFree: { models?: boolean; results?: boolean } = {}
  let report: DeviceReport = { device: 'unknown', report: '', worker: 'starting' }
  const tellDevice = (change: Partial<DeviceReport>) => onDevice((report = { ...report, ...change }))

  /** A graph, or one piece of a question between graphs. */
  const inTurn = createTurns()
  const oneByOne = createTurns()
  const stopping = new AbortController()
  let isSuggesting = false

  /** Not while a question uses what is loaded, from one piece to the next. */
  const tidy = async () => {
    if (isSuggesting) return
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
      await stepOnce(await checkpoints.get(checkpoint, async () => ({})))
      tellDevice({ warm: { checkpoint, state: 'ready' } })
    } catch (error) {
      tellDevice({ warm: { checkpoint, state: 'failed', error: messageOf(error) } })
    }
  }
  void begin()

  return {
    ready: async () => {},
    run: async (job, on) => {
      const abort = new AbortController()
      current = { promptId: job.promptId, abort }
      try {
        return await inTurn(() => runJob(job, on, abort.signal))
      } finally {
        current = undefined
        await tidy()
      }
    },
    cancel: promptId => {
      if (current?.promptId === promptId) current.abort.abort(new Error('The run was cancelled'))
    },
    suggest: checkpoint =>
      oneByOne(async () => {
        isSuggesting = true
        try {
          const patronus = await inTurn(() => checkpoints.get(checkpoint, async () => ({})))
          return await sources.suggestions(patronus, checkpoint, { signal: stopping.signal, inTurn })
        } finally {
          isSuggesting = false
          if (!current) await tidy()
        }
      }),
    free: what => {
      toFree = { models: toFree.models || what.models, results: toFree.results || what.results }
      if (!current) void tidy()
    },
    device: () => report,
    figures: () => ({ modelBytes: checkpoints.bytes(), resultBytes: cache.size(), tensors: liveTensors() }),
    close: async () => {
      current?.abort.abort(new Error('The server stops'))
      stopping.abort(new Error('The server stops'))
      await checkpoints.keep(0)
    },
  }

  async function runJob(job: Job, on: (event: RunEvent) => Promise<void> | void, signal: AbortSignal) {
    // Read once a job: a name that is given meanwhile must not end up under the signature of the names before.
    const namesOf = once(async checkpoint => keeper.shownNames(await files.hash('checkpoints', checkpoint)))
    const claimFor = createClaims(job.promptId, keeper)
    try {
      return await execute(job, catalog, {
        tell: message => void on({ kind: 'message', message }),
        cache,
        signal,
        hash: async (kind, name) => {
          if (kind === 'datasets') return folderHash(files, name)
          if (kind === 'input') {
            const { folder = kind, name: bare } = splitAnnotation(name)
            return files.hash(folder, bare)
          }
          const hash = await files.hash(kind, name)
          return kind === 'checkpoints' ? `${hash} ${JSON.stringify(await namesOf(name))}` : hash
        },
        contextFor: (identity, progress, signal) => {
          const node = identity.node_id
          const frameOf = (image: Buffer) => ({ promptId: job.promptId, node, identity, mime: 'image/png', image }) as const
          const show = (image: Buffer) => on({ kind: 'preview', frame: frameOf(image) })
          const send = (image: Buffer) => on({ kind: 'preview', frame: { ...frameOf(image), isResult: true } })
          // Any other method of ComfyUI's is one of its own networks; here there is one way.
          const previews = createPreviews(job.extraData.preview_method === 'none' ? undefined : show)
          const activations = (t: number, s: number[][]) =>
            void on({ kind: 'message', message: { type: 'patronus.activations', data: { prompt_id: job.promptId, node, t, s } } })
          const checkpoint = (name: string) => checkpoints.get(name, () => namesOf(name))
          const claim: ContextParts['claim'] = wish => claimFor(node, wish)
          const parts = { job, node, files, sources, signal, previews, progress, activations, checkpoint, inception, claim, send }
          return { context: createContext(parts), close: previews.close }
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
    }
  }
}

/** `ask`, asked once for each name. */
function once<T>(ask: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  return name => {
    const answer = answers.get(name) ?? ask(name)
    answers.set(name, answer)
    return answer
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

type Loaded = {
  readonly stamp: string
  readonly size: number
  readonly patronus: Promise<Patronus>
  /** The same networks under the names that were given, by those names: a new name loads nothing again. */
  readonly named: Map<string, Patronus>
}

/** Loaded checkpoints by name; a file that changed on the disk is loaded again. */
function createCheckpoints(files: Files, load: WorkerParts['load'], unloading: (patronus: Patronus) => void) {
  const loaded = new Map<string, Loaded>()
  const unload = async (entry: Loaded) => {
    const patronus = await entry.patronus.catch(() => undefined)
    if (!patronus) return
    for (const each of [patronus, ...entry.named.values()]) unloading(each)
    await patronus.dispose()
  }
  return {
    get: async (name: string, namesOf: () => Promise<Readonly<Record<string, string>>>): Promise<Patronus> => {
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
      const entry = known?.stamp === stamp ? known : { stamp, size, patronus: load(file), named: new Map() }
      loaded.set(name, entry)
      entry.patronus.catch(() => loaded.delete(name))
      return underNames(entry, await namesOf())
    },
    bytes: () => [...loaded.values()].reduce((sum, { size }) => sum + size, 0),
    keep: async (count: number) => {
      // Out of the list at once: a job that begins while one is being unloaded must not be given it.
      const old = [...loaded].slice(0, Math.max(0, loaded.size - count))
      for (const [name] of old) loaded.delete(name)
      for (const [, entry] of old) await unload(entry)
    },
  }
}

async function underNames({ patronus, named }: Loaded, names: Readonly<Record<string, string>>): Promise<Patronus> {
  const loaded = await patronus
  if (Object.keys(names).length === 0) return loaded
  const key = JSON.stringify(names)
  const known = named.get(key) ?? { ...loaded, info: withNames(loaded.info, names) }
  named.set(key, known)
  return known
}
