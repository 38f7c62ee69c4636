import type { DeviceName } from '../engine/device.ts'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { catalogOf } from '../nodes/index.ts'
import { createChildRunner } from './child-runner.ts'
import { createLog } from './log.ts'
import { loadPlugins, withPlugins } from './plugins.ts'
import { serve, type RunningServer, type ServeOptions } from './serve.ts'

export type ServerOptions = Pick<
  ServeOptions,
  'queueLimit' | 'queueSizeLimit' | 'historyCapacity' | 'uploadLimit' | 'minimumFreeDisk'
> & {
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
  /** Loads the conformance nodes, too (nodes/conformance/). */
  readonly conformanceNodes?: boolean
  /** A built ComfyUI front end to serve at `/`; our page is then at `/patronus/editor/`. */
  readonly frontEndRoot?: string
  readonly log?: Logger | 'silent'
}

/** The server as people start it: the real catalog, networks in a process of their own, the shipped files of this house. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const house = findHouse()
  const log = options.log === 'silent' || !options.log ? createLog(options.log ?? 'info') : options.log
  const own = options.checkpoints ?? []
  const nodes = { conformance: options.conformanceNodes }
  const plugins = await loadPlugins(options.plugins ?? [])
  return serve(
    withPlugins(catalogOf(nodes), plugins),
    ({ files, log, keeper }) =>
      createChildRunner({
        script: options.worker,
        args: plugins.map(({ file }) => file),
        roots: files.roots,
        keeper,
        device: options.device ?? 'auto',
        warm: options.warm ?? true,
        nodes,
        log: text => log.warn(text),
      }),
    {
      ...options,
      data: path.resolve(options.data ?? 'data'),
      checkpoints: [...own, path.join(house, 'checkpoints')],
      workflows: path.join(house, 'workflows'),
      editor: path.join(house, 'dist', 'editor'),
      extension: path.join(house, 'dist', 'extension'),
      frontEndRoot: options.frontEndRoot === undefined ? undefined : path.resolve(options.frontEndRoot),
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
