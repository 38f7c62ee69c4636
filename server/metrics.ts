import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Outcome } from './executor.ts'
import { createPace, type Figures } from './figures.ts'
import { gpuMemory } from './gpu-memory.ts'
import type { JobQueue } from './queue.ts'
import type { Runner } from './runner.ts'
import { seldom } from './seldom.ts'
import type { Sockets } from './socket.ts'

/** Why a request was turned away before anything was done. */
export type RefusalReason = 'host' | 'origin' | 'token' | 'path' | 'limit' | 'stopping'

/**
 * What `/metrics` says, under the names of spec/reliability.md section 4. No id of a prompt or client and no path is ever a
 * label: each would be a line that stays for good.
 */
export type Metrics = {
  jobBegan(waitedSeconds: number): void
  jobEnded(result: Outcome['status'], seconds: number): void
  nodeRan(classType: string, seconds: number): void
  /** A running node told of so many steps. */
  stepped(steps: number): void
  /** The process that ran a graph died of it or with it. */
  jobStalled(): void
  refused(reason: RefusalReason): void
  /** `type` of the error that was answered (problem.ts). */
  uploadRejected(type: string): void
  readonly contentType: string
  text(): Promise<string>
}

export type Measured = {
  readonly queue: Pick<JobQueue, 'count' | 'stalled'>
  figures(): ReturnType<Runner['figures']>
  sockets(): Pick<Sockets, 'stats'>
}

/** From a cached graph to a night of sampling, seconds. */
const buckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60, 300, 1800, 7200]

/** Kept by one server, so that two in one process (tests) do not count together. */
export function createMetrics(measured: Measured): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Histogram({ name, help, labelNames, buckets, registers })
  const jobs = counter('jobs_total', 'Graphs that were run, by how they ended.', ['result'])
  const duration = histogram('job_duration_seconds', 'How long graphs ran.')
  const wait = histogram('job_wait_seconds', 'How long graphs waited before they ran.')
  const nodes = histogram('node_duration_seconds', 'How long nodes ran; cached ones are not counted.', ['class_type'])
  const uploads = counter('uploads_rejected_total', 'Uploads that were not taken.', ['reason'])
  const refusals = counter('requests_refused_total', 'Requests that were turned away.', ['reason'])
  const stalled = counter('stalled_jobs_total', 'Graphs during which the process that ran them, or the whole server, died.')
  stalled.inc(measured.queue.stalled)
  const pace = createPace()
  // A rate over a counter that is not there yet misses its first step.
  for (const result of ['success', 'error', 'interrupted'] as const) jobs.inc({ result }, 0)
  for (const reason of ['host', 'origin', 'token', 'path', 'limit', 'stopping'] as const) refusals.inc({ reason }, 0)
  watch(registers, measured, pace.perSecond)

  return {
    jobBegan: waited => wait.observe(Math.max(0, waited)),
    jobEnded: (result, seconds) => {
      jobs.inc({ result })
      duration.observe(seconds)
    },
    nodeRan: (class_type, seconds) => nodes.observe({ class_type }, seconds),
    stepped: pace.add,
    jobStalled: () => stalled.inc(),
    refused: reason => refusals.inc({ reason }),
    uploadRejected: reason => uploads.inc({ reason }),
    contentType: registry.contentType,
    text: async () => `${await registry.metrics()}\n${await ofProcess().metrics()}`,
  }
}

/** What is asked for at every scrape instead of being counted. */
function watch(registers: Registry[], { queue, sockets, figures }: Measured, perSecond: () => number): void {
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect: (this: Gauge<Label>) => void | Promise<void>,
  ) => new Gauge({ name, help, labelNames, registers, collect })
  gauge('queue_depth', 'Graphs in the queue.', ['state'], async function () {
    const { pending, running } = await queue.count()
    this.set({ state: 'pending' }, pending)
    this.set({ state: 'running' }, running)
  })
  gauge('steps_per_second', 'Steps that running nodes told of, a second, over the last ten.', [], function () {
    this.set(perSecond())
  })
  // A worker that is gone holds nothing, and nobody knows yet what the next one will: no sample is better than an old one.
  const held = (name: string, help: string, what: keyof Figures) =>
    gauge(name, help, [], function () {
      const value = figures()?.[what]
      if (value === undefined) this.remove()
      else this.set(value)
    })
  held('model_cache_bytes', 'Bytes of the checkpoint files that the worker keeps loaded.', 'modelBytes')
  held('result_cache_bytes', 'Bytes of the results that the worker remembers.', 'resultBytes')
  held('tensors_live', 'Tensors that tfjs holds in the worker.', 'tensors')
  // A program is started for this where there is a card of NVIDIA's.
  const cards = seldom(gpuMemory, () => 5000)
  gauge(
    'gpu_memory_bytes',
    'Memory of graphics cards, of all programs together; absent where the system does not say.',
    ['device', 'kind'],
    async function () {
      this.reset()
      for (const { device, used, total } of await cards()) {
        this.set({ device, kind: 'used' }, used)
        this.set({ device, kind: 'total' }, total)
      }
    },
  )
  gauge('ws_clients', 'Open WebSocket connections.', [], function () {
    this.set(sockets().stats().clients)
  })
  gauge('ws_buffered_bytes', 'Bytes that clients have not taken yet, all together.', [], function () {
    this.set(sockets().stats().buffered)
  })
  new Counter({
    name: 'ws_dropped_previews_total',
    help: 'Previews that were left out because their client was behind.',
    registers,
    collect() {
      this.reset()
      this.inc(sockets().stats().droppedPreviews)
    },
  })
}

let shared: Registry | undefined

/** Memory, event loop, garbage collection: they belong to the process, and their observers cannot be taken down again. */
function ofProcess(): Registry {
  if (shared) return shared
  shared = new Registry()
  collectDefaultMetrics({ register: shared })
  return shared
}
