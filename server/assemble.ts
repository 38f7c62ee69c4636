import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from 'pino'
import type { Catalog } from '../nodes/node.ts'
import type { Parts } from './app.ts'
import { createAtlases } from './atlas.ts'
import { limits as defaultLimits } from './body.ts'
import { createCheckpoints } from './checkpoints.ts'
import { createDisk } from './disk.ts'
import { createFiles, type Files, type Roots } from './files.ts'
import { createHealth, type Health } from './health.ts'
import { createLogs, heardBy } from './logs.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createNames, shownNames } from './names.ts'
import { createObjectInfo } from './object-info.ts'
import { observed } from './observe.ts'
import type { Keeper } from './output-names.ts'
import { features } from './routes/info.ts'
import type { Runner } from './runner.ts'
import { createRuns } from './runs.ts'
import type { ServeOptions } from './serve.ts'
import { createSockets, type Sockets } from './socket.ts'
import type { Storage } from './storage.ts'
import { makeFolder, sweepDrafts } from './whole-files.ts'

/** What runs the graphs; made once the folders are known. */
export type MakeRunner = (parts: { files: Files; log: Logger; keeper: Keeper }) => Runner

/** A server without its port. */
export type House = {
  readonly parts: Parts
  readonly storage: Storage
  readonly sockets: Sockets
  readonly health: Health
  readonly metrics: Metrics
  readonly log: Logger
  /** Gives the running job `grace` ms, puts it off when it is not done by then; then ends the worker and the sockets. Not the storage. */
  close(grace?: number): Promise<void>
}

/** Puts the parts together. The one place where they meet; whoever uses one of them does not know the others. */
export async function assemble(
  storage: Storage,
  catalog: Catalog,
  makeRunner: MakeRunner,
  { log: ownLog, ...options }: ServeOptions & { readonly log: Logger },
): Promise<House> {
  const { store, queue } = storage
  let sockets: Sockets | undefined = undefined
  const logs = createLogs({
    tell: (line, clientId) => sockets?.sendIfIdle({ type: 'logs', data: { entries: [line] } }, clientId),
    secrets: options.token ? [options.token] : [],
  })
  const log = heardBy(ownLog, logs)
  const roots = await prepareFolders(options)
  const files = createFiles(roots)
  // Not waited for: a folder of a hundred thousand pictures must not keep the server from answering.
  void sweepDrafts([roots.output[0], roots.input[0], roots.user[0], roots.artefacts[0]], Date.now()).catch(() => {})
  const names = createNames(store.names, files)
  const keeper: Keeper = { shownNames: id => shownNames(names, id), claim: store.outputs.claim }
  const limits = { upload: options.uploadLimit ?? defaultLimits.upload }
  const metrics = createMetrics({ queue, sockets: () => sockets!, figures: () => runner.figures() })
  const runner: Runner = observed(makeRunner({ files, log, keeper }), { log, metrics, isKnown: type => catalog.has(type) })
  const disk = createDisk([path.resolve(options.data), roots.output[0]], options.minimumFreeDisk)
  const health = createHealth({ folder: path.resolve(options.data), reserve: disk.minimum, runner, store })
  const runs = createRuns({
    queue,
    runner,
    sockets: () => sockets!,
    log: (message, data) => log.info(data, message),
    warn: (message, data) => log.warn(data, message),
  })
  sockets = createSockets(
    { queueRemaining: runs.remaining, resume: runs.resume, features: features(limits) },
    options.socketLimits,
  )
  const objectInfo = createObjectInfo(catalog, files)
  const checkpoints = createCheckpoints({
    files,
    names,
    atlases: createAtlases(files),
    suggest: name => runner.suggest(name),
  })
  const validatorOf: Parts['validatorOf'] = type => catalog.get(type)?.validate
  const parts: Parts = { runs, queue, store, files, disk, runner, checkpoints, logs, objectInfo, validatorOf, limits }
  const close = async (grace = 0) => {
    const ended = runs.close({ grace })
    await Promise.race([ended, new Promise(resolve => setTimeout(resolve, grace + 3000).unref())])
    await runner.close()
    await ended
    sockets.close()
    // A disk that cannot be written must not keep the rest from being closed; the next start empties it.
    await rm(roots.temp[0], { recursive: true, force: true }).catch(() => {})
  }
  return { parts, storage, sockets, health, metrics, log, close }
}

async function prepareFolders({ data, checkpoints, workflows }: ServeOptions): Promise<Roots> {
  const names = ['input', 'output', 'temp', 'user', 'datasets', 'artefacts', 'inception']
  const [input, output, temp, user, datasets, artefacts, inception] = names.map(name => path.resolve(data, name))
  await rm(temp, { recursive: true, force: true })
  await Promise.all([input, output, temp, user, datasets, artefacts, inception].map(makeFolder))
  const shipped = path.resolve(workflows)
  return {
    input: [input, path.join(shipped, 'images')],
    output: [output],
    temp: [temp],
    user: [user],
    checkpoints: checkpoints.map(folder => path.resolve(folder)),
    workflows: [shipped],
    datasets: [datasets],
    artefacts: [artefacts],
    inception: [inception],
  }
}
