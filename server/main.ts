import type { DeviceName } from '../engine/device.ts'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino, type Logger } from 'pino'
import { catalog } from '../nodes/index.ts'
import { createChildRunner } from './child-runner.ts'
import { loadPlugins, withPlugins } from './plugins.ts'
import { serve, type RunningServer } from './serve.ts'

export type ServerOptions = {
  /** The script that calls `runWorkerProcess`: it knows where data sets come from (cli/worker-main.ts). */
  readonly worker: string
  /** Default 127.0.0.1. Anything beyond this machine wants a token. */
  readonly host?: string
  /** Default 8188; 0 takes any free one. */
  readonly port?: number
  /** Folder for input, output, temp and user files. Default `data` in the current folder. */
  readonly data?: string
  /** Folders of checkpoints besides the shipped one, which comes last. */
  readonly checkpoints?: readonly string[]
  readonly device?: DeviceName
  /** Packages, folders or files with more nodes (docs/plugins.md). */
  readonly plugins?: readonly string[]
  readonly token?: string
  readonly allowedHosts?: readonly string[]
  readonly allowedOrigins?: readonly string[]
  /** Checkpoint to load ahead of the first run; default the first there is (true); false for none. */
  readonly warm?: string | boolean
  readonly log?: Logger | 'silent'
}

/** The server as people start it: the real catalog, networks in a process of their own, the shipped files of this house. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const house = findHouse()
  const log = options.log === 'silent' ? pino({ level: 'silent' }) : (options.log ?? pino())
  const own = options.checkpoints ?? []
  const plugins = await loadPlugins(options.plugins ?? [])
  return serve(
    withPlugins(catalog, plugins),
    ({ files, log }) =>
      createChildRunner({
        script: options.worker,
        args: plugins.map(({ file }) => file),
        roots: files.roots,
        device: options.device ?? 'auto',
        warm: options.warm ?? true,
        log: text => log.warn(text),
      }),
    {
      ...options,
      data: path.resolve(options.data ?? 'data'),
      checkpoints: [...own, path.join(house, 'checkpoints')],
      workflows: path.join(house, 'workflows'),
      editor: path.join(house, 'dist', 'editor'),
      register: path.join(house, 'dist', 'register', 'register.js'),
      log,
    },
  )
}

/** The folder that holds this program: this file lies in server/ or dist/server/ below it. */
function findHouse(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url))
  while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  return folder
}
