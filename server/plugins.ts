import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyNode, Catalog } from '../nodes/node.ts'
import { checkNodes } from './plugin-check.ts'

/** Nodes that somebody else wrote. They run with all rights of this program, so they are only ever named at its start. */
export type Plugin = {
  /** What ComfyUI's page shows as the badge of its nodes: the package's name without its scope, or the file's. */
  readonly name: string
  /** The module that was loaded. */
  readonly file: string
  readonly nodes: readonly AnyNode[]
}

/** The plugins named on the command line, in order; each a package of `folder`'s node_modules, a folder or a file. Throws for the first that is broken. */
export async function loadPlugins(names: readonly string[], folder: string = process.cwd()): Promise<Plugin[]> {
  const plugins: Plugin[] = []
  for (const name of names) plugins.push(await loadPlugin(name, folder))
  return plugins
}

/** The catalog with the nodes of plugins behind its own. No type may come twice: saved graphs know nodes by nothing else. */
export function withPlugins(catalog: Catalog, plugins: readonly Plugin[]): Catalog {
  const all = new Map(catalog)
  for (const { name, nodes } of plugins)
    for (const node of nodes) {
      const other = all.get(node.type)
      if (other)
        throw new Error(
          `Plugin "${name}" brings the node type ${node.type}, which ${other.pack ? `plugin "${other.pack}"` : 'Patronus Nodes'} has already; rename it, for example with the plugin's name in front`,
        )
      // Behind the node and not a copy of it: a node may be frozen, or an object with methods of its class.
      all.set(node.type, Object.create(node, { pack: { value: name, enumerable: true } }) as AnyNode)
    }
  return all
}

async function loadPlugin(given: string, folder: string): Promise<Plugin> {
  const found = await find(given, folder)
  if (!found)
    throw new Error(
      `There is no plugin "${given}": it is neither a file or folder in ${folder} nor a package in a node_modules folder from there upwards; install it there with npm, or give its path`,
    )
  const exported = await import(pathToFileURL(found.file).href).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`Plugin "${found.name}" could not be loaded from ${found.file}: ${error.message}${hintFor(error)}`, {
      cause: error,
    })
  })
  return { ...found, nodes: checkNodes(found.name, exported) }
}

const hintFor = ({ code, message }: NodeJS.ErrnoException): string =>
  code === 'ERR_UNKNOWN_FILE_EXTENSION'
    ? '; this Node runs JavaScript only, so compile the plugin first'
    : message.includes("'patronus-nodes'")
      ? '; install patronus-nodes beside the plugin, or leave the import out: a node is a plain object and defineNode only tells types'
      : ''

type Found = { readonly name: string; readonly file: string }

/** A path wins over a package of the same name when it begins like one, or exists. */
async function find(given: string, folder: string): Promise<Found | undefined> {
  const at = path.resolve(folder, given)
  const kind = await kindOf(at)
  if (kind === 'file') return { name: badge(stem(at)), file: at }
  if (kind === 'folder') return inFolder(at)
  if (/^(\.|[a-z]:|[\\/])/i.test(given)) return undefined
  for (let up = path.resolve(folder); ; up = path.dirname(up)) {
    const there = path.join(up, 'node_modules', given)
    if ((await kindOf(there)) === 'folder') return inFolder(there)
    if (up === path.dirname(up)) return undefined
  }
}

const kindOf = (file: string): Promise<'file' | 'folder' | undefined> =>
  stat(file).then(
    found => (found.isFile() ? 'file' : found.isDirectory() ? 'folder' : undefined),
    () => undefined,
  )

/** `index.js` says nothing; the folder around it does. */
const stem = (file: string): string => {
  const { name, dir } = path.parse(file)
  return name === 'index' ? path.basename(dir) : name
}

/** A part of `custom_nodes.<name>`, so no dots. */
const badge = (name: string): string => name.replace(/^@[^/]*\//, '').replace(/[^\w-]/g, '_')

/** A package as npm lays it out, or a folder with an index.js alone. */
async function inFolder(folder: string): Promise<Found> {
  const manifest = await readFile(path.join(folder, 'package.json'), 'utf8').then(
    text => parseManifest(text, folder),
    () => ({}) as Manifest,
  )
  const entries = [entryOf(manifest.exports), manifest.main, 'index.js', 'index.mjs'].filter(entry => entry !== undefined)
  for (const entry of entries) {
    const file = path.resolve(folder, entry)
    if ((await kindOf(file)) === 'file') return { name: badge(manifest.name ?? path.basename(folder)), file }
  }
  throw new Error(
    `The plugin in ${folder} has no module to load: wanted ${entries.join(' or ')}; say in its package.json which it is ("exports" or "main")${manifest.main || manifest.exports ? ', and build it if it is to be built' : ''}`,
  )
}

type Manifest = { readonly name?: string; readonly main?: string; readonly exports?: unknown }

function parseManifest(text: string, folder: string): Manifest {
  try {
    const { name, main, exports } = JSON.parse(text) as Record<string, unknown>
    return {
      name: typeof name === 'string' ? name : undefined,
      main: typeof main === 'string' ? main : undefined,
      exports,
    }
  } catch (error) {
    throw new Error(`The package.json of the plugin in ${folder} is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** The module that `exports` gives to an `import` of the package itself. Node has no way to ask this for a folder that is not ours. */
function entryOf(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports
  if (Array.isArray(exports)) return exports.map(entryOf).find(entry => entry !== undefined)
  if (typeof exports !== 'object' || exports === null) return undefined
  for (const [condition, value] of Object.entries(exports))
    if (['.', 'node', 'import', 'module-sync', 'default'].includes(condition)) {
      const entry = entryOf(value)
      if (entry !== undefined) return entry
    }
  return undefined
}
