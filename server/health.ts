import { access, constants, statfs } from 'node:fs/promises'
import type { RequestHandler } from 'express'
import type { Metrics } from './metrics.ts'
import { problemBody } from './problem.ts'
import type { Runner } from './runner.ts'
import { seldom } from './seldom.ts'
import type { Store } from './store.ts'

/** Whether this server should be sent work, and why not. */
export type Health = {
  /** From now on it takes no new jobs. */
  drain(): void
  readonly isDraining: boolean
  /** Empty when it is ready. */
  reasons(): Promise<string[]>
}

export type HealthParts = {
  /** The data folder. */
  readonly folder: string
  /** Bytes of disk that have to stay free. */
  readonly reserve: number
  readonly runner: Pick<Runner, 'device'>
  readonly store: Pick<Store, 'check'>
}

export function createHealth({ folder, reserve, runner, store }: HealthParts): Health {
  let draining = false
  const database = seldom(async (): Promise<string[]> => {
    try {
      await store.check()
      return []
    } catch (error) {
      return [`the database cannot be written (${(error as Error).message})`]
    }
  }, between)
  return {
    drain: () => {
      draining = true
    },
    get isDraining() {
      return draining
    },
    reasons: async () => {
      // One that starts or is started again takes jobs and keeps them until it runs; one that dies again and again does not.
      const { worker } = runner.device()
      return [
        ...(draining ? ['the server is stopping'] : []),
        ...(worker === 'restarting' ? ['the worker died and is being started again'] : []),
        ...(await diskProblems(folder, reserve)),
        ...(await database()),
      ]
    },
  }
}

/**
 * Only a write proves that the database can be written, and a write waits for the disk: who asks more often, as a supervisor may or
 * a page that is loaded again and again, is told what was found last. Bad news is looked at again sooner.
 */
const between = (found: readonly string[]): number => (found.length > 0 ? 1000 : 5000)

/** What keeps files from being written into `folder`; root may write where the disk itself may not be written. */
export async function diskProblems(folder: string, reserve: number): Promise<string[]> {
  try {
    await access(folder, constants.W_OK)
    const free = await freeBytes(folder)
    return free >= reserve ? [] : [`the disk is full: ${mebibytes(free)} are free, ${mebibytes(reserve)} have to stay free`]
  } catch (error) {
    return [`the data folder cannot be written (${(error as NodeJS.ErrnoException).code})`]
  }
}

export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / (1 << 20))} MiB`

/** `/healthz`: the process answers. Nothing it depends on is asked: a supervisor must not restart a server because a disk is full. */
export const alive: RequestHandler = (_, response) => void response.json({ ok: true, service: 'patronus-nodes' })

/** `/readyz`: 200, or 503 and why. */
export const ready =
  (health: Health): RequestHandler =>
  async (_, response) => {
    const reasons = await health.reasons()
    response.status(reasons.length > 0 ? 503 : 200).json({ ready: reasons.length === 0, reasons })
  }

/** `/metrics`, as Prometheus reads it. */
export const scraped =
  (metrics: Metrics): RequestHandler =>
  async (_, response) =>
    void response.set('Content-Type', metrics.contentType).send(await metrics.text())

/** Stands before `POST /prompt`: what a stopping server took would wait for its successor without anybody knowing. */
export const refusedWhileDraining =
  (health: Health, metrics: Metrics): RequestHandler =>
  (_, response, next) => {
    if (!health.isDraining) return next()
    metrics.refused('stopping')
    response
      .set('Retry-After', '10')
      .status(503)
      .json(problemBody('stopping', 'The server is stopping and takes no new graphs; try again when it is back'))
  }
