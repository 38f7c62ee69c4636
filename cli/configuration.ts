import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Command, Option } from 'commander'
import type { ZodType } from 'zod'
import {
  configurationList,
  defaultOf,
  environmentName,
  isList,
  keyOf,
  wantedBy,
  type Entry,
  type Settings,
} from './configuration-list.ts'
import { Failure } from './failure.ts'
import { nearestName } from './nearest-name.ts'
import { collected, whole } from './options.ts'

/** Where a value came from, strongest first. */
export type Origin = 'flag' | 'environment' | 'file' | 'default'
export type Configuration = {
  readonly settings: Settings
  /** By entry name. */
  readonly from: Readonly<Record<string, Origin>>
  /** The file that was read. */
  readonly file?: string
  /** Variables that begin with PATRONUS_ and mean nothing: most likely a misspelt option. */
  readonly strangers: readonly string[]
}

export const defaultFile = 'patronus.config.json'
/** Variables that are no option of the server (engine/cache.ts, failure.ts). */
const otherVariables = ['PATRONUS_CACHE', 'PATRONUS_DEBUG', 'PATRONUS_CONFIG']

/** Gives a command a flag for every entry of the list, and `--config`. */
export function withConfiguration(command: Command): Command {
  for (const entry of configurationList) command.addOption(flagOf(entry))
  return command
    .option('--config <file>', `read options from here (default: $PATRONUS_CONFIG, or ${defaultFile} in the current folder)`)
    .addHelpText('after', `\nEvery option may also stand in ${defaultFile} or in the environment: docs/configuration.md.`)
}

/** Without a default of commander's own, so that what was not given can come from elsewhere. */
function flagOf(entry: Entry): Option {
  const value = defaultOf(entry)
  const shown = value === undefined || value === false || isList(entry) ? '' : ` (default: ${JSON.stringify(value)})`
  const text = `${entry.short ? `-${entry.short}, ` : ''}--${entry.name}${entry.kind === 'flag' ? '' : ` <${entry.argument ?? 'value'}>`}`
  const option = new Option(text, `${entry.help}${isList(entry) ? '; repeatable' : shown}`)
  if (entry.kind === 'whole') option.argParser(whole(entry.min, entry.max))
  if (entry.kind === 'choice') option.choices(entry.choices)
  if (isList(entry)) option.argParser(collected)
  return option
}

export type Surroundings = { readonly env: Readonly<Record<string, string | undefined>>; readonly folder: string }

/** All options: a flag wins over the environment, that over the file, that over the default. `flags` as commander gives them. */
export async function readConfiguration(
  flags: Readonly<Record<string, unknown>>,
  { env, folder }: Surroundings = { env: process.env, folder: process.cwd() },
): Promise<Configuration> {
  const asked = (flags.config as string | undefined) ?? (env.PATRONUS_CONFIG || undefined)
  const file = path.resolve(folder, asked ?? defaultFile)
  const written = await readOptions(file, asked !== undefined)
  const schemas = await schemasOf(configurationList)
  const faults = unknownKeys(Object.keys(written ?? {}), file)
  const settings: Record<string, unknown> = {}
  const from: Record<string, Origin> = {}
  for (const entry of configurationList as readonly Entry[]) {
    const { name } = entry
    const inEnvironment = env[environmentName(name)]
    const [origin, source, value]: [Origin, string, unknown] =
      flags[keyOf(name)] !== undefined
        ? ['flag', `--${name}`, flags[keyOf(name)]]
        : inEnvironment
          ? ['environment', environmentName(name), readText(entry, inEnvironment)]
          : written && Object.hasOwn(written, name)
            ? ['file', `${file}: ${name}`, written[name]]
            : ['default', name, defaultOf(entry)]
    const parsed = schemas.get(name)!.safeParse(value)
    if (!parsed.success) faults.push(`${source}: wanted ${wantedBy(entry)}, got ${entry.secret ? 'something else' : got(value)}`)
    from[name] = origin
    // A folder in a file is meant from where the file lies, wherever the command is called.
    settings[keyOf(name)] = parsed.success && origin === 'file' ? fromFolder(entry, parsed.data, path.dirname(file)) : value
  }
  if (faults.length > 0) throw new Failure(faults.join('\n'))
  return { settings: settings as Settings, from, ...(written && { file }), strangers: strangersIn(env) }
}

const got = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80)

function fromFolder({ kind }: Entry, value: unknown, folder: string): unknown {
  if (kind === 'folder') return path.resolve(folder, value as string)
  return kind === 'folders' ? (value as string[]).map(each => path.resolve(folder, each)) : value
}

/** The file's content; undefined when there is none and nobody asked for it by name. */
async function readOptions(file: string, isAsked: boolean): Promise<Record<string, unknown> | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && !isAsked) return undefined
    throw new Failure(`${file}: cannot be read (${error.code ?? error.message}); name a JSON file with --config`)
  })
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The parser's own message quotes the text, which may hold the token.
    const [place = ''] = /at position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message) ?? []
    throw new Failure(`${file}: wanted JSON, such as {"port": 8188}, got something else${place && ` ${place}`}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Failure(
      `${file}: wanted an object of options, such as {"port": 8188}, got ${value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`}`,
    )
  return value as Record<string, unknown>
}

function unknownKeys(keys: readonly string[], file: string): string[] {
  const names = configurationList.map(({ name }) => name)
  return keys
    .filter(key => !names.some(name => name === key))
    .map(key => {
      const near = nearestName(key, names)
      const hint = near ? `did you mean "${near}"?` : `the options are ${names.join(', ')}`
      return `${file}: there is no option ${JSON.stringify(key.slice(0, 80))}; ${hint}`
    })
}

const strangersIn = (env: Surroundings['env']): string[] => {
  const known = [...configurationList.map(({ name }) => environmentName(name)), ...otherVariables]
  return Object.keys(env).filter(key => key.startsWith('PATRONUS_') && !known.includes(key))
}

/** Text of the environment as a value of the file; what does not fit stays text and is refused by the schema. */
function readText(entry: Entry, text: string): unknown {
  if (entry.kind === 'whole') return /^\s*-?\d+\s*$/.test(text) ? Number(text) : text
  if (entry.kind === 'flag') return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : text
  if (isList(entry))
    return text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  return text
}

async function schemasOf(list: readonly Entry[]): Promise<Map<string, ZodType>> {
  const { z } = await import('zod')
  const text = z.string().min(1)
  const schemaOf = (entry: Entry): ZodType => {
    if (entry.kind === 'whole') return z.number().int().min(entry.min).max(entry.max)
    if (entry.kind === 'choice') return z.enum(entry.choices as [string, ...string[]])
    if (entry.kind === 'flag') return z.boolean()
    if (isList(entry)) return z.array(text)
    return defaultOf(entry) === undefined ? text.optional() : text
  }
  return new Map(list.map(entry => [entry.name, schemaOf(entry)]))
}
